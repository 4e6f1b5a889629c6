"""Event histograms are those of numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.framework.errors import BadValue
from ronda.framework.kernels.events import EventHistogram
from ronda.framework.kernels.splitting import Grid
from tests.framework.kernels.frames import LAYOUTS, laid_out

AXES = [Grid(0, 16, 16), Grid(-1, 1, 8), Grid(0, 1000, 5)]


def exact(axes: list[Grid], coordinates: list[np.ndarray]) -> np.ndarray:
    """By numpy; it does not take NaN and counts nothing outside."""
    values = [each.astype(np.float64) for each in coordinates]
    good = np.isfinite(values).all(axis=0)
    ranges, bins = [(axis.low, axis.high) for axis in axes], [axis.bins for axis in axes]
    return np.histogramdd([each[good] for each in values], bins, ranges)[0]


@given(st.integers(1, 3), st.lists(st.integers(0, 200), max_size=4), st.sampled_from(LAYOUTS), st.integers(0, 999))
def test_blocks_are_counted_as_by_numpy(number: int, sizes: list[int], layout: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    axes = AXES[:number]
    dtypes = ["u2", "f4", "f8"][:number]
    histogram = EventHistogram(axes, dtypes)
    total: np.ndarray = np.zeros([axis.bins for axis in axes])
    for size in sizes:
        # on multiples of a power of two both compute edges without rounding
        block = [
            rng.integers(0, 18, size).astype("u2"),
            (rng.integers(-80, 81, size) / 64).astype("f4"),
            rng.uniform(-100, 1100, size),
        ][:number]
        block[0][rng.random(size) < 0.05] = 65535  # as a detector says that it is saturated
        if number > 1:
            block[1][rng.random(size) < 0.05] = np.nan
        if number > 2:
            block[2][rng.random(size) < 0.05] = rng.choice([np.inf, -np.inf])
        histogram.add(*(laid_out(each[None, :], layout)[0] for each in block))
        total += exact(axes, block)
    np.testing.assert_array_equal(histogram.counts, total)
    assert histogram.counts.dtype == np.uint32
    assert histogram.outside == sum(sizes) - total.sum()
    histogram.clear()
    assert histogram.counts.sum() == histogram.outside == 0


def test_wrong_blocks_are_refused_and_nothing_of_them_is_counted() -> None:
    histogram = EventHistogram(AXES[:2])
    for block in ([np.zeros(3)], [np.zeros(3), np.zeros(4)], [np.zeros(3), np.zeros(3, "f4")], [np.zeros((1, 3))] * 2):
        with pytest.raises(
            BadValue, match="a block is one array for each of the 2 axes, equally long, of float64, float64"
        ):
            histogram.add(*block)
    assert histogram.counts.sum() == histogram.outside == 0


@pytest.mark.parametrize(
    ("axes", "dtypes", "message"),
    [
        ([], None, "has one to three axes, not 0"),
        ([Grid(1, 1, 5)], None, "5 bins from 1 to 1 are no axis; it has at least one, and the lower edge first"),
        ([Grid(0, 1, 10**10)], None, "1e.10 bins are more than 1073741824; take wider ones"),
        ([Grid(0, 1, 2)], ["c16"], "1 axes need as many dtypes, each one of uint8, .* given are complex128"),
    ],
)
def test_wrong_axes_are_refused(axes: list[Grid], dtypes: list[str] | None, message: str) -> None:
    with pytest.raises(BadValue, match=message):
        EventHistogram(axes, dtypes)
