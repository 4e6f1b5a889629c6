"""The beam on frames made for it, and its moments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.framework.kernels.beam import BeamMetrics, beam_position, full_width
from tests.framework.kernels.frames import Case, cases

FWHM = 2 * math.sqrt(2 * math.log(2))


def frame(x: float, y: float, width: float, height: float, peak: float, seed: int = 1) -> np.ndarray:
    """A spot on an offset of 100 with a noise of 3."""
    rows, columns = np.mgrid[:256, :320]
    spot = peak * np.exp(-0.5 * (((columns - x) * FWHM / width) ** 2 + ((rows - y) * FWHM / height) ** 2))
    return (100 + np.random.default_rng(seed).normal(0, 3, spot.shape) + spot).round().clip(0, 4095).astype("<u2")


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


@given(
    st.floats(100, 220), st.floats(100, 150), st.floats(5, 15), st.floats(1, 3), st.floats(-80, 80), st.integers(0, 99)
)
def test_moments_are_those_of_an_ellipse(
    x: float, y: float, sigma: float, ratio: float, angle: float, seed: int
) -> None:
    rows, columns = np.mgrid[:256, :320]
    turn = math.radians(angle)
    along = (columns - x) * math.cos(turn) + (rows - y) * math.sin(turn)
    across = -(columns - x) * math.sin(turn) + (rows - y) * math.cos(turn)
    spot = 3e4 * np.exp(-0.5 * ((along / sigma) ** 2 + (across * ratio / sigma) ** 2))
    image = (100 + np.random.default_rng(seed).normal(0, 3, spot.shape) + spot).round().astype("u2")
    found = BeamMetrics(image.shape, image.dtype)(image)
    assert (found.x, found.y) == (pytest.approx(x, abs=0.1), pytest.approx(y, abs=0.1))
    assert found.major == pytest.approx(sigma, rel=0.04)
    assert found.minor == pytest.approx(sigma / ratio, rel=0.06, abs=0.1)
    xx = (sigma * math.cos(turn)) ** 2 + (sigma / ratio * math.sin(turn)) ** 2
    assert found.sigma_x == pytest.approx(math.sqrt(xx), rel=0.06)
    if ratio > 1.3:
        assert abs((found.angle - angle + 90) % 180 - 90) < 4


@given(st.floats(60, 260), st.floats(60, 190), st.integers(0, 99))
def test_compiled_metrics_are_those_of_plain_numpy(x: float, y: float, seed: int) -> None:
    image = frame(x, y, 20, 30, 2000, seed)
    plain, found = beam_position(image), BeamMetrics(image.shape, image.dtype)(image)
    for name, value in plain.items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-12)


def spoilt(image: np.ndarray, how: str, seed: int) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """A frame with pixels that do not count, which they are, and how they are left out."""
    rng = np.random.default_rng(seed)
    bad = rng.random(image.shape) < (0.01 if how != "random" else 0)
    image = image.copy()
    image[bad] = 65535 if how == "saturated" else rng.integers(0, 60000, int(bad.sum()))
    return image, bad, {"masked": {"mask": bad}, "saturated": {"limits": (0, 65534)}, "random": {}}[how]


@given(
    st.floats(60, 260), st.floats(60, 190), st.floats(8, 14), st.floats(1, 2.5), st.floats(-80, 80),
    st.sampled_from(["random", "masked", "saturated"]), st.integers(0, 9999),
)  # fmt: skip
def test_moments_are_those_of_numpy(
    x: float, y: float, sigma: float, ratio: float, angle: float, how: str, seed: int
) -> None:
    rows, columns = np.mgrid[:256, :320]
    turn = math.radians(angle)
    along = (columns - x) * math.cos(turn) + (rows - y) * math.sin(turn)
    across = -(columns - x) * math.sin(turn) + (rows - y) * math.cos(turn)
    spot = (1000 * np.exp(-0.5 * ((along / sigma) ** 2 + (across * ratio / sigma) ** 2))).round().astype("u2")
    image, bad, options = spoilt(spot, how, seed)
    found = BeamMetrics(image.shape, image.dtype, **options)(image)
    weights = np.where(bad, 0, spot).ravel().astype(float)
    places = np.stack([columns.ravel(), rows.ravel()])
    exact = np.average(places, axis=1, weights=weights)
    second = np.cov(places, aweights=weights, ddof=0)
    widths = np.sqrt(np.linalg.eigvalsh(second))
    assert (found.x, found.y) == pytest.approx(tuple(exact), rel=1e-9)
    assert (found.sigma_x, found.sigma_y) == pytest.approx(tuple(np.sqrt(np.diag(second))), rel=1e-9)
    assert (found.minor, found.major) == pytest.approx(tuple(widths), rel=1e-9)
    assert found.intensity == weights.sum()
    assert found.peak == weights.max()


@given(st.floats(60, 260), st.floats(60, 190), st.sampled_from(["masked", "saturated"]), st.integers(0, 9999))
def test_what_is_left_out_counts_as_background(x: float, y: float, how: str, seed: int) -> None:
    image, bad, options = spoilt(frame(x, y, 20, 30, 2000, seed), how, seed)
    found = BeamMetrics(image.shape, image.dtype, **options)(image)
    filled = np.where(bad, found.background, image)
    for name, value in beam_position(filled).items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-9)


def test_masked_and_saturated_pixels_do_not_move_the_beam() -> None:
    image = frame(100, 100, 20, 20, 2000)
    before = beam_position(image)
    mask = np.zeros(image.shape, bool)
    mask[:, 200:210] = True
    image[:, 200:210] = 4095
    image[10:13, 10:200] = 65535
    found = BeamMetrics(image.shape, image.dtype, mask=mask, limits=(0, 65534))(image)
    assert found.x == pytest.approx(before["x"], abs=0.05)
    assert found.intensity == pytest.approx(before["intensity"], rel=0.01)


@given(cases())
def test_any_frame_has_a_beam_or_none(case: Case) -> None:
    metrics = BeamMetrics(case.frame.shape, case.frame.dtype, mask=case.mask, limits=case.limits)
    found = metrics(case.frame)
    assert math.isnan(found.x) == (found.intensity == 0)
    assert math.isnan(found.x) or found.intensity > 0
