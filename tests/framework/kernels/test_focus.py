"""The focus measure is that of numpy's transform, and is largest where the image is sharp."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from ronda.framework.errors import BadValue
from ronda.framework.kernels.focus import FocusMeasure
from tests.framework.kernels.frames import Case, cases


def exact(values: np.ndarray, band: tuple[float, float]) -> float:
    """By the whole transform in float64."""
    if not np.isfinite(values).any():
        return np.nan
    image = np.nan_to_num(values - np.nanmean(values), nan=0.0)
    rows, columns = image.shape
    power = np.abs(np.fft.fft2(image * np.outer(np.hanning(rows), np.hanning(columns)))) ** 2
    power[0, 0] = 0
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(columns)[None, :])
    return power[(frequency >= band[0]) & (frequency <= band[1])].sum() / power.sum()


@given(cases(("u2", "i4", "f4"), shape=(24, 33)), st.sampled_from([(0.05, 0.35), (0.2, 0.8)]))
def test_the_measure_is_that_of_numpy(case: Case, band: tuple[float, float]) -> None:
    measure = FocusMeasure(case.frame.shape, case.frame.dtype, band=band, mask=case.mask, limits=case.limits)
    found = measure(case.frame)
    if np.unique(case.values[case.good]).size < 2:
        assert np.isnan(found)
    elif np.nanstd(case.values) > 1e-6 * np.nanmax(np.abs(case.values)):  # float32 tells no less
        assert found == pytest.approx(exact(case.values, band), abs=2e-3)


@given(st.integers(0, 99), st.integers(64, 128))
def test_it_is_largest_in_focus(seed: int, side: int) -> None:
    rng = np.random.default_rng(seed)
    sharp = rng.poisson(2000 * (rng.random((side, side)) < 0.1)).astype(float)
    measure = FocusMeasure((side, side), "f8")
    blurred = [measure(gaussian_filter(sharp, width) * 3) for width in (1.0, 1.5, 2.0, 3.0)]
    assert blurred == sorted(blurred, reverse=True)


def test_a_frame_without_structure_has_none() -> None:
    assert np.isnan(FocusMeasure((8, 8), "u2")(np.full((8, 8), 7, "u2")))
    with pytest.raises(BadValue, match="a frame has at least 8 x 8 pixels, not 4 x 8"):
        FocusMeasure((4, 8), "u2")
    with pytest.raises(BadValue, match=r"a band from 0.3 to 0.1 periods per pixel is none"):
        FocusMeasure((8, 8), "u2", band=(0.3, 0.1))
