"""The sweep of a continuous scan: velocity and run-up, and why one cannot be done."""

from __future__ import annotations

import pytest

from ronda.framework.errors import OutOfRange
from ronda.framework.scan.sweep import sweep


def test_the_run_up_is_what_the_acceleration_takes_in_either_direction() -> None:
    up = sweep("samy", 1.0, 0.01, 100, 0.01, acceleration_time=0.2, margin=0.0)
    assert (up.velocity, up.run_up) == (pytest.approx(1.0), pytest.approx(0.1))
    assert (up.begins, up.end, up.rests) == (pytest.approx(0.9), pytest.approx(2.0), pytest.approx(2.1))
    down = sweep("samy", 2.0, -0.01, 100, 0.01, acceleration_time=0.2, margin=0.0)
    assert (down.begins, down.end, down.rests) == (pytest.approx(2.1), pytest.approx(1.0), pytest.approx(0.9))


def test_a_slow_sweep_takes_up_the_play_of_its_axis_before_the_first_point() -> None:
    slow = sweep("samy", 1.0, 0.001, 100, 0.01, acceleration_time=0.2, margin=0.1, backlash=-0.02)
    assert (slow.run_up, slow.begins, slow.rests) == (pytest.approx(0.022), pytest.approx(0.978), pytest.approx(1.122))


def test_one_that_is_too_fast_or_too_slow_says_which_time_would_do() -> None:
    with pytest.raises(OutOfRange, match=r"samy: 0.1 mm in 0.01 s takes 10 mm/s, .* 2 mm/s at most; .* 0.05 s or lo"):
        sweep("samy", 0, 0.1, 10, 0.01, acceleration_time=0.1, velocities=(0.001, 2.0), unit="mm")
    with pytest.raises(OutOfRange, match=r"takes 1e-05 mm/s, .* at least; measure each point for 10 s or less"):
        sweep("samy", 0, 0.01, 10, 1000, acceleration_time=0.1, velocities=(0.001, 2.0), unit="mm")


def test_the_axis_may_be_as_fast_as_it_can() -> None:
    assert 0.07 / 0.01 > 7.0  # by the rounding of floats
    fastest = sweep("samy", 0, 0.07, 10, 0.01, acceleration_time=0.1, velocities=(0.001, 7.0), unit="mm")
    assert fastest.velocity == 7.0


@pytest.mark.parametrize(
    ("step", "npoints", "point_time", "says"),
    [(0.0, 5, 0.1, "the step"), (0.1, 0, 0.1, "1 point or more, not 0"), (0.1, 5, 0.0, "greater than 0 s, not 0.0 s")],
)
def test_nonsense_is_refused(step: float, npoints: int, point_time: float, says: str) -> None:
    with pytest.raises(OutOfRange, match=says):
        sweep("samy", 0.0, step, npoints, point_time, acceleration_time=0.1)
