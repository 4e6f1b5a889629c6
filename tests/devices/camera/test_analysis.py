"""What is computed from frames, against frames made for it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ronda.devices.camera.analysis import beam_position, full_width, region_statistics

FWHM = 2 * math.sqrt(2 * math.log(2))


def frame(x: float, y: float, width: float, height: float, peak: float, seed: int = 1) -> np.ndarray:
    """A spot on an offset of 100 with a noise of 3."""
    rows, columns = np.mgrid[:256, :320]
    spot = peak * np.exp(-0.5 * (((columns - x) * FWHM / width) ** 2 + ((rows - y) * FWHM / height) ** 2))
    return (100 + np.random.default_rng(seed).normal(0, 3, spot.shape) + spot).round().clip(0, 4095).astype("<u2")


@given(arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=30)))
def test_statistics_of_a_region_are_those_of_numpy(region: np.ndarray) -> None:
    found = region_statistics(region)
    exact = region.astype(np.float64)
    assert found["sum"] == exact.sum()
    assert found["avg"] == pytest.approx(exact.mean())
    assert found["std"] == pytest.approx(exact.std(), abs=1e-9)
    assert (found["min"], found["max"]) == (exact.min(), exact.max())


@given(
    st.floats(60, 260), st.floats(60, 190), st.floats(5, 40), st.floats(5, 40), st.floats(300, 3500), st.integers(0, 99)
)
def test_the_spot_is_found_where_it_is(x: float, y: float, width: float, height: float, peak: float, seed: int) -> None:
    found = beam_position(frame(x, y, width, height, peak, seed))
    assert found["x"] == pytest.approx(x, abs=0.5)
    assert found["y"] == pytest.approx(y, abs=0.5)
    assert found["fwhm_x"] == pytest.approx(width, rel=0.06, abs=0.5)
    assert found["fwhm_y"] == pytest.approx(height, rel=0.06, abs=0.5)
    assert found["intensity"] == pytest.approx(peak * width * height * 2 * math.pi / FWHM**2, rel=0.06)
    assert found["peak"] == pytest.approx(peak, rel=0.1, abs=15)


def test_a_hot_pixel_is_no_spot() -> None:
    dark = frame(0, 0, 1, 1, 0)
    dark[30, 40] = 4000
    found = beam_position(dark)
    assert all(math.isnan(found[name]) for name in ("x", "y", "fwhm_x", "fwhm_y"))
    assert found["intensity"] == 0


def test_a_hot_pixel_far_away_does_not_move_the_spot() -> None:
    image = frame(100, 100, 20, 20, 2000)
    before = beam_position(image)
    image[240, 300] = 4000
    assert beam_position(image)["x"] == pytest.approx(before["x"], abs=0.01)


def test_a_dark_or_empty_frame_has_no_spot() -> None:
    assert math.isnan(beam_position(np.zeros((64, 64), "<u2"))["x"])
    assert math.isnan(beam_position(frame(0, 0, 1, 1, 0))["x"])


def test_a_spot_at_the_edge_has_no_width_that_is_known() -> None:
    assert math.isnan(full_width(np.array([5.0, 4.0, 1.0])))
    assert full_width(np.array([0.0, 1.0, 2.0, 1.0, 0.0])) == pytest.approx(2.0)
