"""One driver board of an IcePAP: its axis, its position registers, how its last motion ended, what it searched for."""

from __future__ import annotations

from dataclasses import dataclass, field

from ronda.simulators.icepap.cam import Cam
from ronda.simulators.icepap.parametric import Table, knots, parameter_course
from ronda.simulators.icepap.protocol import Bit, Disable, StopCode
from ronda.simulators.physics.axis import Axis, Refused
from ronda.simulators.physics.search import Mark
from ronda.simulators.physics.trajectory import Trajectory, at_rest

REGISTERS = ("AXIS", "MEASURE", "SHFTENC", "TGTENC", "CTRLENC", "ENCIN", "INPOS", "ABSENC", "MOTOR", "SYNC")
"""Position registers (command POS of the manual). Nothing turns those that no hardware is connected to."""

OF_ENCODER = ("MEASURE", "ENCIN")
"""Registers that show the encoder, if there is one: it is connected to EncIn, and the axis is measured by it."""


@dataclass
class _Search:
    """What a board remembers of a search.

    Attributes:
        direction: 1 or -1; 0 if there was none.
        state: MOVING, FOUND or NOTFOUND.
        latched: by register and whether in counts, what it showed at the mark.
    """

    direction: int = 0
    state: str = "NOTFOUND"
    latched: dict[tuple[str, bool], int] = field(default_factory=dict)


