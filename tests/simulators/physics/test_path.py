"""Paths of an axis through knots, divided into motions in one direction."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ronda.simulators.physics.path import Knot, fastest, motions, phases

numbers = st.floats(-1000, 1000).map(lambda number: round(number, 6))


@st.composite
def paths(draw: st.DrawFn) -> list[Knot]:
    count = draw(st.integers(2, 10))
    positions = draw(st.lists(numbers, min_size=count, max_size=count))
    inner = draw(st.lists(numbers, min_size=count - 2, max_size=count - 2))
    steps = draw(st.lists(st.floats(0.1, 3), min_size=count, max_size=count))
    times = [sum(steps[: place + 1]) for place in range(count)]
    return [Knot(*each) for each in zip(times, positions, [0.0, *inner, 0.0], strict=True)]


@settings(max_examples=300, deadline=None)
@given(paths())
def test_motions_follow_each_other_pass_all_knots_and_never_turn(path: list[Knot]) -> None:
    divided = motions(phases(path), 1.0)
    assert divided[0].start == path[0].time
    assert divided[-1].end == path[-1].time
    for motion, following in pairwise(divided):
        assert motion.end == following.start
        assert motion.target == following.origin
    for knot in path:
        motion = next(one for one in reversed(divided) if one.start <= knot.time)
        assert motion.position(knot.time) == pytest.approx(knot.position, rel=1e-6, abs=1e-6)
    for motion in divided:
        times = [motion.start + (motion.end - motion.start) * part / 50 for part in range(51)]
        places = [motion.position(time) for time in times]
        assert all((after - before) * motion.direction >= -1e-6 for before, after in pairwise(places))


@settings(max_examples=200, deadline=None)
@given(paths())
def test_it_is_nowhere_faster_than_it_says(path: list[Knot]) -> None:
    found = phases(path)
    velocity, acceleration = fastest(pairwise(found))
    for phase, following in pairwise(found):
        for part in range(21):
            time = phase.start + (following.start - phase.start) * part / 20
            assert abs(phase.velocity_at(time)) <= velocity * (1 + 1e-9) + 1e-9
            assert abs(phase.acceleration + phase.jerk * (time - phase.start)) <= acceleration * (1 + 1e-9) + 1e-9


@settings(max_examples=200, deadline=None)
@given(paths(), st.floats(0.01, 0.99))
def test_a_motion_says_when_it_passes_a_place_and_brakes_from_there(path: list[Knot], part: float) -> None:
    for motion in motions(phases(path), 500.0):
        place = motion.origin + part * (motion.target - motion.origin)
        when = motion.time_at(place)
        if abs(motion.target - motion.origin) < 1e-3:
            continue
        assert when is not None
        assert motion.position(when) == pytest.approx(place, rel=1e-6, abs=1e-6)
        braked = motion.braked(when)
        speed = abs(motion.velocity(when))
        assert braked.end == pytest.approx(when + speed / 500.0, abs=1e-9)
        assert abs(braked.target - place) == pytest.approx(speed**2 / 1000.0, rel=1e-6, abs=1e-5)
