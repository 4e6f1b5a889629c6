"""Driver for the digital inputs and outputs of the simulated input/output unit."""

from __future__ import annotations

from collections.abc import Mapping

from ronda.devices.digital_io.contract import DigitalIo, DigitalIoParameters, DigitalSignalParameters
from ronda.devices.simulator import SimulatorLine
from ronda.framework.config.parameters import Address, parameter


class SimulatedDigitalIoParameters(DigitalIoParameters):
    """The digital inputs and outputs of the simulated input/output unit."""

    address: Address = parameter("Where it listens, HOST:PORT or simulator:NAME")
    timeout: float = parameter("Longest wait for an answer", 1.0, unit="s", gt=0, le=60)


class SimulatedDigitalSignalParameters(DigitalSignalParameters):
    """A digital signal of the simulated unit."""

    channel: int = parameter("Number of the input or output", ge=1)


class SimulatedDigitalIo(DigitalIo):
    """Speaks lines such as `DI? 1 2` and `DO 1 0`."""

    Parameters = SimulatedDigitalIoParameters
    SignalParameters = SimulatedDigitalSignalParameters

    def connect(self) -> None:
        self._line = SimulatorLine(self.name, self.parameters.address, self.parameters.timeout)
        self._line.open("RONDA-SIM-IO,1")

    def disconnect(self) -> None:
        self._line.close()

    def bound(self) -> float:
        return float(self.parameters.timeout)

    def read(self) -> Mapping[str, bool]:
        found: dict[str, bool] = {}
        for direction, question in (("input", "DI?"), ("output", "DO?")):
            names = [name for name, signal in self.signals.items() if signal.direction == direction]
            if names:
                words = self._line.ask(question, *(self.signals[name].channel for name in names)).split(",")
                found.update(zip(names, (word == "1" for word in words), strict=True))
        return found

    def write(self, name: str, value: bool) -> None:
        self._line.ask("DO", self.signals[name].channel, int(value))
