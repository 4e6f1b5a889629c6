"""The position of a moving thing as a function of time: phases of constant acceleration, at rest before and after."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Phase:
    """Motion at constant acceleration from `start` on, until the next phase starts."""

    start: float
    position: float
    velocity: float
    acceleration: float


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
        for phase in reversed(self.phases):
            if time >= phase.start:
                after = time - phase.start
                return phase.position + (phase.velocity + 0.5 * phase.acceleration * after) * after
        return self.origin

    def velocity(self, time: float) -> float:
        """How fast it is at a time, signed, in u/s."""
        for phase in reversed(self.phases):
            if time >= phase.start:
                return phase.velocity + phase.acceleration * (time - phase.start)
        return 0.0

    def time_at(self, position: float) -> float | None:
        """When it first passes a position; None if it never does."""
        for phase, following in pairwise(self.phases):
            distance = position - phase.position
            if (following.position - position) * self.direction >= 0 and distance * self.direction >= 0:
                if distance == 0:
                    return phase.start
                # The root of the quadratic that loses no digits, whatever the sign of the acceleration.
                squared = max(phase.velocity**2 + 2 * phase.acceleration * distance, 0.0)
                after = 2 * distance / (phase.velocity + self.direction * math.sqrt(squared))
                return min(phase.start + after, following.start)
        return None

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
