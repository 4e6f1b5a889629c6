"""A stage: its history, the play between motor and carriage, its limit switches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.simulators.physics.stage import Mechanics, Stage
from ronda.simulators.physics.trajectory import trapezoid


def go(stage: Stage, target: float, velocity: float = 2.0, acceleration: float = 20.0) -> float:
    """Move the motor of a stage to a position in its unit right after its last motion; returns when it arrives."""
    steps = stage.mechanics.steps_per_unit
    start = stage.trajectory.end
    stage.start(trapezoid(start, stage.motor(start), target * steps, velocity * steps, acceleration * steps))
    return stage.trajectory.end


def test_a_carriage_without_play_is_where_its_motor_is() -> None:
    stage = Stage(Mechanics(steps_per_unit=2000), position=1.5)
    end = go(stage, -3.0)
    assert stage.position(0.0) == 1.5
    assert stage.position(end) == -3.0
    assert stage.motor(end) == -6000


def test_a_carriage_with_play_is_above_its_motor_by_the_play_after_a_move_downwards() -> None:
    stage = Stage(Mechanics(play=0.008))
    up = go(stage, 1.0)
    down = go(stage, 0.5)
    assert stage.position(up) == pytest.approx(1.0)
    assert stage.position(down) == pytest.approx(0.508)


def test_a_carriage_stands_while_the_motor_turns_through_the_play() -> None:
    stage = Stage(Mechanics(play=0.008))
    go(stage, 1.0)
    end = go(stage, 0.995)
    assert stage.position(end) == pytest.approx(1.0)
    end = go(stage, 0.999)
    assert stage.position(end) == pytest.approx(1.0)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=8), st.floats(0, 1))
def test_a_carriage_is_never_below_its_motor_nor_more_than_the_play_above(targets: list[float], when: float) -> None:
    stage = Stage(Mechanics(play=0.1))
    end = max(go(stage, target) for target in targets)
    time = when * end
    ahead = stage.position(time) - stage.motor(time) / 2000
    assert -1e-9 <= ahead <= 0.1 + 1e-9


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=8))
def test_a_carriage_moves_without_jumps(targets: list[float]) -> None:
    stage = Stage(Mechanics(play=0.1))
    times = [go(stage, target) for target in targets]
    for time in times:
        assert stage.position(time - 1e-6) == pytest.approx(stage.position(time + 1e-6), abs=1e-5)


def test_the_positions_of_earlier_moves_are_remembered() -> None:
    stage = Stage(Mechanics())
    first = go(stage, 1.0)
    second = go(stage, -1.0)
    go(stage, 4.0)
    assert stage.position(first) == 1.0
    assert stage.position(second) == -1.0
    assert stage.travel(0, second) == pytest.approx(3.0)
    assert stage.changes(first, second)[0] > first


def test_the_upper_switch_brakes_a_move_that_runs_into_it() -> None:
    stage = Stage(Mechanics(upper_switch=2.0))
    end = go(stage, 10.0, velocity=2.0, acceleration=20.0)
    assert stage.position(end) == pytest.approx(2.0 + 2.0**2 / (2 * 20.0))
    assert stage.on_upper_switch(end)
    assert not stage.on_upper_switch(0.0)
    assert not stage.on_lower_switch(end)


def test_the_lower_switch_is_hit_by_the_carriage_not_the_motor() -> None:
    stage = Stage(Mechanics(lower_switch=-2.0, play=0.5))
    end = go(stage, -10.0, velocity=2.0, acceleration=20.0)
    assert stage.position(end) == pytest.approx(-2.1)
    assert stage.motor(end) == pytest.approx(-2.6 * 2000)
    assert stage.on_lower_switch(end)


def test_a_move_off_a_switch_is_free() -> None:
    stage = Stage(Mechanics(lower_switch=-2.0, upper_switch=2.0))
    go(stage, 10.0)
    end = go(stage, 0.0)
    assert stage.position(end) == 0.0
    assert not stage.on_upper_switch(end)


def test_a_move_that_ends_on_the_switch_closes_it() -> None:
    stage = Stage(Mechanics(upper_switch=2.0))
    end = go(stage, 2.0)
    assert stage.position(end) == 2.0
    assert stage.on_upper_switch(end)


def test_the_home_switch_is_closed_over_its_width() -> None:
    stage = Stage(Mechanics(home=1.0, home_width=0.2))
    assert not stage.on_home_switch(0.0)
    assert stage.on_home_switch(go(stage, 0.95))
    assert not stage.on_home_switch(go(stage, 1.2))


def test_a_braked_move_leaves_what_came_before_as_it_was() -> None:
    stage = Stage(Mechanics())
    go(stage, 10.0)
    before = stage.position(2.0)
    stage.brake(3.0)
    assert stage.position(2.0) == before
    assert stage.trajectory.end == pytest.approx(3.1)
    rest = stage.position(100.0)
    stage.brake(50.0)
    stage.halt(50.0)
    assert stage.position(100.0) == rest
