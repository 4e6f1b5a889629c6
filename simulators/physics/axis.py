"""The drive electronics of one axis, as any motor controller has them: position register, speed, power, faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ronda.simulators.physics.encoder import Encoder
from ronda.simulators.physics.path import Knot, fastest, motions, phases
from ronda.simulators.physics.search import Mark, Outcome, search
from ronda.simulators.physics.stage import Stage
from ronda.simulators.physics.trajectory import trapezoid

TOLERATED = 1e-6
"""Part by which computing with floats may exceed what an axis can do."""


class Refused(Exception):
    """The axis does not do this in its present state."""


@dataclass(frozen=True, slots=True)
class Range:
    """An interval that a value must lie in."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


class Axis:
    """One axis: what its controller knows of it. Positions in steps of its register, times in simulated s.

    Args:
        number: by which the controller calls it.
        stage: what its motor drives.
        velocity: in steps/s.
        acceleration_time: from rest to full speed, in s.
        velocities: allowed, in steps/s.
        acceleration_times: allowed, in s.
        encoder: of the carriage; None without.
        slip: part of the steps that the motor loses; the register counts them all the same.
    """

    def __init__(
        self,
        number: int,
        stage: Stage,
        *,
        velocity: float,
        acceleration_time: float,
        velocities: Range,
        acceleration_times: Range,
        encoder: Encoder | None = None,
        slip: float = 0.0,
    ) -> None:
        self.number = number
        self.stage = stage
        self.velocity = velocity
        self.acceleration_time = acceleration_time
        self.velocities = velocities
        self.acceleration_times = acceleration_times
        self.changes = 0
        """Counts what happened to it, so that a controller knows when an answer that it kept is out of date."""
        self.encoder = encoder
        self.slip = slip
        # the register counts from `_zero` on, 1 / `_grip` for each step that the motor truly makes from `_origin` on
        self._zero = self._origin = stage.trajectory.target
        self._grip = 1.0
        self._search: Outcome | None = None
        self._stopped = False
        self._powered = True
        self._fault = False

    @property
    def powered(self) -> bool:
        """Whether the motor has current."""
        return self._powered

    @property
    def fault(self) -> bool:
        """Whether the motor lost the steps that it was asked for; power on clears it."""
        return self._fault

    def motor_at(self, register: float) -> float:
        """Where the motor is when the register shows this, in mechanical steps, in the present motion."""
        return self._origin + (register - self._zero) * self._grip

    def moving(self, time: float) -> bool:
        """Whether the motor turns."""
        return time < self.stage.trajectory.end

    def position(self, time: float) -> int:
        """What the position register shows."""
        return round(self._register(self.stage.motor(time)))

    @property
    def steady(self) -> bool:
        """Whether all that it shows stays as it is while it stands."""
        return self.encoder is None or self.encoder.steady

    def check_move(self, target: float, time: float) -> None:
        """Raise Refused if a move to a target cannot start now."""
        self.check_motion(target - self._register(self.stage.motor(time)), time)

    def check_motion(self, ahead: float, time: float) -> None:
        """Raise Refused if it cannot begin to move now; the sign of `ahead` is the direction, 0 for any."""
        if self._fault:
            raise Refused(f"axis {self.number} has a following fault; switch its power on to clear it")
        if not self._powered:
            raise Refused(f"axis {self.number} is off")
        if self.moving(time):
            raise Refused(f"axis {self.number} is moving")
        if ahead > 0 and self.stage.on_upper_switch(time):
            raise Refused(f"axis {self.number} is on its positive limit switch")
        if ahead < 0 and self.stage.on_lower_switch(time):
            raise Refused(f"axis {self.number} is on its negative limit switch")

    def move(self, target: float, time: float) -> None:
        """Start to move; `check_move` said that it can."""
        self._begin(time)
        origin = self._origin
        acceleration = self.velocity / self.acceleration_time
        there = origin + (target - self._zero) * self._grip
        self.stage.start(trapezoid(time, origin, there, self.velocity, acceleration))

    def jog(self, velocity: float, time: float) -> None:
        """Start to move until stopped, at a velocity in steps/s; `check_motion` said that it can."""
        self._begin(time)
        self.stage.run(time, 1 if velocity > 0 else -1, abs(velocity), abs(velocity) / self.acceleration_time)

    def check_follow(self, knots: Sequence[Knot], time: float) -> None:
        """Raise Refused if it cannot pass these knots from now on; times of knots count from its start."""
        self.check_motion(0, time)
        here = self._register(self.stage.motor(time))
        if abs(knots[0].position - here) > 1:
            raise Refused(f"axis {self.number} stands at {here:.0f}, its trajectory begins at {knots[0].position:.10g}")
        if knots[0].velocity or knots[-1].velocity:
            raise Refused(f"axis {self.number} should have the velocity 0 at both ends of its trajectory")
        velocity, acceleration = fastest(pairwise(phases(knots)))
        most = self.velocities.high / self.acceleration_times.low
        if velocity > self.velocities.high * (1 + TOLERATED):
            raise Refused(
                f"axis {self.number} would have {velocity:.10g} steps/s, {self.velocities.high:g} is its highest"
            )
        if acceleration > most * (1 + TOLERATED):
            raise Refused(f"axis {self.number} would have {acceleration:.10g} steps/s^2, {most:g} is its highest")

    def follow(self, knots: Sequence[Knot], time: float) -> float | None:
        """Begin to pass knots; `check_follow` said that it can. Returns when a limit switch brakes it, else None."""
        self._begin(time)
        grip, braking = self._grip, self.velocity / self.acceleration_time
        moved = [Knot(time + one.time, self.motor_at(one.position), one.velocity * grip) for one in knots]
        moved[0] = Knot(time, self._origin, 0.0)  # half a step beside it at most
        return self.stage.follow(motions(phases(moved), braking))

    def home(self, mark: Mark, direction: int, velocity: float, time: float) -> None:
        """Start to search for a mark, see `search`; `check_motion` said that it can."""
        self._begin(time)
        self._search = search(self.stage, time, mark, direction, velocity, velocity / self.acceleration_time)

    def homed(self, time: float) -> str:
        """About the latest search: `NONE`, `SEARCHING`, `STOPPED`, `FOUND <register>` or `FAILED <why>`."""
        if self._search is None:
            return "NONE"
        if self.moving(time):
            return "SEARCHING"
        if self._stopped:
            return "STOPPED"
        latched = self._search.latched
        return f"FAILED {self._search.failure}" if latched is None else f"FOUND {round(self._register(latched))}"

    def passed(self, time: float) -> float | None:
        """When the latest search passed its mark, in s; None if it did not, or is not over."""
        if self._search is None or self._search.latched is None or self._stopped or self.moving(time):
            return None
        return self.stage.trajectory.time_at(self._search.latched)

    def carry(self, distance: float, time: float) -> None:
        """Be moved by hand, or lose steps: the register does not notice; the distance is in the stage's unit."""
        if self.moving(time):
            raise Refused(f"axis {self.number} is moving")
        register = self._register(self.stage.motor(time))
        self.stage.carry(time, distance)
        self._zero, self._origin = register, self.stage.motor(time)
        self.changes += 1

    def stop(self, time: float) -> None:
        """Slow down and stop."""
        self._stopped = self._stopped or self.moving(time)
        self.stage.brake(time)
        self.changes += 1

    def abort(self, time: float) -> None:
        """Stop dead."""
        self._stopped = self._stopped or self.moving(time)
        self.stage.halt(time)
        self.changes += 1

    def redefine(self, position: float, time: float) -> None:
        """Give the present position another number in the register."""
        if self.moving(time):
            raise Refused(f"axis {self.number} is moving")
        self._zero, self._origin = position, self.stage.motor(time)
        self._search = None
        self.changes += 1

    def power(self, on: bool, time: float) -> None:
        """Switch the motor's current; off stops it dead, on clears a fault."""
        if not on:
            self.abort(time)
        else:
            self._fault = False
        self._powered = on
        self.changes += 1

    def fail(self, time: float) -> None:
        """Have a following fault: the motor stands, and the axis refuses to move until it is powered again."""
        self.abort(time)
        self._fault = True

    def _begin(self, time: float) -> None:
        """Count from here on, with the grip that the motor has now."""
        motor = self.stage.motor(time)
        self._zero, self._origin = self._register(motor), motor
        self._grip = 1.0 - self.slip
        self._search, self._stopped = None, False
        self.changes += 1

    def _register(self, motor: float) -> float:
        return self._zero + (motor - self._origin) / self._grip
