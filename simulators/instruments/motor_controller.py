"""A motor controller with many axes, in the lines of our own protocol; positions in steps, times in s."""

from __future__ import annotations

import struct
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ronda.simulators.axes import build_axis, connect_encoder, state, truth
from ronda.simulators.instrument import Instrument, ProtocolError
from ronda.simulators.line_protocol import (
    BAD_ARGUMENT,
    NO_SUCH_AXIS,
    REFUSED,
    answer_also_blocks,
    expect,
    number,
    with_data,
)
from ronda.simulators.parameters import AxisParameters, InstrumentParameters, parameter
from ronda.simulators.physics.axis import Axis, Range, Refused
from ronda.simulators.physics.position_compare import PositionCompare
from ronda.simulators.physics.search import Mark
from ronda.simulators.physics.world import World
from ronda.simulators.trajectory_unit import TrajectoryUnit

POSITIONS = Range(-(2.0**31), 2.0**31 - 1)
"""What the position registers can hold, in steps."""

NEGATIVE_SWITCH, POSITIVE_SWITCH, HOME_SWITCH, FOLLOWING_FAULT = 1, 2, 4, 8
"""Flags of the status reply."""

MOST_AXES = 1000

COMPARE_COUNTS = Range(1, 1e7)
"""How many positions a compare unit takes."""

COUNTS = Range(0, 1e9)

TIMES = Range(0.0, 1e6)

WIDTHS = Range(0.0, 100.0)
"""For how long a trigger stays on, in s."""

MOST_LATCHES = 8192
"""Most latches of one reply."""

AxisNumber = Annotated[int, Field(ge=1, le=MOST_AXES)]


def _axes(given: Any) -> Any:
    """So many axes, all alike, where their number is given."""
    if not isinstance(given, int) or isinstance(given, bool):
        return given
    if not 1 <= given <= MOST_AXES:
        raise ValueError(f"should be from 1 to {MOST_AXES} axes, not {given}")
    return {axis_number: {} for axis_number in range(1, given + 1)}


Axes = dict[AxisNumber, AxisParameters]


class MotorControllerParameters(InstrumentParameters):
    """A motor controller."""

    axes: Annotated[Axes, BeforeValidator(_axes, json_schema_input_type=AxisNumber | Axes)] = parameter(
        "Number of axes, all alike; or each axis by its number", 8, validate_default=True, min_length=1
    )


