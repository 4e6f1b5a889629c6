"""One axis of a GCS controller: a motor with its encoder under servo control, that must be referenced before it moves.

Positions in the stage's unit, times in simulated s.
"""

from __future__ import annotations

from collections.abc import Callable

from ronda.simulators.gcs.protocol import Bit, Code, GcsError
from ronda.simulators.physics.axis import Axis, Refused
from ronda.simulators.physics.search import Mark
from ronda.simulators.physics.trajectory import trapezoid

Change = Callable[[], None]
"""What makes a change that was found to be allowed: a line of several changes is carried out whole or not at all."""

ANYWHERE = 1e6
"""Where the travel of a stage without limits ends."""


class GcsAxis:
    """What the controller knows of one axis.

    Args:
        identifier: by which commands call it.
        axis: its motor; the register counts the encoder on the motor's shaft.
        lowest, highest: the travel that commands may ask for.
        referenced: whether it knows at first where it is.
        servo: whether the servo is on at first.
        settling_time: for which it is not on target after a move, in s.
    """

    def __init__(
        self,
        identifier: str,
        axis: Axis,
        *,
        lowest: float | None,
        highest: float | None,
        referenced: bool,
        servo: bool,
        settling_time: float,
    ) -> None:
        mechanics = axis.stage.mechanics
        low = lowest if lowest is not None else mechanics.lower_switch
        high = highest if highest is not None else mechanics.upper_switch
        self.identifier = identifier
        self.axis = axis
        self.lowest = -ANYWHERE if low is None else low
        self.highest = ANYWHERE if high is None else high
        self.referenced = referenced
        self.reference_needed = True
        """The mode that RON sets: 1 for referencing moves, 0 for POS."""
        self.target = axis.position(0.0) / mechanics.steps_per_unit
        self._acceleration = axis.velocity / axis.acceleration_time
        self._settling_time = settling_time
        self._never_moved = axis.stage.trajectory
        self._searching: float | None = None
        self._on_its_way = False
        if not servo:
            axis.power(False, 0.0)

    # -- what it is like

    @property
    def servo(self) -> bool:
        """Whether the servo is on; a motion error switches it off."""
        return self.axis.powered and not self.axis.fault

    @property
    def steps(self) -> float:
        """Counts for one unit."""
        return self.axis.stage.mechanics.steps_per_unit

    def position(self, time: float) -> float:
        """Where it is, by its encoder."""
        return self.axis.position(time) / self.steps

    def moving(self, time: float) -> bool:
        """Whether it moves."""
        return self.axis.moving(time)

    def referencing(self, time: float) -> bool:
        """Whether a reference move runs."""
        return self._searching is not None and self.axis.moving(time)

    def on_target(self, time: float) -> bool:
        """Whether it has come to rest where it should."""
        last = self.axis.stage.trajectory
        settled = last is self._never_moved or time >= last.end + self._settling_time
        return self.servo and settled and abs(self.position(time) - self.target) * self.steps <= 1.0

    def status(self, time: float) -> int:
        """Its status register."""
        stage = self.axis.stage
        return (
            stage.on_lower_switch(time) << Bit.NEGATIVE_SWITCH
            | stage.on_home_switch(time) << Bit.REFERENCE_SWITCH
            | stage.on_upper_switch(time) << Bit.POSITIVE_SWITCH
            | self.axis.fault << Bit.ERROR
            | self.servo << Bit.SERVO_ON
            | self.moving(time) << Bit.IN_MOTION
            | self.referencing(time) << Bit.REFERENCING
            | self.on_target(time) << Bit.ON_TARGET
        )

    def settle(self, time: float) -> Code:
        """Notice what has happened since the last command; returns the error that it left, if any."""
        if self.axis.moving(time):
            return Code.NONE
        if self._searching is not None:
            return self._end_reference(self._searching, time)
        if self._on_its_way:
            self._on_its_way = False
            if abs(self.position(time) - self.target) * self.steps > 1.0:
                self.target = self.position(time)
                return Code.ON_LIMIT_SWITCH
        return Code.NONE

    # -- motions

    def check_move(self, target: float, time: float) -> None:
        """Refuse a target that it cannot go to now."""
        if self.referencing(time):
            raise GcsError(Code.BUSY)
        if not self.servo or (self.reference_needed and not self.referenced):
            raise GcsError(Code.NOT_REFERENCED_OR_NO_SERVO)
        if not self.lowest <= target <= self.highest:
            raise GcsError(Code.POSITION_OUT_OF_LIMITS)
        self._require_way(target - self.position(time), time)

    def move(self, target: float, time: float) -> None:
        """Go to a target, which `check_move` allowed; a motion that runs is braked before."""
        if self.axis.moving(time):
            self.axis.stop(time)
            time = self.axis.stage.trajectory.end
        self.axis.move(round(target * self.steps), time)
        self.target, self._on_its_way = target, True

    def jog(self, velocity: float, time: float) -> Change:
        """Move at a velocity in units/s until stopped, or until the end of the travel; 0 stops."""
        if velocity == 0:
            return lambda: self.halt(time)
        if self.moving(time):
            raise GcsError(Code.IN_MOTION)
        if abs(velocity) * self.steps not in self.axis.velocities:
            raise GcsError(Code.VELOCITY_OUT_OF_LIMITS)
        end = self.highest if velocity > 0 else self.lowest
        self.check_move(end, time)

        def start() -> None:
            axis = self.axis
            kept = axis.velocity, axis.acceleration_time
            axis.velocity = abs(velocity) * self.steps
            axis.acceleration_time = axis.velocity / self._acceleration
            self.move(end, time)
            axis.velocity, axis.acceleration_time = kept

        return start

    def check_reference(self, mark: Mark, time: float) -> None:
        """Refuse a reference move that cannot begin now."""
        mechanics = self.axis.stage.mechanics
        if self.moving(time):
            raise GcsError(Code.BUSY)
        if not self.reference_needed:
            raise GcsError(Code.REFERENCING_DISABLED)
        if mark == Mark.HOME and mechanics.home is None:
            raise GcsError(Code.NO_REFERENCE_SENSOR)
        if (mark == Mark.LOW and mechanics.lower_switch is None) or (
            mark == Mark.HIGH and mechanics.upper_switch is None
        ):
            raise GcsError(Code.NO_LIMIT_SWITCH)
        if not self.servo:
            raise GcsError(Code.NOT_REFERENCED_OR_NO_SERVO)

    def reference(self, mark: Mark, time: float) -> None:
        """Begin a reference move, which `check_reference` allowed: to the mark, and to rest on it.

        What the position is there follows from the stage's mechanics.
        """
        axis, mechanics = self.axis, self.axis.stage.mechanics
        direction = -1 if mark == Mark.LOW else 1
        axis.home(mark, direction, axis.velocity, time)
        place = {Mark.LOW: mechanics.lower_switch, Mark.HIGH: mechanics.upper_switch}.get(mark)
        if place is None:
            place = (mechanics.home or 0.0) - direction * mechanics.home_width / 2
        self.referenced, self._on_its_way = False, False
        self._searching = place
        end = axis.stage.trajectory.end
        if axis.homed(end).startswith("FOUND"):
            latched = axis.stage.motor_at(place, direction)
            axis.stage.start(trapezoid(end, axis.stage.motor(end), latched, axis.velocity, self._acceleration))

    def halt(self, time: float) -> None:
        """Brake, and stay there."""
        self.axis.stop(time)
        self._stay()

    def stop(self, time: float) -> None:
        """Stop dead, and stay there."""
        self.axis.abort(time)
        self._stay()

    def switch_servo(self, on: bool, time: float) -> Change:
        """Switch the servo; it holds the present position."""

        def switch() -> None:
            if on != self.servo:
                self.axis.power(on, time)
                self._stay()

        return switch

    def redefine(self, position: float, time: float) -> Change:
        """Give the present place another number; it counts as referenced then."""
        if self.reference_needed:
            raise GcsError(Code.NOT_ALLOWED_FOR_STAGE)
        if self.moving(time):
            raise GcsError(Code.IN_MOTION)

        def redefine() -> None:
            self.axis.redefine(round(position * self.steps), time)
            self.referenced, self.target = True, self.position(time)

        return redefine

    def set_reference_mode(self, needed: bool, time: float) -> Change:
        """Say whether it is referenced by reference moves (or else by POS)."""
        if self.moving(time):
            raise GcsError(Code.IN_MOTION)

        def change() -> None:
            self.reference_needed = needed

        return change

    def fail(self, time: float) -> None:
        """Have a motion error."""
        self.axis.fail(time)
        self._stay()

    def _stay(self) -> None:
        self._on_its_way = False
        self.target = self.position(self.axis.stage.trajectory.end)

    def _end_reference(self, place: float, time: float) -> Code:
        self._searching = None
        outcome, _, found = self.axis.homed(time).partition(" ")
        if outcome == "FOUND":
            self.axis.redefine(round(place * self.steps) + self.axis.position(time) - float(found), time)
        self.referenced, self.target = outcome == "FOUND", self.position(time)
        return Code.REFERENCING_FAILED if outcome == "FAILED" else Code.NONE

    def _require_way(self, ahead: float, time: float) -> None:
        if self.moving(time):
            return
        try:
            self.axis.check_motion(ahead, time)
        except Refused:
            raise GcsError(Code.ON_LIMIT_SWITCH) from None

    # -- speed

    @property
    def velocity(self) -> float:
        """Of moves, in units/s."""
        return self.axis.velocity / self.steps

    def set_velocity(self, velocity: float) -> Change:
        """Set the velocity of later moves, in units/s; the acceleration stays."""
        if velocity * self.steps not in self.axis.velocities:
            raise GcsError(Code.VELOCITY_OUT_OF_LIMITS)
        return lambda: self._set_speed(velocity * self.steps, self._acceleration)

    @property
    def acceleration(self) -> float:
        """Of moves, in units/s²."""
        return self._acceleration / self.steps

    @property
    def fastest_acceleration(self) -> float:
        """In units/s²."""
        return self.axis.velocities.high / self.axis.acceleration_times.low / self.steps

    def set_acceleration(self, acceleration: float) -> Change:
        """Set the acceleration of later moves, in units/s²; they brake with the same."""
        if not 0 < acceleration <= self.fastest_acceleration:
            raise GcsError(Code.OUT_OF_RANGE)
        return lambda: self._set_speed(self.axis.velocity, acceleration * self.steps)

    def _set_speed(self, velocity: float, acceleration: float) -> None:
        self._acceleration = acceleration
        self.axis.velocity, self.axis.acceleration_time = velocity, velocity / acceleration
