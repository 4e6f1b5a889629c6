"""Driver for the Lake Shore Model 336 over TCP; a loop is an output (1 to 4), an input is A to D."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ronda.devices.connection import LineConnection
from ronda.devices.regulation.contract import Gains, LoopReading, Reading, RegulationController, RegulationParameters
from ronda.devices.regulation.parameters import InputParameters, OutputParameters
from ronda.framework.config.parameters import Address, parameter
from ronda.framework.errors import CommunicationFailed, HardwareFault

QUESTIONS = {"kelvin": "KRDG?", "celsius": "CRDG?", "sensor": "SRDG?"}
INPUT_FAULTS = {
    128: "sensor open or over range",
    64: "sensor reads zero",
    32: "over range",
    16: "under range",
    1: "invalid",
}
HEATER_FAULTS = {"1": "heater open", "2": "heater shorted"}
REFUSALS = {32: "it does not know that command", 16: "a value is outside its range", 4: "it cannot answer"}
"""Bits of the standard event status register."""


class Lakeshore336Parameters(RegulationParameters):
    """A Lake Shore Model 336 on the network."""

    address: Address = parameter("Where it listens, HOST:PORT (it has port 7777), or simulator:NAME")
    timeout: float = parameter("Longest wait for an answer", 1.0, unit="s", gt=0, le=60)


class Lakeshore336Input(InputParameters):
    """A sensor input: channel A, B, C or D."""

    quantity: Literal["kelvin", "celsius", "sensor"] = parameter(
        "What is read: kelvin, celsius, or sensor units such as V or Ω; say the same in `unit`", "kelvin"
    )


class Lakeshore336Output(OutputParameters):
    """A heater output: channel 1 to 4, in % of its range."""

    heater_range: Literal["low", "medium", "high"] = parameter(
        "Range when it is switched on; outputs 3 and 4 are just on", "high"
    )


class Lakeshore336(RegulationController):
    """Heater = P (e + I/1000 ∫e dt + D de/dt) with D in % of a quarter of 1000/I s: manual, chapter on PID control."""

    Parameters = Lakeshore336Parameters
    InputParameters = Lakeshore336Input
    OutputParameters = Lakeshore336Output

    def __init__(self, name: str, parameters: Any) -> None:
        super().__init__(name, parameters)
        self._targets: dict[str, float] = {}

    def connect(self) -> None:
        keys = self.parameters
        self._line = LineConnection(self.name, keys.address, timeout=keys.timeout, ending=b"\r\n")
        self._line.open()
        told = self._line.query("*CLS;*IDN?")
        if ",MODEL336," not in told:
            raise CommunicationFailed(f"{self.name}: at {keys.address} answers {told[:40]!r}, not a Model 336")

    def disconnect(self) -> None:
        self._line.close()

    def bound(self) -> float:
        return float(self.parameters.timeout)

    def query(self, line: str) -> str:
        return self._line.query(line) if "?" in line else self._order(line)

    def read_inputs(self, names: Sequence[str]) -> Mapping[str, Reading]:
        inputs = [self.inputs[name] for name in names]
        told = self._ask(*(f"{QUESTIONS[each.quantity]} {each.channel};RDGST? {each.channel}" for each in inputs))
        found = {}
        for name, value, status in zip(names, told[::2], told[1::2], strict=True):
            fault = next((fault for bit, fault in INPUT_FAULTS.items() if int(status) & bit), "")
            found[name] = Reading(math.nan if fault else float(value), fault)
        return found

    def read_outputs(self, names: Sequence[str]) -> Mapping[str, Reading]:
        found = {}
        for name in names:
            channel = int(self.outputs[name].channel)
            if channel <= 2:
                value, status = self._ask(f"HTR? {channel};HTRST? {channel}")
                found[name] = Reading(float(value), HEATER_FAULTS.get(status, ""))
            else:
                found[name] = Reading(float(self._ask(f"AOUT? {channel}")[0]))
        return found

    def write_output(self, name: str, value: float) -> None:
        channel = self.outputs[name].channel
        self._order(f"OUTMODE {channel},3,0,0;MOUT {channel},{value:.2f};RANGE {channel},{self._range(name)}")

    def read_loops(self, names: Sequence[str]) -> Mapping[str, LoopReading]:
        return {name: self._read_loop(name) for name in names}

    def write_setpoint(self, name: str, setpoint: float) -> None:
        self._order(f"SETP {self.loops[name].channel},{setpoint:.4f}")
        self._targets[name] = setpoint

    def regulate(self, name: str, on: bool) -> None:
        loop = self.loops[name]
        if not on:
            self._order(f"RANGE {loop.channel},0")
            return
        source = "ABCD".index(str(self.inputs[loop.input].channel)) + 1
        self._order(f"OUTMODE {loop.channel},1,{source},0;RANGE {loop.channel},{self._range(loop.output)}")

    def read_gains(self, name: str) -> Gains:
        p, i, d = map(float, self._ask(f"PID? {self.loops[name].channel}")[0].split(","))
        return Gains(p, p * i / 1000, p * d * 2.5 / i if i else 0.0)

    def write_gains(self, name: str, gains: Gains) -> None:
        if gains.kp <= 0:
            raise HardwareFault(f"{self.name}: kp of {name} must be above 0, for ki and kd are multiples of it here")
        i = 1000 * gains.ki / gains.kp
        d = gains.kd / gains.kp * i / 2.5
        self._order(f"PID {self.loops[name].channel},{gains.kp:.1f},{i:.1f},{d:.1f}")

    def read_ramp_rate(self, name: str) -> float:
        on, rate = self._ask(f"RAMP? {self.loops[name].channel}")[0].split(",")
        return float(rate) if int(on) else 0.0

    def write_ramp_rate(self, name: str, rate: float) -> None:
        self._order(f"RAMP {self.loops[name].channel},{int(rate > 0)},{rate:.3f}")

    def _read_loop(self, name: str) -> LoopReading:
        """SETP? tells where the ramp is; where it goes, only who set it knows."""
        channel = int(self.loops[name].channel)
        output = "HTR?" if channel <= 2 else "AOUT?"
        told = self._ask(*(f"{what} {channel}" for what in ("SETP?", "RAMPST?", output, "RANGE?", "OUTMODE?")))
        working, ramping = float(told[0]), bool(int(told[1]))
        regulating = int(told[3]) > 0 and told[4].startswith("1,")
        setpoint = self._targets.get(name, working) if ramping else working
        return LoopReading(setpoint, working, float(told[2]), regulating, ramping)

    def _range(self, output: str) -> int:
        keys = self.outputs[output]
        return ("low", "medium", "high").index(keys.heater_range) + 1 if int(keys.channel) <= 2 else 1

    def _ask(self, *questions: str) -> list[str]:
        line = ";".join(questions)
        told = self._line.query(line).split(";")
        if len(told) != line.count("?"):
            raise CommunicationFailed(f"{self.name}: answers {line!r} with {';'.join(told)[:60]!r}")
        return told

    def _order(self, line: str) -> str:
        event = int(self._ask(f"{line};*ESR?")[0])
        for bit, why in REFUSALS.items():
            if event & bit:
                raise HardwareFault(f"{self.name} refuses {line!r}: {why}")
        return ""
