"""Driver for Eurotherm controllers of the 3000 series (3216, 3504 …) over Modbus TCP: one input, one output, one loop.

Reads and writes the floating-point region, 0x8000 + 2 × address, so that no scaling depends on the display.
The library is pymodbus: pure Python without dependencies, and kept up by its users.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from ronda.devices.regulation.contract import Gains, LoopReading, Reading, RegulationController, RegulationParameters
from ronda.framework.config.parameters import Address, parameter
from ronda.framework.errors import CommunicationFailed, HardwareFault

PV, TARGET, MANUAL_OUTPUT, WORKING_OUTPUT, WORKING_SETPOINT = 1, 2, 3, 4, 5
BAND, INTEGRAL_TIME, DERIVATIVE_TIME, SETPOINT_RATE, STATUS, MANUAL = 6, 8, 9, 35, 75, 273
FLOATS = 0x8000
SENSOR_BREAK, LOOP_BREAK, OVER_RANGE = 1 << 5, 1 << 6, 1 << 10
REASONS = {1: "it cannot do that", 2: "there is no such register, or it cannot be written now", 3: "out of range"}
"""Modbus exception codes."""


class Eurotherm3000Parameters(RegulationParameters):
    """A Eurotherm controller of the 3000 series; channels of input, output and loop are all 1."""

    address: Address = parameter("Where it listens, HOST:PORT (it has port 502), or simulator:NAME")
    unit_id: int = parameter("Its Modbus address", 1, ge=1, le=247)
    timeout: float = parameter("Longest wait for an answer", 1.0, unit="s", gt=0, le=60)


class Eurotherm3000(RegulationController):
    """Heater = 100/PB (e + 1/Ti ∫e dt + Td de/dt), PB in the unit of the display and times in s. Off is manual."""

    Parameters = Eurotherm3000Parameters

    def connect(self) -> None:
        from pymodbus.client import ModbusTcpClient

        host, _, port = self.parameters.address.rpartition(":")
        self._client = ModbusTcpClient(host, port=int(port), timeout=self.parameters.timeout, retries=0)
        if not self._client.connect():  # type: ignore[no-untyped-call]
            raise CommunicationFailed(
                f"cannot connect to {self.name} at {self.parameters.address}; is it switched on, and the address right?"
            )
        self._status()

    def disconnect(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]

    def bound(self) -> float:
        return float(self.parameters.timeout)

    def read_inputs(self, names: Sequence[str]) -> Mapping[str, Reading]:
        status = self._status()
        fault = "sensor open" if status & SENSOR_BREAK else "over range" if status & OVER_RANGE else ""
        return dict.fromkeys(names, Reading(math.nan if fault else self._read(PV)[0], fault))

    def read_outputs(self, names: Sequence[str]) -> Mapping[str, Reading]:
        return dict.fromkeys(names, Reading(self._read(WORKING_OUTPUT)[0]))

    def write_output(self, name: str, value: float) -> None:
        self._write(MANUAL, 1)
        self._write(MANUAL_OUTPUT, value)

    def read_loops(self, names: Sequence[str]) -> Mapping[str, LoopReading]:
        target, _, output, working = self._read(TARGET, 4)
        regulating = self._read(MANUAL)[0] == 0
        fault = "loop break" if regulating and self._status() & LOOP_BREAK else ""
        reading = LoopReading(target, working, output, regulating, regulating and working != target, fault)
        return dict.fromkeys(names, reading)

    def write_setpoint(self, name: str, setpoint: float) -> None:
        self._write(TARGET, setpoint)

    def regulate(self, name: str, on: bool) -> None:
        if on:
            self._write(MANUAL, 0)
        else:
            output = self.loops[name].output
            self.write_output(output, self.outputs[output].safe_value)

    def read_gains(self, name: str) -> Gains:
        integral, derivative = self._read(INTEGRAL_TIME, 2)
        kp = 100 / self._read(BAND)[0]
        return Gains(kp, kp / integral if integral else 0.0, kp * derivative)

    def write_gains(self, name: str, gains: Gains) -> None:
        if gains.kp <= 0:
            raise HardwareFault(f"{self.name}: kp of {name} must be above 0, for its proportional band is 100 % / kp")
        self._write(BAND, 100 / gains.kp)
        self._write(INTEGRAL_TIME, gains.kp / gains.ki if gains.ki else 0.0)
        self._write(DERIVATIVE_TIME, gains.kd / gains.kp)

    def read_ramp_rate(self, name: str) -> float:
        return self._read(SETPOINT_RATE)[0]

    def write_ramp_rate(self, name: str, rate: float) -> None:
        self._write(SETPOINT_RATE, rate)

    def _status(self) -> int:
        return int(self._talk("read_holding_registers", STATUS, count=1)[0])

    def _read(self, address: int, number: int = 1) -> tuple[float, ...]:
        words = self._talk("read_holding_registers", FLOATS + 2 * address, count=2 * number)
        return struct.unpack(f">{number}f", struct.pack(f">{2 * number}H", *words))

    def _write(self, address: int, value: float) -> None:
        self._talk("write_registers", FLOATS + 2 * address, list(struct.unpack(">HH", struct.pack(">f", value))))

    def _talk(self, what: str, address: int, *values: Any, **keys: Any) -> list[int]:
        from pymodbus.exceptions import ModbusException

        try:
            reply = getattr(self._client, what)(address, *values, device_id=self.parameters.unit_id, **keys)
        except ModbusException as error:
            raise CommunicationFailed(f"{self.name} at {self.parameters.address}: {error}") from error
        if reply.isError():
            code = getattr(reply, "exception_code", 0)
            raise HardwareFault(f"{self.name} refuses register {address}: {REASONS.get(code, f'exception {code}')}")
        return list(reply.registers)
