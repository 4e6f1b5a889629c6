"""Driver for the simulated motor controller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ronda.devices.motor.contract import (
    AxisParameters,
    AxisReading,
    Channel,
    Knots,
    Latches,
    MotorController,
    ReferenceMark,
)
from ronda.devices.motor.parameters import ControllerParameters, DiscrepancyParameters, DiscrepancyPolicy
from ronda.devices.simulator import SimulatorLine
from ronda.framework.config.parameters import Address, parameter
from ronda.framework.errors import HardwareFault

MARKS = {
    ReferenceMark.HOME_SWITCH: "HOME",
    ReferenceMark.LOW_LIMIT: "LOW",
    ReferenceMark.HIGH_LIMIT: "HIGH",
    ReferenceMark.INDEX: "INDEX",
}
"""What the controller calls them."""


ROWS = 50
"""How many knots of a trajectory are told in one line."""


class SimulatedParameters(ControllerParameters):
    """A simulated motor controller."""

    address: Address = parameter("Where it listens, HOST:PORT or simulator:NAME")
    timeout: float = parameter("Longest wait for an answer", 1.0, unit="s", gt=0, le=60)


class SimulatedAxisParameters(AxisParameters):
    """An axis of a simulated controller."""

    discrepancy: DiscrepancyParameters = parameter(
        "What to do if it stands elsewhere than where it was seen last; simulated stages are back at their beginning "
        "whenever their process starts anew, so this is only reported",
        default_factory=lambda: DiscrepancyParameters(policy=DiscrepancyPolicy.REPORT),
        live=True,
    )


class SimulatedController(MotorController):
    """Speaks lines such as `MOVE 1 2000`; positions are whole steps."""

    Parameters = SimulatedParameters
    AxisParameters = SimulatedAxisParameters
    starts_together = True
    reference_marks = frozenset(MARKS)

    def connect(self) -> None:
        self._said: dict[str, tuple[str, AxisReading]] = {}
        self._line = SimulatorLine(self.name, self.parameters.address, self.parameters.timeout)
        self._line.open("RONDA-SIM-MC,1")

    def disconnect(self) -> None:
        self._line.close()

    def bound(self) -> float:
        return float(self.parameters.timeout)

    def read(self, channels: Sequence[Channel]) -> Mapping[Channel, AxisReading]:
        return dict(map(self._axis, self._line.ask("STATUS?", *channels).split(";")))

    def _axis(self, said: str) -> tuple[Channel, AxisReading]:
        number, _, rest = said.partition(",")
        before = self._said.get(number)
        if before is None or before[0] != rest:  # most of them stand, and say the same again and again
            before = self._said[number] = rest, _reading(*rest.split(","))
        return int(number), before[1]

    def start(self, moves: Mapping[Channel, float]) -> None:
        self._line.ask("MOVE", *(word for channel, steps in moves.items() for word in (channel, round(steps))))

    def stop(self, channels: Sequence[Channel]) -> None:
        self._line.ask("STOP", *channels)

    def abort(self, channels: Sequence[Channel]) -> None:
        self._line.ask("ABORT", *channels)

    def jog(self, channel: Channel, velocity: float) -> None:
        self._line.ask("JOG", channel, velocity)

    def home(self, channel: Channel, mark: ReferenceMark, direction: int, velocity: float | None) -> None:
        self._line.ask("HOME", channel, MARKS[mark], direction, *([] if velocity is None else [velocity]))

    def home_found(self, channel: Channel) -> float | None:
        outcome, _, what = self._line.ask("HOMED?", channel).partition(" ")
        if outcome == "FAILED":
            raise HardwareFault(what)
        return float(what) if outcome == "FOUND" else None

    def set_velocity(self, channel: Channel, velocity: float) -> float:
        self._line.ask("VEL", channel, velocity)
        return float(self._line.ask("VEL?", channel))

    def velocity_range(self, channel: Channel) -> tuple[float, float]:
        return self._range(channel)[0]

    def set_acceleration_time(self, channel: Channel, duration: float) -> float:
        self._line.ask("ACC", channel, duration)
        return float(self._line.ask("ACC?", channel))

    def acceleration_time_range(self, channel: Channel) -> tuple[float, float]:
        return self._range(channel)[1]

    def set_position(self, channel: Channel, position: float) -> None:
        self._line.ask("SETPOS", channel, round(position))

    def set_encoder(self, channel: Channel, counts: float) -> None:
        self._line.ask("SETENC", channel, counts)

    def set_power(self, channel: Channel, on: bool) -> None:
        self._line.ask("POWER", channel, "ON" if on else "OFF")

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
        self._line.ask("COMPARE", channel, "CLEAR")
        self._line.ask("COMPARE", channel, start, step, count)

    def compare_off(self, channel: Channel) -> None:
        self._line.ask("COMPARE", channel, "OFF")

    def pulse(self, channel: Channel) -> None:
        self._line.ask("PULSE", channel)

    def trigger_width(self, channel: Channel, seconds: float) -> None:
        self._line.ask("WIDTH", channel, seconds)

    def latched(self, channel: Channel, first: int) -> Latches:
        emitted, rows = self._line.fetch_rows(f"LATCHED? {channel} {first}", 4)
        return Latches(int(emitted), rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3] != 0)

    def load_trajectory(self, knots: Knots) -> None:
        self._line.ask("TRAJECTORY", "CLEAR", *knots.channels)
        rows = [
            " ".join(map(repr, [time, *(value for pair in zip(*row, strict=True) for value in pair)]))
            for time, *row in zip(
                knots.times.tolist(), knots.positions.tolist(), knots.velocities.tolist(), strict=True
            )
        ]
        for first in range(0, len(rows), ROWS):
            self._line.ask("TRAJECTORY", "ADD", *rows[first : first + ROWS])

    def start_trajectory(self) -> None:
        self._line.ask("TRAJECTORY", "START")

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
        self._line.ask("COMPARE", channel, "CLEAR")
        self._line.ask("COMPARE", channel, "TIMES", first, period, count, "EMIT" if emits else "LATCH")

    def query(self, line: str) -> str:
        return self._line.connection.query(line)

    def _range(self, channel: Channel) -> tuple[tuple[float, float], tuple[float, float]]:
        slowest, fastest, shortest, longest = map(float, self._line.ask("RANGE?", channel).split())
        return (slowest, fastest), (shortest, longest)


def _reading(state: str, steps: str, flags: str, encoder: str | None = None) -> AxisReading:
    low, high, home = (bool(int(flags) & bit) for bit in (1, 2, 4))
    return AxisReading(
        position=float(steps),
        moving=state == "MOVING",
        powered=state != "OFF",
        low_limit=low,
        high_limit=high,
        home=home,
        fault="following fault" if state == "FAULT" else "",
        encoder=None if encoder is None else float(encoder),
    )
