"""Driver for controllers of Physik Instrumente that speak GCS 2; see docs/reference/motor-drivers.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ronda.devices.connection import LineConnection
from ronda.devices.motor.contract import AxisReading, Channel, ControllerParameters, MotorController, ReferenceMark
from ronda.framework.config.parameters import Address, parameter
from ronda.framework.errors import CommunicationFailed, HardwareFault

REFERENCE_MOVES = {ReferenceMark.HOME_SWITCH: "FRF", ReferenceMark.LOW_LIMIT: "FNL", ReferenceMark.HIGH_LIMIT: "FPL"}
"""By which command each mark is searched."""

STOPPED = 10
"""The error that HLT and STP always leave."""

ERRORS = {
    1: "parameter syntax error",
    2: "unknown command",
    5: "the axis is not referenced, or its servo is off",
    7: "position out of limits",
    8: "velocity out of limits",
    10: "stopped by command",
    15: "invalid axis identifier",
    17: "parameter out of range",
    23: "illegal axis",
    24: "incorrect number of parameters",
    25: "invalid floating-point number",
    26: "parameter missing",
    31: "the axis has no reference switch",
    32: "the axis has no limit switch",
    34: "not allowed for this stage",
    45: "referencing failed",
    49: "the move to the limit switch failed",
    50: "reference moves are switched off (RON 0)",
    53: "not allowed while the axis moves",
    54: "unknown parameter",
    216: "the stage is on a limit switch",
    -1008: "the controller is busy with a reference move",
    -1024: "motion error: the position error was too large, and the servo went off",
}
"""Manual MS249E, section 8.7."""

MAXIMUM_VELOCITY, MAXIMUM_ACCELERATION = "0xA", "0x4A"
"""Parameters of an axis, in units/s and units/s²."""


class PiGcsParameters(ControllerParameters):
    """A motor controller of Physik Instrumente that speaks GCS 2, such as C-863, C-867, C-884 or C-885."""

    address: Address = parameter("Where it listens, HOST:PORT (its port is 50000) or simulator:NAME")
    timeout: float = parameter("Longest wait for an answer", 1.0, unit="s", gt=0, le=60)


class PiGcs(MotorController):
    """Speaks lines such as `MOV 1 2.5 2 0.1`, in the units of the stages.

    What counts as a step here is therefore not the motor's: it is a unit divided by `steps_per_unit`, the resolution in
    which positions are compared and shown, such as 10000 for 0.1 µm on a stage in mm.
    """

    Parameters = PiGcsParameters
    starts_together = True
    reference_marks = frozenset(REFERENCE_MOVES)

    def connect(self) -> None:
        self._line = LineConnection(
            self.name, self.parameters.address, timeout=self.parameters.timeout, encoding="cp1252"
        )
        self._line.open()
        identity = self._line.query("*IDN?")
        if "PHYSIK INSTRUMENTE" not in identity.upper():
            raise CommunicationFailed(
                f"{self.name}: at {self.parameters.address} answers {identity[:40]!r}, no PI device"
            )
        [known] = self._ask("SAI?")
        self._known = {line.strip() for line in known}

    def disconnect(self) -> None:
        self._line.close()

    def bound(self) -> float:
        return float(self.parameters.timeout)

    def read(self, channels: Sequence[Channel]) -> Mapping[Channel, AxisReading]:
        for channel in channels:  # a question about an unknown axis has no answer at all
            self._require(channel)
        names = [str(channel) for channel in channels]
        registers = " ".join(f"{name} 1" for name in names)
        positions, states = self._ask(f"POS? {' '.join(names)}", f"SRG? {registers}")
        try:
            return {
                channel: _reading(int(_value(state), 16), float(_value(position)) * self._steps(channel))
                for channel, position, state in zip(channels, positions, states, strict=True)
            }
        except ValueError as error:
            raise CommunicationFailed(f"{self.name} answers POS? and SRG? with {positions} and {states}") from error

    def start(self, moves: Mapping[Channel, float]) -> None:
        self._do(
            "MOV " + " ".join(f"{channel} {steps / self._steps(channel):.9f}" for channel, steps in moves.items()),
            *moves,
        )

    def stop(self, channels: Sequence[Channel]) -> None:
        self._do(f"HLT {' '.join(map(str, channels))}", *channels, allowed=STOPPED)

    def abort(self, channels: Sequence[Channel]) -> None:
        if set(map(str, channels)) == self._known:
            self._do("STP", allowed=STOPPED)
        else:  # STP is for all axes; those that were not meant go on
            self.stop(channels)

    def jog(self, channel: Channel, velocity: float) -> None:
        self._do(f"JOG {channel} {velocity / self._steps(channel):.9f}", channel)

    def home(self, channel: Channel, mark: ReferenceMark, direction: int, velocity: float | None) -> None:
        # the controller knows itself where the mark is, how fast to go, and what the position is there
        self._do(f"RON {channel} 1", channel)
        self._do(f"{REFERENCE_MOVES[mark]} {channel}", channel)

    def home_found(self, channel: Channel) -> float | None:
        [[referenced], [error], [position]] = self._ask(f"FRF? {channel}", "ERR?", f"POS? {channel}")
        if _value(referenced) == "1":
            return float(_value(position)) * self._steps(channel)
        if int(error) in (0, STOPPED):
            return None
        raise HardwareFault(f"{self.name} did not find the mark of axis {channel}: {_named(int(error))}")

    def set_velocity(self, channel: Channel, velocity: float) -> float:
        """Keeps the acceleration time: the controller itself keeps the acceleration."""
        [[old], [acceleration]] = self._ask(f"VEL? {channel}", f"ACC? {channel}")
        duration = float(_value(old)) / float(_value(acceleration))
        self._do(f"VEL {channel} {velocity / self._steps(channel):.9f}", channel)
        self.set_acceleration_time(channel, duration)
        return self._number("VEL?", channel) * self._steps(channel)

    def velocity_range(self, channel: Channel) -> tuple[float, float]:
        return 0.0, self._number("SPA?", channel, MAXIMUM_VELOCITY) * self._steps(channel)

    def set_acceleration_time(self, channel: Channel, duration: float) -> float:
        velocity = self._number("VEL?", channel)
        acceleration = velocity / max(duration, 1e-6)
        acceleration = min(acceleration, self._number("SPA?", channel, MAXIMUM_ACCELERATION))
        for command in ("ACC", "DEC"):
            self._do(f"{command} {channel} {acceleration:.9f}", channel)
        return velocity / self._number("ACC?", channel)

    def acceleration_time_range(self, channel: Channel) -> tuple[float, float]:
        return self._number("VEL?", channel) / self._number("SPA?", channel, MAXIMUM_ACCELERATION), float("inf")

    def set_position(self, channel: Channel, position: float) -> None:
        """POS is allowed in the reference mode 0 only; afterwards the axis counts as referenced."""
        reference_mode = round(self._number("RON?", channel))
        self._do(f"RON {channel} 0", channel)
        try:
            self._do(f"POS {channel} {position / self._steps(channel):.9f}", channel)
        finally:
            self._do(f"RON {channel} {reference_mode}", channel)

    def set_power(self, channel: Channel, on: bool) -> None:
        self._do(f"SVO {channel} {int(on)}", channel)

    def query(self, line: str) -> str:
        if "?" not in line:
            self._do(line)
            return ""
        [answer] = self._ask(line)
        return "\n".join(answer)

    def _steps(self, channel: Channel) -> float:
        return float(self.axes[channel].steps_per_unit)

    def _require(self, channel: Channel) -> None:
        if str(channel) not in self._known:
            raise HardwareFault(f"{self.name} has no axis {channel}; it has {', '.join(sorted(self._known))}")

    def _number(self, question: str, channel: Channel, parameter: str = "") -> float:
        self._require(channel)
        [[line]] = self._ask(f"{question} {channel} {parameter}".strip())
        return float(_value(line))

    def _do(self, command: str, *channels: Channel, allowed: int = 0) -> None:
        """Give a command, and ask in the same exchange what the controller thinks of it.

        Raises:
            HardwareFault: it refuses.
        """
        for channel in channels:
            self._require(channel)
        # what went wrong before, such as a limit switch that was met, is not this command's error
        [_, [error]] = self._ask("ERR?", f"{command}\nERR?")
        if int(error) not in (0, allowed):
            raise HardwareFault(f"{self.name} refuses {command!r}: {_named(int(error))}")

    def _ask(self, *questions: str) -> list[list[str]]:
        """The lines that answer each question, all in one exchange; section 8.2: a line goes on if a space ends it."""
        answers: list[list[str]] = [[]]

        def more(lines: list[str]) -> bool:
            answers[-1].append(lines[-1].rstrip("\r"))
            if not lines[-1].endswith(" "):
                answers.append([])
            return len(answers) <= len(questions)

        self._line.ask(questions, more)
        return answers[: len(questions)]


def _value(line: str) -> str:
    """What stands behind the equals sign."""
    return line.partition("=")[2].strip()


def _named(error: int) -> str:
    return f"{ERRORS.get(error, 'see the manual')} (error {error})"


def _reading(register: int, steps: float) -> AxisReading:
    """What the status register says; manual MS249E, commands #4 and SRG?."""
    servo, moving, referencing, on_target = (bool(register >> bit & 1) for bit in (12, 13, 14, 15))
    return AxisReading(
        position=steps,
        moving=moving or referencing or (servo and not on_target),
        powered=servo,
        low_limit=bool(register & 1),
        home=bool(register >> 1 & 1),
        high_limit=bool(register >> 2 & 1),
        fault=ERRORS[-1024] if register >> 8 & 1 else "",
    )
