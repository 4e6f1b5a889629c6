"""Dead times are those of the models' equations, sums of regions those of numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.framework.errors import BadValue
from ronda.framework.kernels.fluorescence import RegionSums, live_time_factor, rate_in

REGIONS = [(0, 64), (10, 20), (5, 5), (63, 64)]


@given(st.floats(1, 0.9e6), st.floats(0, 1e-6), st.booleans())
def test_the_rate_that_came_gives_the_rate_that_was_counted(rate: float, dead: float, paralysable: bool) -> None:
    counted = rate * np.exp(-rate * dead) if paralysable else rate / (1 + rate * dead)
    assert rate_in(counted, dead, paralysable=paralysable) == pytest.approx(rate, rel=1e-6)


def test_impossible_rates_are_not_numbers() -> None:
    assert np.isnan(rate_in([1e6, 2e6], 1e-6, paralysable=False)).all()
    assert np.isnan(rate_in([0.4e6, -1], 1e-6, paralysable=True)).all()
    with pytest.raises(BadValue, match="is -1 s, it must not be below 0"):
        rate_in(1, -1, paralysable=True)


def test_counts_are_scaled_by_real_over_live_time() -> None:
    np.testing.assert_array_equal(live_time_factor([2.0, 1.0, 1.0], [1.0, 0.5, 0.0]), [2, 2, np.nan])


@given(st.integers(0, 30), st.integers(0, 9999))
def test_factors_are_those_of_numpy_where_the_detector_lived(number: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    real, live = rng.uniform(0, 2, number), rng.uniform(-0.5, 2, number)
    live[rng.random(number) < 0.2] = rng.choice([0.0, np.nan])
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(live_time_factor(real, live), np.where(live > 0, real / live, np.nan))


@given(
    st.sampled_from(["u4", "f4"]), st.integers(0, 6), st.integers(1, 4), st.sampled_from([0, 0.02, 1]),
    st.sampled_from([0, 0.3, 100]), st.integers(0, 9999),
)  # fmt: skip
def test_sums_of_regions_are_those_of_numpy(
    dtype: str, points: int, elements: int, saturated: float, level: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    spectra = rng.poisson(level, (points, elements, 64)).astype(dtype)
    spectra[rng.random(spectra.shape) < saturated] = np.iinfo("u4").max if dtype == "u4" else 1e9
    factors = rng.uniform(1, 2, (points, elements))
    factors[rng.random(factors.shape) < 0.2] = np.nan
    sums = RegionSums(elements, 64, dtype, REGIONS)
    taken = np.isfinite(factors)
    for region, (first, behind) in enumerate(REGIONS):
        counts = spectra[:, :, first:behind].sum(axis=-1, dtype=np.float64)
        number = taken.sum(axis=1)
        exact = np.divide(
            np.nansum(factors * counts, axis=1) * elements, number, out=np.full(points, np.nan), where=number > 0
        )
        np.testing.assert_allclose(sums(spectra, factors)[:, region], exact, rtol=1e-12)
        np.testing.assert_allclose(sums(spectra[::-1])[:, region], counts.sum(axis=1)[::-1], rtol=1e-12)


def test_wrong_spectra_are_refused() -> None:
    sums = RegionSums(2, 64, "u4", REGIONS)
    with pytest.raises(BadValue, match="a block is uint32 of points x 2 x 64, not uint32 of 3 x 64"):
        sums(np.zeros((3, 64), "u4"))
    with pytest.raises(BadValue, match="the factors are 3, for these spectra they must be 3 x 2"):
        sums(np.zeros((3, 2, 64), "u4"), np.ones(3))
    with pytest.raises(BadValue, match=r"channels 60 to 70 .not included. do not lie on a spectrum of 64"):
        RegionSums(2, 64, "u4", [(60, 70)])
    with pytest.raises(BadValue, match="does not compute with int8; convert to one of uint16, uint32, float32"):
        RegionSums(2, 64, "i1", [])
