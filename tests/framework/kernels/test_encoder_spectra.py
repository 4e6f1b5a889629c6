"""Spectra binned by an encoder are those of numpy, however the stream was cut into blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.framework.errors import BadValue
from ronda.framework.kernels.encoder_spectra import EncoderSpectra, Spectrum

EDGES = np.cumsum(np.r_[-900.0, np.linspace(5, 40, 80)])
"""Of growing width, such as equal steps in energy have."""


def stream(seed: int, samples: int, noise: float, encoder: str = "i4") -> tuple[np.ndarray, np.ndarray]:
    """A monochromator that swings, and a digitiser of three channels."""
    rng = np.random.default_rng(seed)
    turns = np.arange(samples) * rng.uniform(2, 8) / max(samples, 1)
    positions = 1000 * np.sin(2 * np.pi * turns + rng.uniform(0, 6)) + rng.normal(0, noise, samples)
    return rng.integers(-32768, 32768, (samples, 3)).astype("i2"), positions.astype(encoder)


def check(found: Spectrum, samples: np.ndarray, positions: np.ndarray) -> None:
    part = slice(found.first, found.first + found.samples)
    where = positions[part].astype(np.float64)
    finite = np.isfinite(where)
    np.testing.assert_array_equal(found.count, np.histogram(where[finite], EDGES)[0])
    for channel in range(3):
        values = samples[part, channel].astype(np.float64)
        total = np.histogram(where[finite], EDGES, weights=values[finite])[0]
        squares = np.histogram(where[finite], EDGES, weights=values[finite] ** 2)[0]
        np.testing.assert_array_equal(found.total[:, channel], total)
        np.testing.assert_array_equal(found.squares[:, channel], squares)
        for at in np.flatnonzero(found.count)[::7]:
            inside = values[finite & (where >= EDGES[at]) & (where < EDGES[at + 1])]
            if inside.size == found.count[at]:
                assert found.mean[at, channel] == pytest.approx(inside.mean(), abs=1e-9)
                assert found.deviation[at, channel] == pytest.approx(inside.std(), abs=1e-6)
    assert np.isnan(found.mean[found.count == 0]).all()
    assert np.isnan(found.deviation[found.count == 0]).all()


@given(
    st.integers(0, 10**6),
    st.integers(0, 3000),
    st.lists(st.integers(0, 3000), max_size=5),
    st.sampled_from(["i4", "f8"]),
)
def test_spectra_are_those_of_numpy_for_any_blocks(seed: int, size: int, cuts: list[int], encoder: str) -> None:
    samples, positions = stream(seed, size, 3, encoder)
    if encoder == "f8" and size:
        positions[seed % size] = np.nan
    whole, cut = (EncoderSpectra(EDGES, 3, encoder=encoder, hysteresis=60) for _ in range(2))
    first = [*whole.add(samples, positions), whole.flush()]
    second = []
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), size], strict=True):
        second += cut.add(samples[begin:end], positions[begin:end])
    second.append(cut.flush())
    assert len(first) == len(second)
    at = 0
    for one, other in zip(first, second, strict=True):
        assert one.first == other.first == at
        assert (one.samples, one.rising, one.whole) == (other.samples, other.rising, other.whole)
        assert all((getattr(one, name) == getattr(other, name)).all() for name in ("count", "total", "squares"))
        check(one, samples, positions)
        at += one.samples
    assert at == size


def test_each_sweep_is_a_spectrum_in_spite_of_noise() -> None:
    time = np.arange(20_000) / 20_000
    noise = np.random.default_rng(5).normal(0, 4, time.size)
    positions = (1000 * np.cos(2 * np.pi * 5 * time) + noise).astype("i4")
    spectra = EncoderSpectra(EDGES, 1, hysteresis=50)
    found = spectra.add(np.ones((time.size, 1), "i2"), positions)
    assert [one.rising for one in found] == [False, True] * 4 + [False]
    assert [one.whole for one in found] == [False] + [True] * 8
    assert all(abs(one.samples - 2000) < 200 for one in found)
    assert all((one.mean[one.count > 0] == 1).all() for one in found)


def test_without_hysteresis_all_is_one_spectrum() -> None:
    samples, positions = stream(1, 2000, 3)
    spectra = EncoderSpectra(EDGES, 3)
    assert spectra.add(samples, positions) == []
    found = spectra.flush()
    assert found.samples == 2000
    check(found, samples, positions)
    assert spectra.flush().samples == 0


def test_an_encoder_that_jumps_is_sorted_too() -> None:
    rng = np.random.default_rng(4)
    positions = rng.integers(-1200, 1200, 3000).astype("i4")
    samples = rng.integers(-100, 100, (3000, 3)).astype("i2")
    spectra = EncoderSpectra(EDGES, 3)
    spectra.add(samples, positions)
    check(spectra.flush(), samples, positions)


def test_wrong_blocks_and_edges_are_refused() -> None:
    spectra = EncoderSpectra(EDGES, 3)
    for samples, positions in (
        (np.zeros((4, 2), "i2"), np.zeros(4, "i4")),
        (np.zeros((4, 3), "i2"), np.zeros(5, "i4")),
        (np.zeros((4, 3), "i4"), np.zeros(4, "i4")),
        (np.zeros((4, 3), "i2"), np.zeros(4, "f8")),
    ):
        with pytest.raises(BadValue, match="a block is int16 of n x 3 and int32 of n, not"):
            spectra.add(samples, positions)
    assert spectra.flush().samples == 0
    with pytest.raises(BadValue, match="edges of bins are two or more numbers, each above the one before"):
        EncoderSpectra([1, 1], 3)
    with pytest.raises(BadValue, match="positions are int32, int64, float64, not uint8; convert them"):
        EncoderSpectra(EDGES, 3, encoder="u1")
    with pytest.raises(BadValue, match="0 channels are none"):
        EncoderSpectra(EDGES, 0)
    with pytest.raises(BadValue, match="the hysteresis is -1, it must not be below 0"):
        EncoderSpectra(EDGES, 1, hysteresis=-1)
