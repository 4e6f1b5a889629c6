"""Driver for the analogue inputs and outputs of the simulated input/output unit."""

from __future__ import annotations

from collections.abc import Mapping

from ronda.devices.analogue_io.contract import AnalogueIo, AnalogueIoParameters, AnalogueSignalParameters
from ronda.devices.simulator import SimulatorLine
from ronda.framework.config.parameters import Address, parameter


class SimulatedAnalogueIoParameters(AnalogueIoParameters):
    """The analogue inputs and outputs of the simulated input/output unit."""

    address: Address = parameter("Where it listens, HOST:PORT or simulator:NAME")
    timeout: float = parameter("Longest wait for an answer", 1.0, unit="s", gt=0, le=60)


class SimulatedAnalogueSignalParameters(AnalogueSignalParameters):
    """An analogue signal of the simulated unit."""

    channel: int = parameter("Number of the input or output", ge=1)


class SimulatedAnalogueIo(AnalogueIo):
    """Speaks lines such as `AI? 1 2` and `AO 1 2.5`."""

    Parameters = SimulatedAnalogueIoParameters
    SignalParameters = SimulatedAnalogueSignalParameters

    def connect(self) -> None:
        self._line = SimulatorLine(self.name, self.parameters.address, self.parameters.timeout)
        self._line.open("RONDA-SIM-IO,1")

    def disconnect(self) -> None:
        self._line.close()

    def bound(self) -> float:
        return float(self.parameters.timeout)

    def read(self) -> Mapping[str, float]:
        found: dict[str, float] = {}
        for direction, question in (("input", "AI?"), ("output", "AO?")):
            names = [name for name, signal in self.signals.items() if signal.direction == direction]
            if names:
                words = self._line.ask(question, *(self.signals[name].channel for name in names)).split(",")
                found.update(zip(names, map(float, words), strict=True))
        return found

    def write(self, name: str, value: float) -> None:
        self._line.ask("AO", self.signals[name].channel, value)