class Board:
    """A driver board. Times in simulated s, positions in axis steps unless said otherwise.

    Args:
        axis: its motor.
        counts_per_unit: of the encoder that the axis has, for one unit of the stage.
        name: as set by the command NAME.
        time: from when on.
    """

    def __init__(self, axis: Axis, counts_per_unit: float | None, name: str, time: float = 0.0) -> None:
        self.axis = axis
        self.name = name
        self.alive = True
        """Whether it can be reached over the bus of the rack."""
        self.group: tuple[Board, ...] = ()
        """The boards that began their last motion with it, as one group."""
        self.cam = Cam(axis, lambda: self.course, time)
        self.table: Table | None = None
        """What it follows in parametric motion."""
        self.parameter_velocity = self.parameter_ramp = 0.0
        """Of the parameter: units/s, and s from rest to that."""
        self.course: Trajectory | None = None
        """The latest of the parameter; None if it never had a value."""
        self._steps_per_count = axis.stage.mechanics.steps_per_unit / (counts_per_unit or 1.0)
        self._shifts = dict.fromkeys(REGISTERS, 0)
        self._stop_code = StopCode.END_OF_MOVE
        self._wanted: float | None = None
        self._searches = {"HOME": _Search(), "SRCH": _Search()}

    @property
    def address(self) -> int:
        """Number of the board in the system: 10 × rack + place."""
        return self.axis.number

    # -- registers

    def register(self, name: str, time: float, *, counts: bool = False) -> int:
        """What a position register shows, in axis steps; in counts of its sensor for the command ENC."""
        encoder = self.axis.encoder
        if name in OF_ENCODER and encoder is not None:
            value = encoder.counts(time) + self._shifts[name]
            return value if counts else round(value * self._steps_per_count)
        if name in ("AXIS", "MOTOR", "MEASURE"):
            return self.axis.position(time) + self._shifts[name]
        return self._shifts[name]

    def redefine(self, name: str, value: int, time: float, *, counts: bool = False) -> None:
        """Give the present place another number in a register.

        Raises:
            Refused: the axis moves.
        """
        self._settle(time)
        if name == "AXIS":
            stop_code = self.stop_code(time)
            self.axis.redefine(value, time)
            self._stop_code, self._wanted = stop_code, None
            return
        if not counts and name in OF_ENCODER and self.axis.encoder is not None:
            value = round(value / self._steps_per_count)
        self._shifts[name] += value - self.register(name, time, counts=True)

    # -- motions

    def check(self, ahead: float, time: float) -> None:
        """Raise Refused if a motion in a direction (the sign of `ahead`, 0 for any) cannot start now."""
        self.axis.check_motion(ahead, time)

    def move(self, target: int, time: float) -> None:
        """Start towards a position; `check` said that it can."""
        self._begin(time)
        self.axis.move(target, time)
        self._wanted = target

    def jog(self, velocity: float, time: float) -> None:
        """Run at a velocity (steps/s, with its sign) until stopped; `check` said that it can."""
        self._begin(time)
        self.axis.jog(velocity, time)
        self._wanted = 2.0**31 if velocity > 0 else -(2.0**31)

    def parametric_place(self, parameter: float) -> int:
        """Where its table has the axis, in steps.

        Raises:
            Refused: it has none, or none that reaches so far.
        """
        import numpy as np

        if self.table is None or not self.table.ends[0] <= parameter <= self.table.ends[1]:
            raise Refused("out of the range of the parametric table" if self.table else "no parametric table")
        return round(float(self.table.at(np.array([parameter]))[0][0]))

    def check_parametric(self, target: float, time: float) -> None:
        """Raise Refused if the parameter cannot go to a value."""
        self.parametric_place(target)
        if self.course is None:
            raise Refused("the axis is not on its parametric table")
        if not self.parameter_velocity > 0:
            raise Refused("the parametric velocity is 0")
        self.axis.check_follow(knots(self._table, self._towards(target, time)), time)

    def move_parametric(self, target: float, time: float) -> float | None:
        """Let the parameter go to a value; `check_parametric` said that it can. Returns when a switch brakes it."""
        course = self._towards(target, time)
        self._begin(time)
        self.course = course
        return self.axis.follow(knots(self._table, course), time)

    def join_parametric(self, parameter: float, time: float) -> None:
        """Move to where the table has the axis at a value of the parameter; `check` said that it can."""
        self.move(self.parametric_place(parameter), time)
        self.course = at_rest(time, parameter)

    def leave_parametric(self, time: float) -> None:
        """The parameter stops where it is: the axis is braked, and no more on its table."""
        if self.course is not None and time < self.course.end:
            self.course = self.course.halted(time)

    @property
    def _table(self) -> Table:
        assert self.table is not None  # noqa: S101 - whoever calls has checked it
        return self.table

    def _towards(self, target: float, time: float) -> Trajectory:
        assert self.course is not None  # noqa: S101 - as above
        here = self.course.position(time)
        return parameter_course(time, here, target, self.parameter_velocity, self.parameter_ramp)

    def search(self, command: str, mark: Mark, direction: int, time: float) -> None:
        """Run until a mark is passed, for the command HOME or SRCH; `check` said that it can."""
        self._begin(time)
        self.axis.home(mark, direction, self.axis.velocity, time)
        self._searches[command] = _Search(direction, "MOVING")

    def search_state(self, command: str, time: float) -> tuple[str, int]:
        """MOVING, FOUND or NOTFOUND, and the direction of the search (0 if there was none)."""
        self._settle(time)
        return self._searches[command].state, self._searches[command].direction

    def latched(self, command: str, name: str, time: float, *, counts: bool = False) -> int:
        """What a register showed when the mark was passed.

        Raises:
            Refused: the latest search has found nothing.
        """
        self._settle(time)
        if self._searches[command].state != "FOUND":
            raise Refused(f"axis {self.address} has found nothing")
        return self._searches[command].latched[name, counts]

    def stop(self, time: float) -> None:
        """Brake."""
        if self.axis.moving(time):
            self._stop_code = StopCode.STOP
            self.leave_parametric(time)
            self.axis.stop(time)

    def abort(self, time: float) -> None:
        """Stop dead."""
        if self.axis.moving(time):
            self._stop_code = StopCode.ABORT
            self.leave_parametric(time)
            self.axis.abort(time)

    def power(self, on: bool, time: float) -> None:
        """Switch the motor's current; on clears an alarm."""
        if not on and self.axis.moving(time):
            self._stop_code = StopCode.AXIS_DISABLED
            self.leave_parametric(time)
        self.axis.power(on, time)

    def fail(self, time: float) -> None:
        """Lose steps: the closed loop gives up, the power goes off."""
        self.leave_parametric(time)
        self.axis.fail(time)
        self._stop_code = StopCode.CLOSED_LOOP

    def _begin(self, time: float) -> None:
        self._settle(time)
        self._wanted = None
        self._stop_code = StopCode.END_OF_MOVE

    def _settle(self, time: float) -> None:
        """Remember how a search ended, if one did: registers and axis forget it when they are redefined."""
        for search in self._searches.values():
            if search.state == "MOVING" and not self.axis.moving(time):
                passed = self.axis.passed(time)
                search.state = "NOTFOUND" if passed is None else "FOUND"
                if passed is not None:
                    search.latched = {
                        (name, counts): self.register(name, passed, counts=counts)
                        for name in REGISTERS
                        for counts in (False, True)
                    }

    # -- status

    def powered(self) -> bool:
        """Whether the motor has current; an alarm takes it."""
        return self.axis.powered and not self.axis.fault

    def stop_code(self, time: float) -> StopCode:
        """How the last motion ended."""
        if self.axis.moving(time):
            return StopCode.END_OF_MOVE
        if self._stop_code != StopCode.END_OF_MOVE:
            return self._stop_code
        if self.cut_at() is None and not self.axis.homed(time).startswith("FAILED"):
            return StopCode.END_OF_MOVE
        upwards = self.axis.stage.trajectory.direction > 0
        return StopCode.LIMIT_POSITIVE if upwards else StopCode.LIMIT_NEGATIVE

    def cut_at(self) -> float | None:
        """When a limit switch cuts the latest motion short (s), if nothing else ends it before; None if none does."""
        motion = self.axis.stage.trajectory
        if self._wanted is None or self.axis.position(motion.end) == self._wanted or len(motion.phases) < 2:
            return None
        return motion.phases[-2].start

    def status(self, time: float) -> int:
        """The status word."""
        axis, moving = self.axis, self.axis.moving(time)
        disable = Disable.ALARM if axis.fault else Disable.ENABLED if axis.powered else Disable.SOFTWARE
        return (
            1 << Bit.PRESENT
            | 1 << Bit.ALIVE
            | disable << Bit.DISABLE
            | (self.powered() and not moving) << Bit.READY
            | moving << Bit.MOVING
            | self.stop_code(time) << Bit.STOP_CODE
            | axis.stage.on_upper_switch(time) << Bit.LIMIT_POSITIVE
            | axis.stage.on_lower_switch(time) << Bit.LIMIT_NEGATIVE
            | axis.stage.on_home_switch(time) << Bit.HOME
            | 1 << Bit.AUX_POWER
            | self.powered() << Bit.POWER_ON
        )
