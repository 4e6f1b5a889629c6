"""Driver for the IcePAP, ESRF's controller of stepper motors; see docs/reference/motor-drivers.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from pydantic import Field

from ronda.devices.connection import LineConnection
from ronda.devices.motor import contract
from ronda.devices.motor.contract import AxisReading, Channel, ControllerParameters, MotorController, ReferenceMark
from ronda.framework.config.parameters import Address, parameter
from ronda.framework.errors import CommunicationFailed, HardwareFault

SEARCHES = {
    ReferenceMark.HOME_SWITCH: ("HOME", ""),
    ReferenceMark.LOW_LIMIT: ("SRCH", "LIM- POSEDGE "),
    ReferenceMark.HIGH_LIMIT: ("SRCH", "LIM+ POSEDGE "),
    ReferenceMark.INDEX: ("SRCH", "ENCAUX POSEDGE "),
}
"""By which command each mark is searched, and with which signal; manual, section 2.2.2."""

STOP_CODES = {
    5: "settling time-out",
    6: "the power was switched off",
    8: "internal failure",
    9: "motor failure",
    10: "power overload",
    11: "driver overheating",
    12: "closed loop error",
    13: "control encoder error",
    15: "external alarm",
}
"""The field STOPCODE of the status word, where a motion ended otherwise than by arrival, stop or limit switch."""

DISABLED = {
    1: "the axis is configured as not active",
    2: "hardware alarm",
    3: "remote rack disable signal",
    4: "rack disable switch",
    5: "remote axis disable signal",
    6: "axis disable switch",
}
"""The field DISABLE of the status word; 7 is power off by software."""


class IcepapParameters(ControllerParameters):
    """An IcePAP."""

    address: Address = parameter("Where it listens, HOST:PORT (its port is 5000) or simulator:NAME")
    timeout: float = parameter("Longest wait for an answer", 1.0, unit="s", gt=0, le=60)


class IcepapAxisParameters(contract.AxisParameters):
    """An axis of an IcePAP. `channel` is the address of its board: 10 × rack + place."""

    channel: int = Field(description="Address of its driver board: 10 × rack + place (1 to 8)", ge=1, le=158)
    encoder_input: str | None = parameter(
        "Which position register is its encoder, such as EncIn or AbsEnc; null for none",
        None,
        pattern=r"^(?i:encin|absenc|inpos|measure)$",
    )


class Icepap(MotorController):
    """Speaks lines such as `#MOVE GROUP 1 2000 2 500`; positions are whole steps."""

    Parameters = IcepapParameters
    AxisParameters = IcepapAxisParameters
    starts_together = True
    reference_marks = frozenset(SEARCHES)

    def connect(self) -> None:
        self._searched: dict[Channel, str] = {}
        self._kept: dict[Channel, float] = {}
        self._line = LineConnection(self.name, self.parameters.address, timeout=self.parameters.timeout)
        self._line.open()
        version = self._line.query("?VER")
        if not version.startswith("?VER "):
            raise CommunicationFailed(f"{self.name}: at {self.parameters.address} answers {version[:40]!r}, no IcePAP")

    def disconnect(self) -> None:
        self._line.close()

    def bound(self) -> float:
        return float(self.parameters.timeout)

    def read(self, channels: Sequence[Channel]) -> Mapping[Channel, AxisReading]:
        boards = " ".join(map(str, channels))
        registers: dict[str, list[Channel]] = {}
        for channel in channels:
            axis = self.axes.get(channel)
            if axis is not None and axis.encoder_input:
                registers.setdefault(axis.encoder_input.upper(), []).append(channel)
        encoders = [f"?ENC {register} {' '.join(map(str, those))}" for register, those in registers.items()]
        states, positions, *counts = self._ask(f"?FSTATUS {boards}", f"?FPOS {boards}", *encoders)
        try:
            read = dict(zip(chain(*registers.values()), map(float, chain(*counts)), strict=True))
            return {
                channel: _reading(int(state, 16), float(position), read.get(channel))
                for channel, state, position in zip(channels, states, positions, strict=True)
            }
        except ValueError as error:
            raise CommunicationFailed(
                f"{self.name} answers ?FSTATUS and ?FPOS with {states} and {positions}"
            ) from error

    def start(self, moves: Mapping[Channel, float]) -> None:
        self._do("MOVE GROUP " + " ".join(f"{channel} {round(steps)}" for channel, steps in moves.items()))

    def stop(self, channels: Sequence[Channel]) -> None:
        self._do(f"STOP {' '.join(map(str, channels))}")

    def abort(self, channels: Sequence[Channel]) -> None:
        self._do(f"ABORT {' '.join(map(str, channels))}")

    def jog(self, channel: Channel, velocity: float) -> None:
        self._do(f"JOG {channel} {velocity:.9g}")

    def home(self, channel: Channel, mark: ReferenceMark, direction: int, velocity: float | None) -> None:
        command, signal = SEARCHES[mark]
        if velocity is not None:  # a search runs at the velocity of moves, which is set again when it has ended
            self._kept[channel] = self._number("VELOCITY", channel)
            self.set_velocity(channel, velocity)
        self._searched[channel] = command
        self._do(f"{command} {signal}{channel} {direction:+d}")

    def home_found(self, channel: Channel) -> float | None:
        if channel in self._kept:
            self.set_velocity(channel, self._kept.pop(channel))
        command = self._searched[channel]
        [[state, _], [stop_code]] = self._ask(f"?{command}STAT {channel}", f"?STOPCODE {channel}")
        if state == "FOUND":
            return self._number(f"{command}POS", channel)
        if int(stop_code, 16) in (1, 2):
            return None
        why = STOP_CODES.get(int(stop_code, 16), "it came to the limit switch")
        raise HardwareFault(f"{self.name} did not find the mark of axis {channel}: {why}")

    def set_velocity(self, channel: Channel, velocity: float) -> float:
        duration = self._number("ACCTIME", channel)  # firmware may keep the acceleration instead of its time
        self._do(f"VELOCITY {channel} {velocity:.9g}", f"ACCTIME {channel} {duration:.9g}")
        return self._number("VELOCITY", channel)

    def velocity_range(self, channel: Channel) -> tuple[float, float]:
        [[low], [high]] = self._ask(f"?VELOCITY MIN {channel}", f"?VELOCITY MAX {channel}")
        return float(low), float(high)

    def set_acceleration_time(self, channel: Channel, duration: float) -> float:
        self._do(f"ACCTIME {channel} {duration:.9g}")
        return self._number("ACCTIME", channel)

    def set_position(self, channel: Channel, position: float) -> None:
        self._do(f"POS AXIS {channel} {round(position)}")

    def set_encoder(self, channel: Channel, counts: float) -> None:
        self._do(f"ENC {(self.axes[channel].encoder_input or 'EncIn').upper()} {channel} {round(counts)}")

    def set_power(self, channel: Channel, on: bool) -> None:
        self._do(f"POWER {'ON' if on else 'OFF'} {channel}")

    def sync(self, channel: Channel) -> None:
        self._do(f"ESYNC {channel}")

    def query(self, line: str) -> str:
        answered = "?" in line or line.lstrip().startswith("#")
        lines = self._line.ask([line if answered else f"#{line}"], _several)
        return "\n".join(each.rstrip("\r") for each in lines)

    def _number(self, question: str, channel: Channel) -> float:
        [[word]] = self._ask(f"?{question} {channel}")
        return float(word)

    def _do(self, *commands: str) -> None:
        """Give commands in one exchange; each is acknowledged."""
        self._ask(*(f"#{command}" for command in commands))

    def _ask(self, *commands: str) -> list[list[str]]:
        """The words of the answers to several commands in one exchange.

        Raises:
            HardwareFault: one of them is answered with an error.
        """
        lines = self._line.ask([";".join(commands)], lambda lines: len(lines) < len(commands))
        answers = []
        for command, line in zip(commands, lines, strict=True):
            asked, (head, *words) = command.lstrip("#").partition(" ")[0], line.split() or [""]
            if head != asked:
                raise CommunicationFailed(f"{self.name} answers {command!r} with {line[:60]!r}")
            if words[:1] == ["ERROR"]:
                raise HardwareFault(f"{self.name} refuses {asked.lstrip('?')}: {' '.join(words[1:])}")
            answers.append(words)
        return answers


def _several(lines: list[str]) -> bool:
    """Whether an answer goes on: one of several lines stands between two `$`."""
    return lines[0].rstrip("\r").endswith("$") and (len(lines) == 1 or lines[-1].rstrip("\r") != "$")


def _reading(status: int, position: float, encoder: float | None) -> AxisReading:
    """What the status word says; manual, section 2.3.1."""
    moving, settling = status >> 10 & 1, status >> 11 & 1
    disabled, stop_code = status >> 4 & 7, status >> 14 & 15
    fault = "" if disabled in (0, 7) else DISABLED[disabled]
    ended = STOP_CODES.get(stop_code, "") if not moving else ""
    if not status & 1:
        fault = "its driver board is not in the rack"
    elif not status >> 1 & 1:
        fault = "its driver board does not answer"
    elif fault and ended:
        fault = f"{ended} ({fault})"
    return AxisReading(
        position=position,
        moving=bool(moving or settling),
        powered=bool(status >> 23 & 1),
        low_limit=bool(status >> 19 & 1),
        high_limit=bool(status >> 18 & 1),
        home=bool(status >> 20 & 1),
        fault=fault,
        encoder=encoder,
        cut_short=ended,
    )
