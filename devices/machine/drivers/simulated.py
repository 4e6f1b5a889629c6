"""Driver for the simulated machine's information server."""

from __future__ import annotations

from ronda.devices.machine.contract import Machine, MachineParameters, MachineReading
from ronda.devices.simulator import SimulatorLine
from ronda.framework.config.parameters import Address, parameter
from ronda.framework.errors import CommunicationFailed


class SimulatedMachineParameters(MachineParameters):
    """The simulated machine's information server."""

    address: Address = parameter("Where it listens, HOST:PORT or simulator:NAME")
    timeout: float = parameter("Longest wait for an answer", 1.0, unit="s", gt=0, le=60)


class SimulatedMachine(Machine):
    """Asks `STATUS?`."""

    Parameters = SimulatedMachineParameters

    def connect(self) -> None:
        self._line = SimulatorLine(self.name, self.parameters.address, self.parameters.timeout)
        self._line.open("RONDA-SIM-MI,1")

    def disconnect(self) -> None:
        self._line.close()

    def bound(self) -> float:
        return float(self.parameters.timeout)

    def read(self) -> MachineReading:
        answer = self._line.ask("STATUS?")
        try:
            current, front_end, following = answer.split(",")
            seconds = None if following == "NONE" else float(following)
            return MachineReading(float(current), front_end == "OPEN", seconds)
        except ValueError as error:
            raise CommunicationFailed(f"{self.name} answers STATUS? with {answer[:60]!r}") from error
