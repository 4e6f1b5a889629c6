"""Motion at constant acceleration: trapezoids, triangles, braking."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.simulators.physics.trajectory import Trajectory, at_rest, trapezoid

starts = st.floats(0, 1e4)
positions = st.floats(-1e6, 1e6).map(round)
velocities = st.floats(1.0, 1e5)
ramp_times = st.floats(0.01, 10.0)
fractions = st.floats(0.0, 1.0)


@st.composite
def trajectories(draw: st.DrawFn) -> Trajectory:
    velocity = draw(velocities)
    return trapezoid(draw(starts), draw(positions), draw(positions), velocity, velocity / draw(ramp_times))


def close(trajectory: Trajectory) -> float:
    """What rounding of times and positions may do to a position."""
    fastest = max(abs(phase.velocity) for phase in trajectory.phases)
    return 1e-9 * (1 + abs(trajectory.origin) + abs(trajectory.target)) + 1e-10 * fastest


@given(starts, positions, positions, velocities, ramp_times)
def test_a_long_move_takes_the_time_of_a_trapezoid_and_a_short_one_that_of_a_triangle(
    start: float, origin: int, target: int, velocity: float, ramp_time: float
) -> None:
    trajectory = trapezoid(start, origin, target, velocity, velocity / ramp_time)
    distance = abs(target - origin)
    if distance >= velocity * ramp_time:
        expected = distance / velocity + ramp_time
    else:
        expected = 2 * math.sqrt(distance * ramp_time / velocity)
    assert trajectory.end - start == pytest.approx(expected, rel=1e-6, abs=1e-8)


@given(trajectories(), fractions, fractions)
def test_a_move_goes_one_way_no_faster_than_its_velocity(move: Trajectory, one: float, other: float) -> None:
    duration = move.end - move.start
    early, late = sorted((move.start + one * duration, move.start + other * duration))
    way = (move.position(late) - move.position(early)) * move.direction
    fastest = max(abs(phase.velocity) for phase in move.phases)
    assert -close(move) <= way <= fastest * (late - early) + close(move)


@given(trajectories(), fractions)
def test_velocity_is_the_slope_of_the_position_and_acceleration_that_of_the_velocity(
    move: Trajectory, fraction: float
) -> None:
    duration = move.end - move.start
    step = 1e-4 * duration
    time = move.start + fraction * duration
    mean = (move.position(time + step) - move.position(time)) / step if step else 0.0
    slack = move.acceleration * step + close(move) / step if step else 0.0
    assert abs(mean - move.velocity(time)) <= slack
    longest = step * (1 + 1e-6) + 2 * math.ulp(time + step)
    assert abs(move.velocity(time + step) - move.velocity(time)) <= move.acceleration * longest + 1e-6


@given(trajectories())
def test_before_its_start_a_thing_is_at_its_origin_and_after_its_end_exactly_at_its_target(move: Trajectory) -> None:
    assert move.position(move.start - 1) == move.origin
    assert move.position(move.end) == move.position(move.end + 1e6) == move.target
    assert move.velocity(move.start - 1) == move.velocity(move.end + 1) == 0


@given(trajectories(), fractions)
def test_braking_keeps_what_was_and_ends_after_the_braking_distance(move: Trajectory, fraction: float) -> None:
    time = move.start + fraction * (move.end - move.start)
    braked = move.braked(time)
    speed = move.velocity(time)
    if speed:
        distance = speed * abs(speed) / (2 * move.acceleration)
        assert braked.target == pytest.approx(move.position(time) + distance, rel=1e-9, abs=close(move))
        assert braked.end - time == pytest.approx(abs(speed) / move.acceleration, rel=1e-6, abs=1e-8)
    assert braked.position(time) == pytest.approx(move.position(time), rel=1e-12, abs=close(move))
    earlier = move.start + 0.5 * (time - move.start)
    assert braked.position(earlier) == move.position(earlier)
    assert (move.target - braked.target) * move.direction >= -close(move)


@given(trajectories(), fractions)
def test_a_halt_stands_at_once_where_it_is(move: Trajectory, fraction: float) -> None:
    time = move.start + fraction * (move.end - move.start)
    halted = move.halted(time)
    assert halted.position(time + 10) == pytest.approx(move.position(time), rel=1e-12, abs=close(move))
    assert halted.end <= max(time, move.start)


@given(trajectories(), fractions)
def test_the_time_at_a_position_is_when_it_is_there(move: Trajectory, fraction: float) -> None:
    position = move.origin + fraction * (move.target - move.origin)
    time = move.time_at(position)
    if move.direction:
        assert time is not None
        assert move.start <= time <= move.end
        assert move.position(time) == pytest.approx(position, rel=1e-6, abs=1e3 * close(move))


def test_a_position_beside_the_way_is_never_reached() -> None:
    move = trapezoid(0, 0, 100, 10, 10)
    assert move.time_at(-1) is None
    assert move.time_at(101) is None
    assert at_rest(0, 5).time_at(5) is None


def test_braking_twice_is_braking_once() -> None:
    move = trapezoid(0, 0, 1000, 10, 10)
    once = move.braked(50.0)
    assert once.braked(50.5).target == pytest.approx(once.target)
    assert once.braked(50.5).end == pytest.approx(once.end)
    assert once.braked(60.0) is once
