"""The radial background is that of a few lines of numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from ronda.framework.errors import BadValue
from ronda.framework.kernels.background import RadialBackground, rings_around
from tests.framework.kernels.frames import Case, cases


def clipped(values: np.ndarray, clip: float, rounds: int) -> tuple[float, float, int]:
    """Mean, deviation and number, by the words of the reference."""
    chosen = values
    for _ in range(rounds):
        if not chosen.size:
            break
        again = values[np.abs(values - chosen.mean()) <= clip * chosen.std() * (1 + 1e-12) + 1e-12 * abs(chosen.mean())]
        if again.size == chosen.size and (again == chosen).all():
            break
        chosen = again
    return (chosen.mean(), chosen.std(), chosen.size) if chosen.size else (np.nan, np.nan, 0)


@given(cases())
def test_rings_are_clipped_as_by_numpy(case: Case) -> None:
    rows, columns = case.frame.shape
    rings = rings_around(case.frame.shape, columns / 3, rows / 2, 4.0)
    background = RadialBackground(rings, case.frame.dtype, mask=case.mask, limits=case.limits, clip=3.0, rounds=4)
    found = background(case.frame)
    for ring in range(int(rings.max(initial=-1)) + 1):
        chosen = case.values[(rings == ring) & case.good]
        mean, deviation, count = clipped(chosen, 3.0, 4)
        assert found.count[ring] == count
        assert found.mean[ring] == pytest.approx(mean, rel=1e-9, nan_ok=True)
        assert found.deviation[ring] == pytest.approx(deviation, rel=1e-6, abs=1e-7 * max(abs(mean), 1), nan_ok=True)


def test_no_rounds_take_all_values() -> None:
    frame = np.random.default_rng(1).poisson(5, (30, 30)).astype("u2")
    rings = np.zeros((30, 30), int)
    found = RadialBackground(rings, "u2", rounds=0)(frame)
    assert found.mean[0] == pytest.approx(frame.mean())
    assert found.deviation[0] == pytest.approx(frame.std())
    assert found.count[0] == frame.size


def test_pixels_below_ring_zero_are_left_out() -> None:
    rings = np.zeros((4, 4), int)
    rings[0] = -1
    frame = np.ones((4, 4), "u2")
    frame[0] = 100
    background = RadialBackground(rings, "u2")
    assert background(frame).count[0] == 12
    assert np.isnan(background.image(np.array([1.0]))[0]).all()


def test_wrong_rings_are_refused() -> None:
    with pytest.raises(BadValue, match="rings are told by whole numbers, not float64"):
        RadialBackground(np.zeros((3, 3)), "u2")
    with pytest.raises(BadValue, match="clip 0 must be above 0, rounds 5 not below"):
        RadialBackground(np.zeros((3, 3), int), "u2", clip=0)
    with pytest.raises(BadValue, match="their width is 0 pixels, it must be above 0"):
        rings_around((3, 3), 1, 1, 0)
