"""The smooth way of axes through given positions: what it passes, how far it reaches, and how it begins and ends."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ronda.framework.errors import BadValue
from ronda.framework.scan.trajectory import Trajectory, slower, through

numbers = st.floats(-100, 100).map(lambda number: round(number, 6))
intervals = st.floats(0.01, 10)


@st.composite
def ways(draw, most_axes=3):
    """A way of some axes through some positions."""
    axes, knots = draw(st.integers(1, most_axes)), draw(st.integers(2, 12))
    rows = draw(st.lists(st.lists(numbers, min_size=axes, max_size=axes), min_size=knots, max_size=knots))
    steps = draw(st.lists(intervals, min_size=knots - 1, max_size=knots - 1))
    names = [f"axis{number}" for number in range(axes)]
    return through(names, np.concatenate([[0.0], np.cumsum(steps)]), np.array(rows))


def fine(way, parts=400):
    return np.linspace(way.times[0], way.times[-1], parts)


@settings(max_examples=200, deadline=None)
@given(ways())
def test_it_passes_each_position_exactly_and_never_leaves_its_reach(way):
    assert way.at(way.times) == pytest.approx(way.positions, rel=1e-9, abs=1e-9)
    assert (way.at(way.times[[0, -1]]) == way.positions[[0, -1]]).all()
    low, high = way.reach()
    places = way.at(fine(way))
    room = 1e-9 * (1 + np.abs(places).max(axis=0))
    assert (places >= low - room).all()
    assert (places <= high + room).all()
    for bound in (low, high):  # it is the least reach: each bound is come to, within what the fine division misses
        step = np.abs(np.diff(places, axis=0)).max(axis=0)
        assert (np.abs(places - bound).min(axis=0) <= step + room).all()


@settings(max_examples=200, deadline=None)
@given(ways())
def test_it_is_nowhere_faster_than_it_says(way):
    velocity, acceleration = way.fastest()
    times = fine(way, 2000)
    step = times[1] - times[0]
    places = way.at(times)
    scale = 1e-9 * (1 + np.abs(places).max(axis=0))
    assert (np.abs(np.diff(places, axis=0)) / step <= velocity * (1 + 1e-6) + scale / step).all()
    assert (np.abs(np.diff(places, 2, axis=0)) / step**2 <= acceleration * (1 + 1e-6) + 4 * scale / step**2).all()


@settings(max_examples=200, deadline=None)
@given(ways(), st.lists(st.floats(0.1, 1000), min_size=3, max_size=3))
def test_it_runs_up_and_brakes_with_the_acceleration_of_each_axis(way, accelerations):
    most = np.array(accelerations[: len(way.axes)])
    whole, first = way.with_run_up(most)
    assert whole.times[0] == 0
    assert (np.diff(whole.times) > 0).all()
    assert not whole.velocities[[0, -1]].any()
    inside = way.times - way.times[0] + first
    assert whole.at(inside) == pytest.approx(way.positions, rel=1e-6, abs=1e-6)
    before, after = whole.times <= first + 1e-12, whole.times >= first + way.duration - 1e-9
    for ramp in (before, after):
        if ramp.sum() > 1:
            part = Trajectory(whole.axes, whole.times[ramp], whole.positions[ramp], whole.velocities[ramp])
            assert (part.fastest()[1] <= most * (1 + 1e-6) + 1e-9 * np.abs(way.velocities).max()).all()


@settings(max_examples=100, deadline=None)
@given(ways())
def test_back_is_the_same_way_in_the_other_direction(way):
    back, times = way.back(), fine(way, 50)
    assert back.at(times) == pytest.approx(way.at(way.times[-1] - times + way.times[0]), rel=1e-6, abs=1e-6)


def test_a_line_is_a_line_and_a_circle_nearly_one():
    line = through(["a"], np.array([0.0, 2.0]), np.array([[1.0], [5.0]]))
    assert line.at([1.0])[0] == pytest.approx([3.0])
    turn = np.linspace(0, 2 * math.pi, 41)
    circle = through(["a", "b"], turn, np.stack([np.cos(turn), np.sin(turn)], axis=1))
    assert np.hypot(*circle.at(np.linspace(0, 2 * math.pi, 999)).T) == pytest.approx(np.ones(999), abs=3e-5)
    assert circle.fastest()[1] == pytest.approx([1.0, 1.0], abs=0.02)


def test_it_goes_through_text_unchanged():
    way = through(["a", "b"], np.array([0.0, 0.1, 0.3]), np.array([[1 / 3, 2.0], [0.1, 0.7], [5.0, 6.0]]))
    again, more = Trajectory.from_json(way.to_json(line=3))
    assert more == {"line": 3}
    assert again.axes == way.axes
    assert all((getattr(again, name) == getattr(way, name)).all() for name in ("times", "positions", "velocities"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nothing", 'a trajectory is JSON such as {"axes": '),
        ('{"axes": ["a"], "times": [0], "positions": [[1]], "velocities": [[0]]}', "has 2 knots or more"),
        ('{"axes": ["a"], "times": [0, 1], "positions": [[1, 2], [3, 4]], "velocities": [[0], [0]]}', "of each axis"),
        ('{"axes": ["a"], "times": [1, 1], "positions": [[1], [2]], "velocities": [[0], [0]]}', "its times rise"),
        ('{"axes": ["a"], "times": [0, 1], "positions": [[1], [NaN]], "velocities": [[0], [0]]}', "finite numbers"),
    ],
)
def test_what_is_no_trajectory_is_refused(text, says):
    with pytest.raises(BadValue, match=says):
        Trajectory.from_json(text)


def test_twice_the_velocity_takes_twice_the_time_and_four_times_the_acceleration_as_well():
    assert slower(4.0, 2.0, 1.0, 10.0) == 2.0
    assert slower(1.0, 2.0, 40.0, 10.0) == 2.0
