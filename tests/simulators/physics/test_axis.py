"""The drive electronics of an axis."""

from __future__ import annotations

import pytest

from ronda.simulators.physics.axis import Axis, Range, Refused
from ronda.simulators.physics.stage import Mechanics, Stage


@pytest.fixture
def axis() -> Axis:
    stage = Stage(Mechanics(steps_per_unit=1000, lower_switch=-5, upper_switch=5))
    return Axis(
        3,
        stage,
        velocity=1000.0,
        acceleration_time=0.5,
        velocities=Range(1, 1e5),
        acceleration_times=Range(0.01, 10),
    )


def test_a_changed_velocity_holds_from_the_next_move_on(axis: Axis) -> None:
    axis.move(1000, 0.0)
    axis.velocity = 100.0
    assert axis.stage.trajectory.end == pytest.approx(1.5)
    axis.move(0, 2.0)
    assert axis.stage.trajectory.end == pytest.approx(2.0 + 10.5)


def test_a_redefined_position_moves_nothing(axis: Axis) -> None:
    axis.redefine(12345, 0.0)
    assert axis.position(0.0) == 12345
    assert axis.stage.position(0.0) == 0.0
    axis.move(12345 + 1000, 0.0)
    assert axis.stage.position(10.0) == 1.0
    assert axis.position(10.0) == 13345


def test_a_moving_axis_refuses_another_move_and_a_redefinition(axis: Axis) -> None:
    axis.move(1000, 0.0)
    with pytest.raises(Refused, match="axis 3 is moving"):
        axis.check_move(0, 1.0)
    with pytest.raises(Refused, match="axis 3 is moving"):
        axis.redefine(0, 1.0)


def test_an_axis_that_is_off_stands_and_refuses_to_move(axis: Axis) -> None:
    axis.move(4000, 0.0)
    axis.power(False, 1.0)
    assert not axis.moving(1.0)
    with pytest.raises(Refused, match="axis 3 is off"):
        axis.check_move(0, 1.0)
    axis.power(True, 2.0)
    axis.check_move(0, 2.0)


def test_a_following_fault_stops_the_axis_until_its_power_is_switched_on(axis: Axis) -> None:
    axis.move(4000, 0.0)
    axis.fail(1.0)
    assert axis.position(1.0) == axis.position(9.0)
    with pytest.raises(Refused, match="axis 3 has a following fault; switch its power on to clear it"):
        axis.check_move(0, 2.0)
    axis.power(True, 2.0)
    assert not axis.fault
    axis.check_move(0, 2.0)


def test_an_axis_on_a_limit_switch_moves_only_off_it(axis: Axis) -> None:
    axis.move(9000, 0.0)
    with pytest.raises(Refused, match="axis 3 is on its positive limit switch"):
        axis.check_move(8000, 60.0)
    axis.check_move(0, 60.0)
    axis.move(-9000, 60.0)
    with pytest.raises(Refused, match="axis 3 is on its negative limit switch"):
        axis.check_move(-8000, 120.0)


def test_stop_brakes_and_abort_does_not(axis: Axis) -> None:
    axis.move(4000, 0.0)
    axis.stop(2.0)
    assert axis.stage.trajectory.end == pytest.approx(2.5)
    axis.move(0, 3.0)
    axis.abort(4.0)
    assert axis.stage.trajectory.end == 4.0
