"""Driver for the simulated counter card."""

from __future__ import annotations

from collections.abc import Sequence

from ronda.devices.counter.contract import (
    CardParameters,
    CardReading,
    ChannelParameters,
    CounterCard,
    EncoderInputParameters,
    GatedBlock,
)
from ronda.devices.simulator import SimulatorLine
from ronda.framework.config.parameters import Address, parameter
from ronda.framework.errors import HardwareFault


class SimulatedCardParameters(CardParameters):
    """A simulated counter card."""

    address: Address = parameter("Where it listens, HOST:PORT or simulator:NAME")
    timeout: float = parameter("Longest wait for an answer", 1.0, unit="s", gt=0, le=60)


class SimulatedChannelParameters(ChannelParameters):
    """A channel of a simulated counter card."""

    channel: int = parameter("Number of the channel", ge=1)


class SimulatedEncoderInputParameters(EncoderInputParameters):
    """An encoder input of a simulated counter card."""

    input: int = parameter("Number of the encoder input", ge=1)


class SimulatedCard(CounterCard):
    """Speaks lines such as `START 0.1`."""

    Parameters = SimulatedCardParameters
    ChannelParameters = SimulatedChannelParameters
    EncoderInputParameters = SimulatedEncoderInputParameters

    def connect(self) -> None:
        self._line = SimulatorLine(self.name, self.parameters.address, self.parameters.timeout)
        self._line.open("RONDA-SIM-CT,1")
        self._width = int(self._line.ask("IDN?").rpartition(",")[2])
        if self.encoders:
            there = len(self._line.ask("ENCODERS?").split(","))
            self._places = [each.input - 1 for each in self.encoders.values()]
            if max(self._places) >= there:
                raise HardwareFault(f"{self.name}: has no encoder input {max(self._places) + 1}; it has {there}")
            self._inputs = there

    def disconnect(self) -> None:
        self._line.close()

    def bound(self) -> float:
        return float(self.parameters.timeout)

    def start(self) -> None:
        self._line.ask("START", self.integration_time)

    def stop(self) -> None:
        self._line.ask("STOP")

    def counting(self) -> bool:
        return self._line.ask("STATUS?").startswith("COUNTING")

    def read(self) -> CardReading:
        status, counts = self._line.ask_all("STATUS?", "READ?")  # in this order: values read after the end are final
        elapsed, *values = map(float, counts.split(","))
        return CardReading(
            status.startswith("COUNTING"),
            elapsed,
            [values[each.channel - 1] for each in self.channels.values()],
            self._encoders("LATCHED?") if self.encoders else (),
        )

    def encoder_counts(self) -> Sequence[float]:
        return self._encoders("ENCODERS?")

    def _encoders(self, question: str) -> list[float]:
        counts = self._line.ask(question).split(",")
        return [float(counts[place]) for place in self._places]

    def arm_gated(self) -> None:
        self._line.ask("GATE", "ARM")

    def disarm_gated(self) -> None:
        self._line.ask("GATE", "OFF")

    def gated(self, first: int) -> GatedBlock:
        status, rows = self._line.fetch_rows(f"BLOCK? {first}", 2 + self._width)
        places = [1 + each.channel for each in self.channels.values()]
        latched = None
        if self.encoders:  # asked later, so that there are as many, and those of later triggers perhaps
            _, latches = self._line.fetch_rows(f"LATCHES? {first}", 1 + self._inputs)
            latched = latches[: len(rows) + 1, [1 + place for place in self._places]]
        return GatedBlock(int(status), rows[:, 0], rows[:, 1], rows[:, places], latched)
