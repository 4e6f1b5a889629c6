"""The position of a moving thing as a function of time: phases of constant jerk, at rest before and after."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise

HALVINGS = 60
"""How often an interval of time is halved to find when a position is passed: to the last bit."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Motion from `start` on, until the next phase starts: at constant acceleration, or at constant jerk."""

    start: float
    position: float
    velocity: float
    acceleration: float
    jerk: float = 0.0

    def position_at(self, time: float) -> float:
        """Where it is at a time of this phase."""
        after = time - self.start
        return self.position + (self.velocity + (0.5 * self.acceleration + self.jerk / 6.0 * after) * after) * after

    def velocity_at(self, time: float) -> float:
        """How fast it is then, signed."""
        after = time - self.start
        return self.velocity + (self.acceleration + 0.5 * self.jerk * after) * after


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One motion in one direction. Times in s; positions in any unit, here u.

    Attributes:
        phases: in order of time; the last is the rest at the end.
        acceleration: magnitude used to speed up and to brake, in u/s²; 0 for a thing at rest.
    """

    phases: tuple[Phase, ...]
    acceleration: float

    @property
    def start(self) -> float:
        """When it starts."""
        return self.phases[0].start

    @property
    def end(self) -> float:
        """When it comes to rest."""
        return self.phases[-1].start

    @property
    def origin(self) -> float:
        """Where it starts."""
        return self.phases[0].position

    @property
    def target(self) -> float:
        """Where it comes to rest."""
        return self.phases[-1].position

    @property
    def direction(self) -> int:
        """1 upwards, −1 downwards, 0 at rest."""
        return (self.target > self.origin) - (self.target < self.origin)

    def position(self, time: float) -> float:
        """Where it is at a time."""
        phase = self._phase(time)
        return self.origin if phase is None else phase.position_at(time)

    def velocity(self, time: float) -> float:
        """How fast it is at a time, signed, in u/s."""
        phase = self._phase(time)
        return 0.0 if phase is None else phase.velocity_at(time)

    def changes(self, start: float, end: float) -> list[float]:
        """When, between two times, a phase begins."""
        first = bisect_right(self.phases, start, key=_begin)
        last = bisect_left(self.phases, end, key=_begin)
        return [phase.start for phase in self.phases[first:last]]

    def _phase(self, time: float) -> Phase | None:
        place = bisect_right(self.phases, time, key=_begin)
        return self.phases[place - 1] if place else None

    def time_at(self, position: float) -> float | None:
        """When it first passes a position; None if it never does."""
        if not self.direction:
            return None
        for phase, following in pairwise(self.phases):
            distance = position - phase.position
            if (following.position - position) * self.direction >= 0 and distance * self.direction >= 0:
                if distance == 0:
                    return phase.start
                if phase.jerk:
                    return self._passes(phase, following, position)
                # The root of the quadratic that loses no digits, whatever the sign of the acceleration.
                squared = max(phase.velocity**2 + 2 * phase.acceleration * distance, 0.0)
                after = 2 * distance / (phase.velocity + self.direction * math.sqrt(squared))
                return min(phase.start + after, following.start)
        return None

    def _passes(self, phase: Phase, following: Phase, position: float) -> float:
        """When it passes a position between the begins of two phases."""
        low, high = phase.start, following.start
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            if (phase.position_at(middle) - position) * self.direction < 0:
                low = middle
            else:
                high = middle
        return high

    def braked(self, time: float) -> Trajectory:
        """The same motion, braked from a time on until it rests."""
        speed = self.velocity(time)
        if speed == 0:
            return self.halted(time)
        position = self.position(time)
        braking = Phase(time, position, speed, -math.copysign(self.acceleration, speed))
        rest = Phase(
            time + abs(speed) / self.acceleration, position + speed * abs(speed) / (2 * self.acceleration), 0, 0
        )
        return self._cut(time, braking, rest)

    def halted(self, time: float) -> Trajectory:
        """The same motion, stopped dead at a time."""
        if time >= self.end:
            return self
        return self._cut(time, Phase(time, self.position(time), 0, 0))

    def _cut(self, time: float, *rest: Phase) -> Trajectory:
        kept = tuple(phase for phase in self.phases if phase.start < time)
        return Trajectory(kept + rest, self.acceleration)


def _begin(phase: Phase) -> float:
    return phase.start


def at_rest(time: float, position: float) -> Trajectory:
    """A thing that stands at a position from a time on."""
    return Trajectory((Phase(time, position, 0, 0),), 0)


def trapezoid(start: float, origin: float, target: float, velocity: float, acceleration: float) -> Trajectory:
    """A motion that speeds up, cruises and slows down; one too short to reach full speed is a triangle.

    Args:
        start: when it starts, in s.
        origin: where it starts, in u.
        target: where it ends, in u.
        velocity: full speed, greater than 0, in u/s.
        acceleration: greater than 0, in u/s².
    """
    distance = abs(target - origin)
    if distance == 0:
        return at_rest(start, origin)
    peak = min(velocity, math.sqrt(distance * acceleration))
    ramp_time = peak / acceleration
    ramp = 0.5 * peak * ramp_time
    cruise_time = max(distance - 2 * ramp, 0.0) / peak
    sign = math.copysign(1.0, target - origin)
    slow_down = start + ramp_time + cruise_time
    phases = (
        Phase(start, origin, 0, sign * acceleration),
        Phase(start + ramp_time, origin + sign * ramp, sign * peak, 0),
        Phase(slow_down, target - sign * ramp, sign * peak, -sign * acceleration),
        Phase(slow_down + ramp_time, target, 0, 0),
    )
    return Trajectory(phases, acceleration)
