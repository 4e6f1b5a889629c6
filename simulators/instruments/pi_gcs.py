"""A motor controller of Physik Instrumente that speaks GCS 2.0 over TCP (there on port 50000), such as a C-884.

Commands are described in section 8.6 of the manual MS249E, see `ronda.simulators.gcs.protocol`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Self

from pydantic import StringConstraints, model_validator

from ronda.simulators.axes import build_axis, truth
from ronda.simulators.framing import Framing
from ronda.simulators.gcs.axis import Change, GcsAxis
from ronda.simulators.gcs.protocol import NOT_READY, READY, SINGLE, Code, GcsError, flag, lines, real
from ronda.simulators.instrument import Instrument
from ronda.simulators.parameters import AxisParameters, InstrumentParameters, parameter
from ronda.simulators.physics.axis import Refused
from ronda.simulators.physics.search import Mark
from ronda.simulators.physics.world import World

MODEL = "(c)Physik Instrumente (PI) GmbH & Co. KG, C-884.DC, {serial}, 1.2.3.4"

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,16}$")]

COMMANDS = {
    "*IDN?": "Get device identification",
    "ACC": "Set closed-loop acceleration {<AxisID> <Acceleration>}",
    "ACC?": "Get closed-loop acceleration [{<AxisID>}]",
    "CST?": "Get assignment of stages to axes [{<AxisID>}]",
    "CSV?": "Get current syntax version",
    "DEC": "Set closed-loop deceleration {<AxisID> <Deceleration>}",
    "DEC?": "Get closed-loop deceleration [{<AxisID>}]",
    "ERR?": "Get error number",
    "FNL": "Fast reference move to negative limit [{<AxisID>}]",
    "FPL": "Fast reference move to positive limit [{<AxisID>}]",
    "FRF": "Fast reference move to reference switch [{<AxisID>}]",
    "FRF?": "Get referencing result [{<AxisID>}]",
    "HLP?": "Get list of available commands",
    "HLT": "Halt motion smoothly [{<AxisID>}]",
    "HPA?": "Get list of available parameters",
    "JOG": "Move at a velocity {<AxisID> <Velocity>}",
    "JOG?": "Get velocity of JOG [{<AxisID>}]",
    "LIM?": "Indicate limit switches [{<AxisID>}]",
    "MOV": "Set target position {<AxisID> <Position>}",
    "MOV?": "Get target position [{<AxisID>}]",
    "MVR": "Set target relative to current target {<AxisID> <Distance>}",
    "ONT?": "Get on-target state [{<AxisID>}]",
    "POS": "Set real position {<AxisID> <Position>}",
    "POS?": "Get real position [{<AxisID>}]",
    "RON": "Set reference mode {<AxisID> <ReferenceOn>}",
    "RON?": "Get reference mode [{<AxisID>}]",
    "SAI?": "Get list of current axis identifiers [ALL]",
    "SPA?": "Get volatile memory parameters [{<ItemID> <PamID>}]",
    "SRG?": "Query status register value [{<AxisID> <RegisterID>}]",
    "SSN?": "Get device serial number",
    "STP": "Stop all axes abruptly",
    "SVO": "Set servo mode {<AxisID> <ServoState>}",
    "SVO?": "Get servo mode [{<AxisID>}]",
    "TCV?": "Get commanded closed-loop velocity [{<AxisID>}]",
    "TMN?": "Get minimum commandable position [{<AxisID>}]",
    "TMX?": "Get maximum commandable position [{<AxisID>}]",
    "TRS?": "Indicate reference switch [{<AxisID>}]",
    "TVI?": "Tell valid character set for axis identifiers",
    "VEL": "Set closed-loop velocity {<AxisID> <Velocity>}",
    "VEL?": "Get closed-loop velocity [{<AxisID>}]",
    "VER?": "Get versions of firmware and drivers",
}
"""What HLP? tells."""

PARAMETERS: dict[int, tuple[str, Callable[[GcsAxis], float]]] = {
    0x0A: ("Maximum Closed-Loop Velocity (Phys. Unit/s)", lambda axis: axis.axis.velocities.high / axis.steps),
    0x0E: ("Numerator Of The Counts-Per-Physical-Unit Factor", lambda axis: axis.steps),
    0x0F: ("Denominator Of The Counts-Per-Physical-Unit Factor", lambda _: 1),
    0x14: ("Has Reference", lambda axis: int(axis.axis.stage.mechanics.home is not None)),
    0x15: ("Maximum Travel In Positive Direction (Phys. Unit)", lambda axis: axis.highest),
    0x30: ("Maximum Travel In Negative Direction (Phys. Unit)", lambda axis: axis.lowest),
    0x32: ("Has No Limit Switches", lambda axis: int(axis.axis.stage.mechanics.lower_switch is None)),
    0x4A: ("Maximum Closed-Loop Acceleration (Phys. Unit/s^2)", lambda axis: axis.fastest_acceleration),
    0x4B: ("Maximum Closed-Loop Deceleration (Phys. Unit/s^2)", lambda axis: axis.fastest_acceleration),
}
"""Parameters that SPA? tells, by number; names as in the manual."""

WHOLE = frozenset({0x0F, 0x14, 0x32})
"""Those that are integers."""


class PiAxisParameters(AxisParameters):
    """An axis of the controller. Its encoder is on the motor's shaft: `steps_per_unit` are the counts for one unit."""

    lowest: float | None = parameter("Lowest commandable position; None: the lower switch", None, unit="{unit}")
    highest: float | None = parameter("Highest commandable position; None: the upper switch", None, unit="{unit}")
    referenced: bool = parameter("Whether it knows at first where it is", False)
    servo: bool = parameter("Whether the servo is on at first", False)
    settling_time: float = parameter("For how long after a move it is not yet on target", 0.02, unit="s", ge=0)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.encoder is not None:
            raise ValueError("a GCS axis has its encoder on the motor's shaft: leave encoder out, set steps_per_unit")
        return self


