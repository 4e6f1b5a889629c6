"""Paths: an axis passes given positions at given times with given velocities, on a cubic polynomial between two."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ronda.simulators.physics.trajectory import Phase, Trajectory

STILL = 1e-9
"""Part of the highest velocity below which it is none."""


@dataclass(frozen=True, slots=True)
class Knot:
    """Where an axis passes.

    Attributes:
        time: in s.
        position: in any unit, here u.
        velocity: in u/s.
    """

    time: float
    position: float
    velocity: float


def phases(knots: Sequence[Knot]) -> list[Phase]:
    """The cubic polynomials between knots, divided where the direction changes; from rest to rest.

    With h the time from a knot to the next, p their positions and v their velocities, the position after s is
    p₀ + v₀ s + c s² + d s³ with c = (3 (p₁ − p₀) / h − 2 v₀ − v₁) / h and d = (2 (p₀ − p₁) / h + v₀ + v₁) / h²
    (cubic Hermite interpolation).
    """
    found: list[Phase] = []
    for knot, following in pairwise(knots):
        h = following.time - knot.time
        mean = (following.position - knot.position) / h
        c = (3 * mean - 2 * knot.velocity - following.velocity) / h
        d = (knot.velocity + following.velocity - 2 * mean) / h**2
        whole = Phase(knot.time, knot.position, knot.velocity, 2 * c, 6 * d)
        found.append(whole)
        for after in _turns(knot.velocity, c, d, h):
            time = knot.time + after
            found.append(Phase(time, whole.position_at(time), 0.0, 2 * c + 6 * d * after, 6 * d))
    return [*found, Phase(knots[-1].time, knots[-1].position, 0.0, 0.0)]


def fastest(found: Iterable[tuple[Phase, Phase]]) -> tuple[float, float]:
    """Highest velocity in u/s and acceleration in u/s² of pairs of successive phases."""
    velocity = acceleration = 0.0
    for phase, following in found:
        h = following.start - phase.start
        times = [0.0, h]
        if phase.jerk and 0 < -phase.acceleration / phase.jerk < h:
            times.append(-phase.acceleration / phase.jerk)
        velocity = max(velocity, *(abs(phase.velocity_at(phase.start + after)) for after in times))
        acceleration = max(acceleration, abs(phase.acceleration), abs(phase.acceleration + phase.jerk * h))
    return velocity, acceleration


def motions(found: Sequence[Phase], braking: float) -> list[Trajectory]:
    """Motions one after the other, each in one direction and from rest to rest.

    Args:
        found: as `phases` gives them.
        braking: deceleration if it is stopped, in u/s².
    """
    divided: list[Trajectory] = []
    group: list[Phase] = []
    way = 0.0
    for phase, following in pairwise(found):
        step = following.position - phase.position
        if group and step * way < 0:
            divided.append(_motion(group, phase.start, phase.position, braking))
            group, way = [], 0.0
        group.append(phase)
        way = way or step
    divided.append(_motion(group, found[-1].start, found[-1].position, braking))
    return divided


def _motion(group: Sequence[Phase], end: float, position: float, braking: float) -> Trajectory:
    return Trajectory((*group, Phase(end, position, 0.0, 0.0)), braking)


def _turns(velocity: float, c: float, d: float, h: float) -> list[float]:
    """When the velocity v + 2 c s + 3 d s² is 0 within 0 < s < h, in order."""
    scale = max(abs(velocity), abs(c) * h, abs(d) * h * h)
    if scale == 0:
        return []
    if abs(d) * h * h <= STILL * scale:
        roots = [-velocity / (2 * c)] if c else []
    else:
        inside = c * c - 3 * d * velocity
        if inside <= 0:  # it never turns, or touches rest only
            return []
        # the form that loses no digits, whatever the signs
        q = -(c + math.copysign(math.sqrt(inside), c))
        roots = [q / (3 * d), *([velocity / q] if q else [])]
    return sorted(root for root in roots if STILL * h < root < (1 - STILL) * h)
