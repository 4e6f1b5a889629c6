"""Driver for a shutter at the simulated input/output unit: an output opens it, inputs tell where it is."""

from __future__ import annotations

from ronda.devices.shutter.contract import Shutter, ShutterParameters, ShutterPosition, ShutterReading
from ronda.devices.simulator import SimulatorLine
from ronda.framework.config.parameters import Address, parameter


class SimulatedShutterParameters(ShutterParameters):
    """A shutter at the simulated input/output unit."""

    address: Address = parameter("Where the unit listens, HOST:PORT or simulator:NAME")
    timeout: float = parameter("Longest wait for an answer", 1.0, unit="s", gt=0, le=60)
    output: int = parameter("Digital output that opens it while it is on", ge=1)
    open_input: int = parameter("Digital input that is on while it is open", ge=1)
    closed_input: int = parameter("Digital input that is on while it is closed", ge=1)
    interlock_input: int | None = parameter("Digital input that is on while it may open; null for none", None, ge=1)
    interlock: str = parameter(
        "Why it may not open while that input is off, as a clause", "its interlock is not satisfied", min_length=1
    )


class SimulatedShutter(Shutter):
    """Speaks lines such as `DO 2 1`."""

    Parameters = SimulatedShutterParameters

    def connect(self) -> None:
        self._line = SimulatorLine(self.name, self.parameters.address, self.parameters.timeout)
        self._line.open("RONDA-SIM-IO,1")

    def disconnect(self) -> None:
        self._line.close()

    def bound(self) -> float:
        return float(self.parameters.timeout)

    def read(self) -> ShutterReading:
        wired = self.parameters
        inputs = [wired.open_input, wired.closed_input]
        if wired.interlock_input is not None:
            inputs.append(wired.interlock_input)
        opened, closed, *allowed = (word == "1" for word in self._line.ask("DI?", *inputs).split(","))
        position = ShutterPosition.BETWEEN
        if opened != closed:
            position = ShutterPosition.OPEN if opened else ShutterPosition.CLOSED
        return ShutterReading(position, "" if all(allowed) else wired.interlock)

    def open(self) -> None:
        self._line.ask("DO", self.parameters.output, 1)

    def close(self) -> None:
        self._line.ask("DO", self.parameters.output, 0)
