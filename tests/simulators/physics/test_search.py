"""The search for a reference mark finds the same place from wherever it begins, or says what it did not find."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.simulators.physics.search import Mark, search
from ronda.simulators.physics.stage import Mechanics, Stage

VELOCITY, ACCELERATION = 2000.0, 20000.0
PLACES = {"home": 3.0, "index": -2.0, "lower_switch": -10.0, "upper_switch": 10.0}


def stage(position: float = 0.0, **mechanics: float | None) -> Stage:
    return Stage(Mechanics(steps_per_unit=1000, **{**PLACES, **mechanics}), position)


@given(position=st.floats(-9.9, 9.9), mark=st.sampled_from([Mark.HOME, Mark.INDEX]), direction=st.sampled_from([1, -1]))
def test_the_same_edge_is_latched_from_anywhere(position, mark, direction):
    found = search(stage(position), 0.0, mark, direction, VELOCITY, ACCELERATION)
    edge = 3.0 - direction * 0.05 if mark == Mark.HOME else -2.0
    assert found.latched == pytest.approx(1000 * edge)


@given(position=st.floats(-9.5, 9.5), play=st.floats(0, 0.02), direction=st.sampled_from([1, -1]))
def test_play_does_not_move_the_place_that_is_latched(position, play, direction):
    there = stage(position, play=play)
    found = search(there, 0.0, Mark.HOME, direction, VELOCITY, ACCELERATION)
    assert found.latched == pytest.approx(there.motor_at(3.0 - direction * 0.05, direction))


@pytest.mark.parametrize(("mark", "place"), [(Mark.LOW, -10.0), (Mark.HIGH, 10.0)])
@pytest.mark.parametrize("position", [-10.05, -3.0, 10.05])
def test_a_limit_is_latched_where_its_switch_trips(mark, place, position):
    there = stage(position)
    assert search(there, 0.0, mark, 1, VELOCITY, ACCELERATION).latched == pytest.approx(1000 * place)
    end = there.trajectory.end
    assert there.on_lower_switch(end) if mark == Mark.LOW else there.on_upper_switch(end)


def test_what_is_not_there_is_not_found():
    there = stage(home=None, index=None)
    for mark, name in ((Mark.HOME, "home switch"), (Mark.INDEX, "index mark")):
        outcome = search(there, there.trajectory.end, mark, 1, VELOCITY, ACCELERATION)
        assert (outcome.latched, outcome.failure) == (None, f"no {name} between the limit switches")


def test_without_mark_and_switches_the_search_goes_on_for_ever():
    there = stage(home=None, lower_switch=None, upper_switch=None)
    search(there, 0.0, Mark.HOME, 1, VELOCITY, ACCELERATION)
    assert there.trajectory.end > 1e6


def test_braking_in_a_search_forgets_what_was_to_follow():
    there = stage(5.0)
    search(there, 0.0, Mark.HOME, 1, VELOCITY, ACCELERATION)
    there.brake(1.0)
    assert there.trajectory.end == pytest.approx(1.1)
    assert there.position(100.0) == pytest.approx(7.0)