class MotorController(Instrument):
    """The controller and its axes."""

    Parameters = MotorControllerParameters

    def __init__(self, name: str, parameters: MotorControllerParameters, world: World) -> None:
        self.name = name
        self._world = world
        self._axes: dict[int, Axis] = {}
        self._names = {axis_number: axis.name for axis_number, axis in parameters.axes.items()}
        for axis_number, axis in sorted(parameters.axes.items()):
            self._axes[axis_number] = build_axis(axis_number, axis, world)
        self._compares: dict[int, PositionCompare] = {}
        self._widths: dict[int, float] = {}
        self._trajectory = TrajectoryUnit(self._axis, self._unit, POSITIONS)
        self._kept: dict[int, tuple[int, str]] = {}
        self._commands = {
            "IDN?": self._identify,
            "STATUS?": self._status,
            "MOVE": self._move,
            "JOG": self._jog,
            "HOME": self._home,
            "HOMED?": self._homed,
            "STOP": self._stop,
            "ABORT": self._abort,
            "VEL": self._set_velocity,
            "VEL?": self._velocity,
            "ACC": self._set_acceleration_time,
            "ACC?": self._acceleration_time,
            "RANGE?": self._range,
            "SETPOS": self._redefine,
            "SETENC": self._redefine_encoder,
            "POWER": self._set_power,
            "POWER?": self._power,
            "COMPARE": self._compare,
            "COMPARE?": self._compared,
            "PULSE": self._pulse,
            "WIDTH": self._set_width,
            "WIDTH?": self._width,
            "TRAJECTORY": lambda words: self._trajectory.command(words, self._world.clock.now()),
        }

    def answer(self, line: str) -> str | bytes:
        """The reply to one line."""
        self._settle()
        return answer_also_blocks({"LATCHED?": self._latched}, self._commands, line)

    def connect_outputs(self) -> None:
        """Drive those trigger and encoder lines that something listens to."""
        for axis_number, axis in self._axes.items():
            connect_encoder(self.name, axis, self._world)
            output = f"{self.name}:{axis_number}"
            if output in self._world.lines:
                self._world.line(output).drive(self._unit(axis).emitted)

    def truth(self, time: float) -> dict[str, Any]:
        """By the number of each axis, where it truly is, how fast, and when the motion of that time began and ends."""
        return {"axes": {str(number): truth(axis, self._names[number], time) for number, axis in self._axes.items()}}

    def fail(self, axis: int, fault: str = "following") -> None:
        """Let an axis have a following fault."""
        if fault != "following":
            raise LookupError(f"{self.name} has the fault following only, not {fault}")
        self._settle()
        now = self._world.clock.now()
        for other in self._trajectory.others(self._find(axis), now):
            other.stop(now)
        self._find(axis).fail(now)

    def slip(self, axis: int, part: float) -> None:
        """Let an axis lose this part of its steps from its next motion on."""
        self._find(axis).slip = part

    def carry(self, axis: int, distance: float) -> None:
        """Let somebody move a stage by hand, by a distance in its unit."""
        self._settle()
        try:
            self._find(axis).carry(distance, self._world.clock.now())
        except Refused as refused:
            raise LookupError(str(refused)) from None

    def _find(self, axis: int) -> Axis:
        try:
            return self._axes[axis]
        except KeyError:
            raise LookupError(f"{self.name} has no axis {axis}") from None

    def _axis(self, word: str) -> Axis:
        try:
            return self._axes[int(word)]
        except ValueError:
            raise ProtocolError(BAD_ARGUMENT, f"the axis should be a whole number, not {word[:40]}") from None
        except KeyError:
            raise ProtocolError(NO_SUCH_AXIS, f"there is no axis {word[:40]}") from None

    def _some(self, words: list[str], usage: str) -> list[Axis]:
        if not words:
            raise ProtocolError(BAD_ARGUMENT, f"usage: {usage}")
        return [self._axis(word) for word in words]

    def _identify(self, words: list[str]) -> str:
        expect(words, 0, "IDN?")
        return f"RONDA-SIM-MC,1,{len(self._axes)}"

    def _status(self, words: list[str]) -> str:
        now = self._world.clock.now()
        axes = [self._axis(word) for word in words] if words else self._axes.values()
        return ";".join([self._axis_status(axis, now) for axis in axes])

    def _axis_status(self, axis: Axis, now: float) -> str:
        kept = self._kept.get(axis.number)
        if kept is not None and kept[0] == axis.changes:
            return kept[1]
        shown = state(axis, now)
        text = f"{axis.number},{shown},{axis.position(now)},{self._flags(axis, now)}"
        if axis.encoder is not None:
            text += f",{axis.encoder.counts(now)}"
        # nothing changes by itself while it stands, and hundreds of idle axes are asked again and again
        if shown != "MOVING" and axis.steady:
            self._kept[axis.number] = (axis.changes, text)
        return text

    @staticmethod
    def _flags(axis: Axis, now: float) -> int:
        stage = axis.stage
        return (
            stage.on_lower_switch(now) * NEGATIVE_SWITCH
            + stage.on_upper_switch(now) * POSITIVE_SWITCH
            + stage.on_home_switch(now) * HOME_SWITCH
            + axis.fault * FOLLOWING_FAULT
        )

    def _move(self, words: list[str]) -> str:
        if not words or len(words) % 2:
            raise ProtocolError(BAD_ARGUMENT, "usage: MOVE axis position [axis position ...]")
        axes = [self._axis(word) for word in words[::2]]
        if len(set(axes)) != len(axes):
            raise ProtocolError(BAD_ARGUMENT, "an axis stands twice")
        targets = [round(number(word, "the position", POSITIONS, "steps")) for word in words[1::2]]
        now = self._world.clock.now()
        try:
            for axis, target in zip(axes, targets, strict=True):
                axis.check_move(target, now)
        except Refused as refused:
            raise ProtocolError(REFUSED, str(refused)) from None
        for axis, target in zip(axes, targets, strict=True):
            axis.move(target, now)
        return ""

    def _jog(self, words: list[str]) -> str:
        expect(words, 2, "JOG axis velocity")
        axis = self._axis(words[0])
        velocity = number(words[1], "the velocity", Range(-axis.velocities.high, axis.velocities.high), "steps/s")
        number(str(abs(velocity)), "the speed", axis.velocities, "steps/s")
        now = self._world.clock.now()
        self._require_motion(axis, velocity, now)
        axis.jog(velocity, now)
        return ""

    def _home(self, words: list[str]) -> str:
        if len(words) == 3:
            words = [*words, repr(self._axis(words[0]).velocity)]
        expect(words, 4, "HOME axis HOME|LOW|HIGH|INDEX 1|-1 [velocity]")
        axis = self._axis(words[0])
        if words[1] not in list(Mark):
            raise ProtocolError(BAD_ARGUMENT, f"the mark should be one of {', '.join(Mark)}, not {words[1][:40]}")
        if words[2] not in ("1", "-1"):
            raise ProtocolError(BAD_ARGUMENT, f"the direction should be 1 or -1, not {words[2][:40]}")
        velocity = number(words[3], "the velocity", axis.velocities, "steps/s")
        now = self._world.clock.now()
        self._require_motion(axis, 0, now)
        axis.home(Mark(words[1]), int(words[2]), velocity, now)
        return ""

    def _homed(self, words: list[str]) -> str:
        expect(words, 1, "HOMED? axis")
        return self._axis(words[0]).homed(self._world.clock.now())

    @staticmethod
    def _require_motion(axis: Axis, ahead: float, now: float) -> None:
        try:
            axis.check_motion(ahead, now)
        except Refused as refused:
            raise ProtocolError(REFUSED, str(refused)) from None

    def _stop(self, words: list[str]) -> str:
        now = self._world.clock.now()
        axes = self._some(words, "STOP axis [axis ...]")
        for axis in [*axes, *self._companions(axes, now)]:
            axis.stop(now)
        return ""

    def _abort(self, words: list[str]) -> str:
        now = self._world.clock.now()
        axes = self._some(words, "ABORT axis [axis ...]")
        for axis in [*axes, *self._companions(axes, now)]:
            axis.abort(now)
        return ""

    def _companions(self, axes: list[Axis], now: float) -> list[Axis]:
        """Axes that follow a trajectory with one of these, and end it with it."""
        return [other for axis in axes for other in self._trajectory.others(axis, now)]

    def _set_velocity(self, words: list[str]) -> str:
        expect(words, 2, "VEL axis velocity")
        axis = self._axis(words[0])
        axis.velocity = number(words[1], "the velocity", axis.velocities, "steps/s")
        return ""

    def _velocity(self, words: list[str]) -> str:
        expect(words, 1, "VEL? axis")
        return repr(self._axis(words[0]).velocity)

    def _set_acceleration_time(self, words: list[str]) -> str:
        expect(words, 2, "ACC axis time")
        axis = self._axis(words[0])
        axis.acceleration_time = number(words[1], "the acceleration time", axis.acceleration_times, "s")
        return ""

    def _acceleration_time(self, words: list[str]) -> str:
        expect(words, 1, "ACC? axis")
        return repr(self._axis(words[0]).acceleration_time)

    def _range(self, words: list[str]) -> str:
        expect(words, 1, "RANGE? axis")
        axis = self._axis(words[0])
        velocities, times = axis.velocities, axis.acceleration_times
        return f"{velocities.low!r} {velocities.high!r} {times.low!r} {times.high!r}"

    def _redefine(self, words: list[str]) -> str:
        expect(words, 2, "SETPOS axis position")
        axis = self._axis(words[0])
        position = round(number(words[1], "the position", POSITIONS, "steps"))
        try:
            axis.redefine(position, self._world.clock.now())
        except Refused as refused:
            raise ProtocolError(REFUSED, str(refused)) from None
        return ""

    def _redefine_encoder(self, words: list[str]) -> str:
        expect(words, 2, "SETENC axis counts")
        axis = self._axis(words[0])
        if axis.encoder is None:
            raise ProtocolError(REFUSED, f"axis {axis.number} has no encoder")
        axis.encoder.redefine(number(words[1], "the count", POSITIONS, "counts"), self._world.clock.now())
        axis.changes += 1
        return ""

    def _set_power(self, words: list[str]) -> str:
        expect(words, 2, "POWER axis ON|OFF")
        axis = self._axis(words[0])
        if words[1] not in ("ON", "OFF"):
            raise ProtocolError(BAD_ARGUMENT, f"the power should be ON or OFF, not {words[1][:40]}")
        now = self._world.clock.now()
        for other in self._trajectory.others(axis, now) if words[1] == "OFF" else ():
            other.stop(now)
        axis.power(words[1] == "ON", now)
        return ""

    def _power(self, words: list[str]) -> str:
        expect(words, 1, "POWER? axis")
        return "ON" if self._axis(words[0]).powered else "OFF"

    # -- position compare

    def _unit(self, axis: Axis) -> PositionCompare:
        if axis.number not in self._compares:
            self._compares[axis.number] = PositionCompare(axis)
        return self._compares[axis.number]

    def _settle(self) -> None:
        """Emit the triggers of the motions as they are, before a command changes them."""
        for unit in self._compares.values():
            unit.settle(self._world.clock.now())

    def _compare(self, words: list[str]) -> str:
        if len(words) == 2 and words[1] in ("OFF", "CLEAR"):
            unit = self._unit(self._axis(words[0]))
            unit.disarm()
            if words[1] == "CLEAR":
                unit.clear()
            return ""
        if len(words) == 6 and words[1] == "TIMES" and words[5] in ("EMIT", "LATCH"):
            first, period = (number(word, "the time", TIMES, "s") for word in words[2:4])
            times = int(number(words[4], "the count", COMPARE_COUNTS))
            if period == 0:
                raise ProtocolError(BAD_ARGUMENT, "the period should not be 0")
            self._unit(self._axis(words[0])).arm_times(first, period, times, emits=words[5] == "EMIT")
            return ""
        usage = (
            "COMPARE axis start step count, COMPARE axis TIMES first period count EMIT|LATCH, or COMPARE axis OFF|CLEAR"
        )
        expect(words, 4, usage)
        axis = self._axis(words[0])
        start = number(words[1], "the first position", POSITIONS, "steps")
        step = number(words[2], "the step", POSITIONS, "steps")
        count = number(words[3], "the count", COMPARE_COUNTS)
        if step == 0:
            raise ProtocolError(BAD_ARGUMENT, "the step should not be 0")
        self._unit(axis).arm(start, step, int(count), self._world.clock.now())
        return ""

    def _compared(self, words: list[str]) -> str:
        expect(words, 1, "COMPARE? axis")
        unit = self._unit(self._axis(words[0]))
        return f"{'ARMED' if unit.armed else 'IDLE'},{len(unit.latches)}"

    def _pulse(self, words: list[str]) -> str:
        expect(words, 1, "PULSE axis")
        self._unit(self._axis(words[0])).pulse(self._world.clock.now())
        return ""

    def _set_width(self, words: list[str]) -> str:
        expect(words, 2, "WIDTH axis t")
        axis, width = self._axis(words[0]), number(words[1], "the width", WIDTHS, "s")
        self._widths[axis.number] = width
        output = f"{self.name}:{axis.number}"
        if output in self._world.lines:
            line = self._world.line(output)
            line.settle(self._world.clock.now())
            line.width = width
        return ""

    def _width(self, words: list[str]) -> str:
        expect(words, 1, "WIDTH? axis")
        return repr(self._widths.get(self._axis(words[0]).number, 0.0))

    def _latched(self, words: list[str]) -> bytes:
        expect(words, 2, "LATCHED? axis first")
        latches = self._unit(self._axis(words[0])).latches
        first = int(number(words[1], "the first latch", COUNTS))
        block = latches[first : first + MOST_LATCHES]
        rows = [value for latch in block for value in (latch.time, latch.position, latch.encoder, latch.compared)]
        return with_data(f"{len(latches)}", struct.pack(f"<{len(rows)}d", *rows))
