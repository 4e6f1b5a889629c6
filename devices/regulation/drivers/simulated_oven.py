"""Driver for the simulated oven: a sensor, a heater with a watchdog, and the loop of its own controller."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ronda.devices.regulation.contract import Gains, LoopReading, Reading, RegulationController, RegulationParameters
from ronda.devices.simulator import SimulatorLine
from ronda.framework.config.parameters import Address, parameter


class SimulatedOvenParameters(RegulationParameters):
    """The simulated oven. Its input, its output and its loop all are channel 1."""

    address: Address = parameter("Where it listens, HOST:PORT or simulator:NAME")
    timeout: float = parameter("Longest wait for an answer", 1.0, unit="s", gt=0, le=60)


class SimulatedOven(RegulationController):
    """Speaks lines such as `T?` and `OUT 12.5`. Its gains are in our units."""

    Parameters = SimulatedOvenParameters

    def connect(self) -> None:
        self._line = SimulatorLine(self.name, self.parameters.address, self.parameters.timeout)
        self._line.open("RONDA-SIM-OV,1")

    def disconnect(self) -> None:
        self._line.close()

    def bound(self) -> float:
        return float(self.parameters.timeout)

    def read_inputs(self, names: Sequence[str]) -> Mapping[str, Reading]:
        told = self._line.ask("T?")
        reading = Reading(math.nan, "sensor open") if told == "OPEN" else Reading(float(told))
        return dict.fromkeys(names, reading)

    def read_outputs(self, names: Sequence[str]) -> Mapping[str, Reading]:
        return dict.fromkeys(names, Reading(float(self._line.ask("OUT?"))))

    def write_output(self, name: str, value: float) -> None:
        self._line.ask("OUT", value)

    def guard_output(self, name: str, seconds: float, safe_value: float) -> None:
        self._line.ask("GUARD", seconds, safe_value)

    def read_loops(self, names: Sequence[str]) -> Mapping[str, LoopReading]:
        mode, setpoint, working, output = self._line.ask("LOOP?").split(",")
        return dict.fromkeys(names, LoopReading(float(setpoint), float(working), float(output), mode == "AUTO"))

    def write_setpoint(self, name: str, setpoint: float) -> None:
        self._line.ask("SP", setpoint)

    def regulate(self, name: str, on: bool) -> None:
        self._line.ask("AUTO" if on else "OFF")

    def hold(self, name: str) -> None:
        self._line.ask("HOLD")

    def read_gains(self, name: str) -> Gains:
        kp, ki, kd = map(float, self._line.ask("PID?").split(","))
        return Gains(kp, ki, kd)

    def write_gains(self, name: str, gains: Gains) -> None:
        self._line.ask("PID", gains.kp, gains.ki, gains.kd)

    def read_ramp_rate(self, name: str) -> float:
        return float(self._line.ask("RAMP?"))

    def write_ramp_rate(self, name: str, rate: float) -> None:
        self._line.ask("RAMP", rate)