class PiGcsParameters(InstrumentParameters):
    """A motor controller of Physik Instrumente."""

    serial: str = parameter("Serial number", "118012345", pattern=r"^[0-9]{1,12}$")
    axes: dict[Identifier, PiAxisParameters] = parameter("Its axes, by identifier", min_length=1, max_length=16)


class PiGcs(Instrument):
    """The controller and its axes."""

    Parameters = PiGcsParameters
    framing = Framing(alone=SINGLE)

    def __init__(self, name: str, parameters: PiGcsParameters, world: World) -> None:
        self.name = name
        self._serial = parameters.serial
        self._world = world
        self._names = {identifier: axis.name for identifier, axis in parameters.axes.items()}
        self._axes = {
            identifier: GcsAxis(
                identifier,
                build_axis(number, axis, world),
                lowest=axis.lowest,
                highest=axis.highest,
                referenced=axis.referenced,
                servo=axis.servo,
                settling_time=axis.settling_time,
            )
            for number, (identifier, axis) in enumerate(parameters.axes.items(), 1)
        }
        self._error = Code.NONE
        self._values: dict[str, Callable[[GcsAxis], str]] = {
            "ACC?": lambda axis: _float(axis.acceleration),
            "CST?": lambda axis: self._names[axis.identifier] or "STAGE",
            "DEC?": lambda axis: _float(axis.acceleration),
            "FRF?": lambda axis: str(int(axis.referenced)),
            "JOG?": lambda axis: _float(self._speed(axis)),
            "LIM?": lambda axis: str(int(axis.axis.stage.mechanics.lower_switch is not None)),
            "MOV?": lambda axis: _float(axis.target),
            "ONT?": lambda axis: str(int(axis.on_target(self._now))),
            "POS?": lambda axis: _float(axis.position(self._now)),
            "RON?": lambda axis: str(int(axis.reference_needed)),
            "SVO?": lambda axis: str(int(axis.servo)),
            "TCV?": lambda axis: _float(self._speed(axis)),
            "TMN?": lambda axis: _float(axis.lowest),
            "TMX?": lambda axis: _float(axis.highest),
            "TRS?": lambda axis: str(int(axis.axis.stage.mechanics.home is not None)),
            "VEL?": lambda axis: _float(axis.velocity),
        }
        self._others: dict[str, Callable[[list[str]], str | None]] = {
            "*IDN?": lambda words: _none(words, MODEL.format(serial=self._serial)),
            "CSV?": lambda words: _none(words, "2.0"),
            "ERR?": self._tell_error,
            "FNL": lambda words: self._reference(Mark.LOW, words),
            "FPL": lambda words: self._reference(Mark.HIGH, words),
            "FRF": lambda words: self._reference(Mark.HOME, words),
            "HLP?": lambda words: _none(words, _help()),
            "HLT": self._halt,
            "HPA?": lambda words: _none(words, _parameters()),
            "MOV": lambda words: self._move(words, relative=False),
            "MVR": lambda words: self._move(words, relative=True),
            "SAI?": lambda words: lines(list(self._axes)) if words in ([], ["ALL"]) else _none(words, ""),
            "SPA?": self._parameter,
            "SRG?": self._register,
            "SSN?": lambda words: _none(words, self._serial),
            "STP": self._stop,
            "TVI?": lambda words: _none(words, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"),
            "VER?": lambda words: _none(words, lines([f"FW_{part}: 1.2.3.4" for part in ("ARM", "DSP")])),
        }
        self._setters: dict[str, Callable[[GcsAxis, str], Change]] = {
            "ACC": lambda axis, word: axis.set_acceleration(real(word)),
            "DEC": lambda axis, word: axis.set_acceleration(real(word)),
            "JOG": lambda axis, word: axis.jog(real(word), self._now),
            "POS": lambda axis, word: axis.redefine(real(word), self._now),
            "RON": lambda axis, word: axis.set_reference_mode(flag(word), self._now),
            "SVO": lambda axis, word: axis.switch_servo(flag(word), self._now),
            "VEL": lambda axis, word: axis.set_velocity(real(word)),
        }

    def answer(self, line: str) -> str | None:
        """The answer to one line; None to a command, and to a question with a mistake: ERR? tells which."""
        for axis in self._axes.values():
            self._error = axis.settle(self._now) or self._error
        mnemonic, *words = line.split() or [""]
        try:
            return self._carry_out(line if line in map(chr, SINGLE) else mnemonic, words)
        except GcsError as error:
            self._error = error.code
            return None

    def truth(self, time: float) -> dict[str, Any]:
        """By identifier of each axis, where it truly is, how fast, and when the motion of that time began and ends."""
        return {
            "axes": {
                identifier: truth(axis.axis, self._names[identifier], time) for identifier, axis in self._axes.items()
            }
        }

    def fail(self, axis: int, fault: str = "following") -> None:
        """Let an axis, called by its place from 1 on, have a motion error (−1024)."""
        if fault != "following":
            raise LookupError(f"{self.name} has the fault following only, not {fault}")
        self._find(axis).fail(self._now)
        self._error = Code.MOTION_ERROR

    def carry(self, axis: int, distance: float) -> None:
        """Let somebody move a stage by hand, by a distance in its unit."""
        try:
            self._find(axis).axis.carry(distance, self._now)
        except Refused as refused:
            raise LookupError(str(refused)) from None

    def slip(self, axis: int, part: float) -> None:
        """Let an axis lose this part of its steps from its next motion on."""
        self._find(axis).axis.slip = part

    @property
    def _now(self) -> float:
        return self._world.clock.now()

    def _find(self, number: int) -> GcsAxis:
        for axis in self._axes.values():
            if axis.axis.number == number:
                return axis
        raise LookupError(f"{self.name} has no axis {number}")

    def _carry_out(self, mnemonic: str, words: list[str]) -> str | None:
        if mnemonic in self._values:
            axes = [self._axis(word) for word in words] or list(self._axes.values())
            return lines([f"{axis.identifier}={self._values[mnemonic](axis)}" for axis in axes])
        if mnemonic in self._setters:
            changes = [self._setters[mnemonic](axis, word) for axis, word in _each_once(self._pairs(words))]
            for change in changes:
                change()
            return None
        if mnemonic in self._others:
            return self._others[mnemonic](words)
        match mnemonic:
            case "\x05":
                moving = [axis.moving(self._now) for axis in self._axes.values()]
                return f"{sum(1 << place for place, moves in enumerate(moving) if moves):X}"
            case "\x07":
                return NOT_READY if any(axis.referencing(self._now) for axis in self._axes.values()) else READY
            case "\x18":
                return self._others["STP"]([])
            case "":
                return None
        raise GcsError(Code.UNKNOWN_COMMAND)

    # -- which axes a command is for

    def _axis(self, word: str) -> GcsAxis:
        try:
            return self._axes[word]
        except KeyError:
            raise GcsError(Code.INVALID_AXIS) from None

    def _pairs(self, words: list[str]) -> list[tuple[GcsAxis, str]]:
        if not words:
            raise GcsError(Code.PARAMETER_MISSING)
        if len(words) % 2:
            raise GcsError(Code.NUMBER_OF_PARAMETERS)
        return [(self._axis(axis), value) for axis, value in zip(words[::2], words[1::2], strict=True)]

    # -- commands of their own

    def _move(self, words: list[str], *, relative: bool) -> None:
        pairs = _each_once(self._pairs(words))
        targets = [(axis, real(word) + (axis.target if relative else 0.0)) for axis, word in pairs]
        for axis, target in targets:
            axis.check_move(target, self._now)
        now = self._now
        for axis, target in targets:
            axis.move(target, now)

    def _reference(self, mark: Mark, words: list[str]) -> None:
        axes = [self._axis(word) for word in words] or list(self._axes.values())
        for axis in axes:
            axis.check_reference(mark, self._now)
        for axis in axes:
            axis.reference(mark, self._now)

    def _halt(self, words: list[str]) -> None:
        for axis in [self._axis(word) for word in words] or list(self._axes.values()):
            axis.halt(self._now)
        self._error = Code.STOPPED

    def _stop(self, words: list[str]) -> None:
        _none(words, None)
        for axis in self._axes.values():
            axis.stop(self._now)
        self._error = Code.STOPPED

    def _tell_error(self, words: list[str]) -> str:
        error, self._error = self._error, Code.NONE
        return _none(words, str(int(error))) or ""

    def _parameter(self, words: list[str]) -> str:
        if not words:
            asked = [(axis, number) for axis in self._axes.values() for number in PARAMETERS]
        else:
            asked = [(axis, _parameter_number(word)) for axis, word in self._pairs(words)]
        return lines([f"{axis.identifier} 0x{number:X}={_value(axis, number)}" for axis, number in asked])

    def _register(self, words: list[str]) -> str:
        asked = [axis for axis, word in self._pairs(words) if _is_one(word)] if words else list(self._axes.values())
        return lines([f"{axis.identifier} 1=0x{axis.status(self._now):04X}" for axis in asked])

    def _speed(self, axis: GcsAxis) -> float:
        return axis.axis.stage.motion(self._now).velocity(self._now) / axis.steps


def _each_once(pairs: list[tuple[GcsAxis, str]]) -> list[tuple[GcsAxis, str]]:
    if len({axis for axis, _ in pairs}) < len(pairs):
        raise GcsError(Code.AXIS_TWICE)
    return pairs


def _float(value: float) -> str:
    return f"{value:.7f}"


def _none(words: list[str], answer: str | None) -> str | None:
    """The answer to a command without parameters."""
    if words:
        raise GcsError(Code.NUMBER_OF_PARAMETERS)
    return answer


def _is_one(word: str) -> bool:
    if word != "1":  # the only register that there is
        raise GcsError(Code.OUT_OF_RANGE)
    return True


def _parameter_number(word: str) -> int:
    try:
        number = int(word, 0)
    except ValueError:
        raise GcsError(Code.PARAMETER_SYNTAX) from None
    if number not in PARAMETERS:
        raise GcsError(Code.UNKNOWN_PARAMETER)
    return number


def _value(axis: GcsAxis, number: int) -> str:
    value = PARAMETERS[number][1](axis)
    return str(value) if number in WHOLE else _float(value)


def _help() -> str:
    single = ["#5 Request motion status", "#7 Request controller ready status", "#24 Stop all axes"]
    return lines(
        [
            "The following commands are valid:",
            *single,
            *(f"{name} {text}" for name, text in COMMANDS.items()),
            "end of help",
        ]
    )


def _parameters() -> str:
    described = [
        f"0x{number:X}= 0\t1\t{'INT' if number in WHOLE else 'FLOAT'}\taxis\t{name}"
        for number, (name, _) in PARAMETERS.items()
    ]
    return lines(["The following parameters are valid:", *described, "end of help"])
