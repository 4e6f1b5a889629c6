"""Driver for the simulated spectrum analyser."""

from __future__ import annotations

import numpy as np

from ronda.devices.mca.contract import Capabilities, Mca, McaParameters, Spectrum
from ronda.devices.simulator import SimulatorLine
from ronda.framework.config.parameters import Address, parameter


class SimulatedMcaParameters(McaParameters):
    """A simulated spectrum analyser."""

    address: Address = parameter("Where it listens, HOST:PORT or simulator:NAME")
    timeout: float = parameter("Longest wait for an answer", 1.0, unit="s", gt=0, le=60)


class SimulatedMca(Mca):
    """Speaks lines such as `PRESET LIVE 0.1`; spectra come as bytes."""

    Parameters = SimulatedMcaParameters

    def connect(self) -> None:
        self._line = SimulatorLine(self.name, self.parameters.address, self.parameters.timeout)
        self._line.open("RONDA-SIM-MCA,1")

    def disconnect(self) -> None:
        self._line.close()

    def capabilities(self) -> Capabilities:
        channels, shortest, longest = map(float, self._line.ask("CAPS?").split(","))
        return Capabilities(int(channels), (shortest, longest), model="simulated spectrum analyser")

    def prepare(self, seconds: float, *, live: bool) -> None:
        self._line.ask("PRESET", "LIVE" if live else "REAL", repr(seconds))

    def start(self) -> None:
        self._line.ask("START")

    def busy(self) -> bool:
        return self._line.ask("STATUS?").startswith("RUNNING")

    def stop(self) -> None:
        self._line.ask("STOP")

    def read(self) -> Spectrum:
        fields, data = self._line.fetch("READ?")
        real, live, triggers, _ = map(float, fields.split(","))
        return Spectrum(np.frombuffer(data, "<u4"), real, live, int(triggers))
