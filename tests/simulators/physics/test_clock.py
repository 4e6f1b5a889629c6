"""The simulated world's time."""

from __future__ import annotations

import pytest

from ronda.simulators.physics.clock import Clock


def test_simulated_time_runs_faster_than_real_time_by_its_speed() -> None:
    real = 100.0
    clock = Clock(speed=10.0, source=lambda: real)
    assert clock.now() == 0.0
    real = 102.0
    assert clock.now() == 20.0


def test_a_change_of_speed_does_not_jump() -> None:
    real = 0.0
    clock = Clock(speed=1.0, source=lambda: real)
    real = 5.0
    clock.speed = 100.0
    assert clock.now() == 5.0
    real = 6.0
    assert clock.now() == 105.0


def test_real_is_the_inverse_of_now() -> None:
    real = 50.0
    clock = Clock(speed=4.0, source=lambda: real)
    real = 60.0
    clock.speed = 2.0
    real = 70.0
    assert clock.real(clock.now()) == pytest.approx(70.0)
    assert clock.real(clock.now() - 10.0) == pytest.approx(65.0)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_time_does_not_stand_still_or_run_backwards(speed: float) -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="speed should be greater than 0"):
        clock.speed = speed
