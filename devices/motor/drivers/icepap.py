"""Driver for the IcePAP, ESRF's controller of stepper motors; see docs/reference/motor-drivers.md."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING

from pydantic import Field

from ronda.devices.connection import LineConnection
from ronda.devices.motor import contract
from ronda.devices.motor.contract import (
    AxisReading,
    Channel,
    ControllerParameters,
    Knots,
    Latches,
    MotorController,
    ReferenceMark,
)
from ronda.framework.config.parameters import Address, parameter
from ronda.framework.errors import CommunicationFailed, HardwareFault, NotAllowed

if TYPE_CHECKING:
    from ronda.devices.motor.passing import Passing

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


MOST_PLACES = 20477
"""Triggers in a line of a sweep for which a cam has room: 40954 words of 16 bit, two for each."""

JOINED = 1.5
"""Seconds within which axes that stand where their trajectory begins are on it; who asks for it waits for 2 s."""

JOINING = 0.005
"""Seconds between two looks whether they are."""


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
    trigger_output: str | None = parameter(
        "Which of its outputs the triggers of continuous scans leave by; null if they leave by none",
        "InfoA",
        pattern=r"^(?i:info[abc]|outaux|syncaux)$",
    )


class Icepap(MotorController):
    """Speaks lines such as `#MOVE GROUP 1 2000 2 500`; positions are whole steps."""

    Parameters = IcepapParameters
    AxisParameters = IcepapAxisParameters
    starts_together = True
    reference_marks = frozenset(SEARCHES)
    keeps_time = False
    trigger_jitter = 2e-5

    def connect(self) -> None:
        self._armed: dict[Channel, Passing] = {}
        self._knots: Knots | None = None
        self._searched: dict[Channel, str] = {}
        self._kept: dict[Channel, float] = {}
        self._line = LineConnection(self.name, self.parameters.address, timeout=self.parameters.timeout)
        self._line.open()
        version = self._line.query("?VER")
        if not version.startswith("?VER "):
            raise CommunicationFailed(f"{self.name}: at {self.parameters.address} answers {version[:40]!r}, no IcePAP")
        for channel, axis in self.axes.items():
            if axis.trigger_output:  # a server that was killed has left its cam, which would go on giving pulses
                with suppress(HardwareFault):  # a board that is not there
                    self._do(f"{channel}:ECAMDAT CLEAR")

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
        self._begin(moves)
        self._do("MOVE GROUP " + " ".join(f"{channel} {round(steps)}" for channel, steps in moves.items()))

    def stop(self, channels: Sequence[Channel]) -> None:
        self._do(f"STOP {' '.join(map(str, channels))}")

    def abort(self, channels: Sequence[Channel]) -> None:
        self._do(f"ABORT {' '.join(map(str, channels))}")

    def jog(self, channel: Channel, velocity: float) -> None:
        self._begin([channel])
        self._do(f"JOG {channel} {velocity:.9g}")

    def home(self, channel: Channel, mark: ReferenceMark, direction: int, velocity: float | None) -> None:
        self._begin([channel])
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

    def compare(
        self,
        channel: Channel,
        start: float,
        step: float,
        count: int,
        *,
        period: float = 0.0,
        clocks: Sequence[float] = (),
    ) -> None:
        from ronda.devices.motor.passing import over_positions

        passing = over_positions(start, step, count, period, clocks)
        self._load_cam(channel, "AXIS DWORD", passing, "<i4")
        self._armed[channel] = passing

    def most_triggers(self, channel: Channel) -> float:
        axis = self.axes.get(channel)
        return 0.0 if axis is not None and axis.trigger_output is None else MOST_PLACES

    def compare_off(self, channel: Channel) -> None:
        passing = self._armed.get(channel)
        if passing is not None:
            self._look(channel, passing)
            passing.over = True
        self._do(f"{channel}:ECAMDAT CLEAR")

    def latched(self, channel: Channel, first: int) -> Latches:
        passing = self._armed[channel]
        self._look(channel, passing)
        return passing.latched(first)

    def load_trajectory(self, knots: Knots) -> None:
        from ronda.devices.motor.icepap_blocks import PARAMETER, POSITION, SLOPE, block, vector

        columns = []
        for place, channel in enumerate(knots.channels):
            columns += [
                vector(POSITION, channel, knots.positions[:, place]),
                vector(PARAMETER, channel, knots.times),
                vector(SLOPE, channel, knots.velocities[:, place]),
            ]
        boards = " ".join(map(str, knots.channels))
        self._knots = None
        self._ask("#*PARDAT", block=block(b"".join(columns)))
        self._do(f"PARVEL 1 {boards}", f"PARACCT 0 {boards}")  # so the parameter is the time in s
        self._knots = knots

    def start_trajectory(self) -> None:
        from ronda.devices.motor.passing import on_trajectory

        knots = self._knots
        if knots is None:
            raise HardwareFault(f"{self.name} has no trajectory")
        boards = " ".join(map(str, knots.channels))
        deadline = time.monotonic() + JOINED
        self._do(f"MOVEP 0 {boards}")
        while any(reading.moving for reading in self.read(knots.channels).values()):
            if time.monotonic() > deadline:
                self.stop(knots.channels)
                raise HardwareFault(
                    f"{self.name}: axes {boards} are not where their trajectory begins after {JOINED:g} s"
                )
            time.sleep(JOINING)
        for place, channel in enumerate(knots.channels):
            passing = self._armed.get(channel)
            if passing is not None:
                passing.positions = on_trajectory(knots, place, passing.places)
                passing.begun = True
        self._do(f"PMOVE GROUP STRICT {float(knots.times[-1])!r} {boards}")

    def compare_times(
        self,
        channel: Channel,
        first: float,
        period: float,
        count: int,
        *,
        emits: bool,
        clocks: Sequence[float] = (),
    ) -> None:
        from ronda.devices.motor.passing import over_times

        passing = over_times(first, period, count, clocks)
        if emits:
            self._load_cam(channel, "PARAM DFLOAT", passing, "<f8")
        else:
            self._do(f"{channel}:ECAMDAT CLEAR")
        self._armed[channel] = passing

    def sync(self, channel: Channel) -> None:
        self._do(f"ESYNC {channel}")

    def query(self, line: str) -> str:
        answered = "?" in line or line.lstrip().startswith("#")
        lines = self._line.ask([line if answered else f"#{line}"], _several)
        return "\n".join(each.rstrip("\r") for each in lines)

    def _number(self, question: str, channel: Channel) -> float:
        [[word]] = self._ask(f"?{question} {channel}")
        return float(word)

    def _begin(self, channels: Iterable[Channel]) -> None:
        """Axes are about to move: the first motion is the one to give triggers in, later ones are not."""
        for channel in channels:
            passing = self._armed.get(channel)
            if passing is not None and passing.begun and not passing.over:
                self.compare_off(channel)  # the cam would give its pulses again on the way back
            elif passing is not None:
                passing.begun = True

    def _load_cam(self, channel: Channel, source: str, passing: Passing, dtype: str) -> None:
        """Let the cam of an axis give a pulse at each place.

        Raises:
            NotAllowed: no output has them.
            HardwareFault: they are too many.
        """
        import numpy as np  # loaded by the first who needs it

        from ronda.devices.motor.icepap_blocks import CAM_WORDS, block

        axis = self.axes.get(channel)
        output = "InfoA" if axis is None else axis.trigger_output
        if output is None:
            raise NotAllowed(f"{self.name}: axis {channel} gives no triggers, its `trigger_output` is null")
        data = np.sort(passing.places).astype(dtype).tobytes()
        if len(data) > 2 * CAM_WORDS:
            most = 2 * CAM_WORDS // np.dtype(dtype).itemsize
            raise HardwareFault(
                f"{self.name}: the cam of axis {channel} has room for {most} triggers in a line, not for "
                f"{len(passing.places)}; divide it into shorter lines"
            )
        self._do(f"{channel}:ECAMDAT CLEAR")
        self._ask(f"#{channel}:*ECAMDAT {source}", block=block(data))
        self._do(f"{channel}:ECAM PULSE", f"{channel}:{output.upper()} ECAM")

    def _look(self, channel: Channel, passing: Passing) -> None:
        """See which triggers were given: those whose places the axis has passed."""
        if passing.begun and not passing.over:
            [[place]] = self._ask(f"{channel}:?PARPOS" if passing.timed else f"?POS AXIS {channel}")
            passing.reach(float(place))

    def _do(self, *commands: str) -> None:
        """Give commands in one exchange; each is acknowledged."""
        self._ask(*(f"#{command}" for command in commands))

    def _ask(self, *commands: str, block: bytes = b"") -> list[list[str]]:
        """The words of the answers to several commands in one exchange, or to one with a block of data behind it.

        Raises:
            HardwareFault: one of them is answered with an error.
        """
        lines = self._line.ask([";".join(commands)], lambda lines: len(lines) < len(commands), block)
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
