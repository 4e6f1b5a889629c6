"""All spectra of a scan as an image of bounded size."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ronda.shell.view.waterfall import COLUMNS, ROWS, Waterfall


@given(st.lists(st.integers(1, 400), max_size=8))
def test_rows_are_thinned_out_evenly_however_blocks_are_cut(counts: list[int]) -> None:
    fall, first = Waterfall(2), 0
    for count in counts:
        fall.put(first, np.repeat(np.arange(first, first + count), 2).reshape(-1, 2))
        first += count
    image = fall.image()
    assert len(image) <= ROWS
    assert fall.every == 1 or len(image) > ROWS // 2
    np.testing.assert_array_equal(image[:, 1], np.arange(0, first, fall.every))


def test_a_point_that_is_missing_is_empty() -> None:
    fall = Waterfall(1)
    fall.put(0, np.array([[1]]))
    fall.put(2, np.array([[3]]))
    np.testing.assert_array_equal(fall.image(), [[1], [np.nan], [3]])


def test_of_long_spectra_neighbouring_channels_are_averaged() -> None:
    fall = Waterfall(2 * COLUMNS + 1)
    fall.put(0, np.arange(2 * COLUMNS + 1)[np.newaxis])
    image = fall.image()
    assert fall.merged == 3
    assert image.shape == (1, -(-(2 * COLUMNS + 1) // 3))
    np.testing.assert_array_equal(image[0, :3], [1, 4, 7])
    assert image[0, -1] == np.arange(2 * COLUMNS + 1)[(image.shape[1] - 1) * 3 :].mean()
