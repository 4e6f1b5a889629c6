"""A Eurotherm controller of the 3000 series with one loop, on Modbus TCP (there on port 502).

Addresses and scaling are those of the 3200 series engineering manual HA028651, chapter on digital communications; the
3500 series has the same numbers for what is simulated here. Addresses from 0x8000 on are floating point: the value of
address a is in two registers from 0x8000 + 2 a on, as IEEE 754, high word first.
"""

from __future__ import annotations

import math
import struct
from typing import Any, ClassVar

from ronda.simulators.instrument import Instrument
from ronda.simulators.modbus.protocol import FRAMES, ILLEGAL_ADDRESS, ILLEGAL_VALUE, ModbusError, answer
from ronda.simulators.parameters import InstrumentParameters, parameter
from ronda.simulators.physics.oven import Oven, OvenConstants
from ronda.simulators.physics.oven_controller import OvenController
from ronda.simulators.physics.world import World

PV, TARGET, MANUAL_OUTPUT, WORKING_OUTPUT, WORKING_SETPOINT = 1, 2, 3, 4, 5
BAND, INTEGRAL_TIME, DERIVATIVE_TIME = 6, 8, 9
ALARM_1, SETPOINT_RATE, STATUS, MANUAL, DECIMALS = 13, 35, 75, 273, 525
IEEE = 0x8000
SENSOR_BREAK, IN_MANUAL, RAMPING, ALARM_IS_ON = 1 << 5, 1 << 4, 1 << 13, 1
KELVIN = 273.15

SCALED = (PV, TARGET, WORKING_SETPOINT, BAND, ALARM_1, SETPOINT_RATE)
"""Those that have the decimals of the display; outputs always have one, times and states none."""
WRITABLE = (TARGET, MANUAL_OUTPUT, BAND, INTEGRAL_TIME, DERIVATIVE_TIME, ALARM_1, SETPOINT_RATE, MANUAL)


class Eurotherm3000Parameters(InstrumentParameters):
    """A Eurotherm controller of the 3000 series, at an oven. Its temperatures are in °C."""

    unit_id: int = parameter("Its address on the line", 1, ge=1, le=247)
    decimals: int = parameter("Digits after the decimal point", 1, ge=0, le=2)
    capacity: float = parameter("Heat capacity", 40.0, unit="J/K", gt=0)
    loss: float = parameter("Heat that it loses", 0.25, unit="W/K", gt=0)
    power: float = parameter("Of the heater at 100 %", 200.0, unit="W", gt=0)
    delay: float = parameter("Until the heat arrives", 2.0, unit="s", ge=0)
    sensor_time: float = parameter("Time constant of the sensor", 1.5, unit="s", ge=0)
    noise: float = parameter("Noise of the sensor, rms", 0.05, unit="K", ge=0)
    ambient: float = parameter("Temperature around it", 295.0, unit="K", gt=0)
    highest: float = parameter("Highest setpoint", 1200.0, unit="°C")
    lowest: float = parameter("Lowest setpoint", 0.0, unit="°C")


class Eurotherm3000(Instrument):
    """The controller and its oven."""

    Parameters = Eurotherm3000Parameters
    framing: ClassVar[Any] = FRAMES

    def __init__(self, name: str, parameters: Eurotherm3000Parameters, world: World) -> None:
        self.name = name
        self._parameters = keys = parameters
        self._world = world
        self._chance = world.chance(name)
        constants = OvenConstants(keys.capacity, keys.loss, keys.power, keys.delay, keys.sensor_time, keys.ambient)
        self._loop = OvenController(Oven(constants, world.clock.now()))
        self._band, self._integral_time, self._derivative_time = 20.0, 60.0, 0.0
        self._alarm = keys.highest
        self._tune()
        self._loop.manual(0.0, world.clock.now())

    def answer(self, line: str) -> bytes | None:
        """The frame that answers one; none at all while it is switched off."""
        self._loop.advance(self._world.clock.now())
        return answer(line, self._parameters.unit_id, self._read, self._write) if self._loop.powered else None

    def truth(self, time: float) -> dict[str, Any]:
        """The temperature in °C, the heater in %, and what the loop does."""
        loop = self._loop
        loop.advance(time)
        return {"temperature": loop.oven.temperature - KELVIN, "output": loop.output, "mode": loop.mode}

    def fail(self, axis: int, fault: str) -> None:
        """Break the `sensor` or the `heater`, switch all off (`power`), or `repair` it."""
        if axis != 1 or fault not in ("sensor", "heater", "power", "repair"):
            raise LookupError(
                f"this has the faults sensor, heater, power and repair of its axis 1, not {fault} of {axis}"
            )
        now, loop = self._world.clock.now(), self._loop
        loop.advance(now)
        if fault == "power" or (fault == "repair" and not loop.powered):
            loop.power(now, on=fault == "repair")
            loop.manual(0.0, now)
        loop.broken = fault == "sensor" or (loop.broken and fault != "repair")
        loop.heater_broken = fault == "heater" or (loop.heater_broken and fault != "repair")

    # -- registers

    def _read(self, address: int, number: int) -> list[int]:
        if address >= IEEE:
            if (address | number) & 1:
                raise ModbusError(ILLEGAL_ADDRESS)
            values = [self._value((address - IEEE) // 2 + index) for index in range(number // 2)]
            return [word for value in values for word in struct.unpack(">HH", struct.pack(">f", value))]
        found = []
        for each in range(address, address + number):
            whole = round(self._value(each) * 10 ** self._digits(each))
            found.append(min(max(whole, -0x8000), 0x7FFF if each != STATUS else 0xFFFF) & 0xFFFF)
        return found

    def _write(self, address: int, words: list[int]) -> None:
        if address >= IEEE:
            if (address | len(words)) & 1:
                raise ModbusError(ILLEGAL_ADDRESS)
            packed = struct.pack(f">{len(words)}H", *words)
            values = dict(enumerate(struct.unpack(f">{len(words) // 2}f", packed), (address - IEEE) // 2))
        else:
            values = {
                each: struct.unpack(">h", struct.pack(">H", word))[0] / 10 ** self._digits(each)
                for each, word in enumerate(words, address)
            }
        for each in values:
            if each not in WRITABLE:
                raise ModbusError(ILLEGAL_ADDRESS)
        for each, value in values.items():
            self._set(each, value)

    def _digits(self, address: int) -> int:
        return self._parameters.decimals if address in SCALED else int(address in (MANUAL_OUTPUT, WORKING_OUTPUT))

    def _value(self, address: int) -> float:
        loop = self._loop
        match address:
            case 1:
                noise = self._parameters.noise * float(self._chance.standard_normal())
                return self._parameters.highest * 1.1 if loop.broken else loop.oven.sensor - KELVIN + noise
            case 2:
                return loop.setpoint - KELVIN
            case 3 | 4:
                return loop.output
            case 5:
                return loop.working - KELVIN
            case 6:
                return self._band
            case 8:
                return self._integral_time
            case 9:
                return self._derivative_time
            case 13:
                return self._alarm
            case 35:
                return loop.ramp
            case 75:
                alarm = not loop.broken and loop.oven.sensor - KELVIN > self._alarm
                ramping = loop.mode == "AUTO" and loop.ramp and loop.working != loop.setpoint
                return (
                    (SENSOR_BREAK if loop.broken else 0)
                    | (IN_MANUAL if loop.mode != "AUTO" else 0)
                    | (RAMPING if ramping else 0)
                    | (ALARM_IS_ON if alarm else 0)
                )
            case 273:
                return float(loop.mode != "AUTO")
            case 525:
                return self._parameters.decimals
            case _:
                raise ModbusError(ILLEGAL_ADDRESS)

    def _set(self, address: int, value: float) -> None:
        loop, now = self._loop, self._world.clock.now()
        highest, lowest = self._parameters.highest, self._parameters.lowest
        low, high = {
            TARGET: (lowest, highest),
            ALARM_1: (lowest, highest),
            MANUAL_OUTPUT: (0.0, 100.0),
            BAND: (0.1, 3000.0),
            INTEGRAL_TIME: (0.0, 9999.0),
            DERIVATIVE_TIME: (0.0, 9999.0),
            SETPOINT_RATE: (0.0, 3000.0),
            MANUAL: (0.0, 1.0),
        }[address]
        if not (math.isfinite(value) and low <= value <= high):
            raise ModbusError(ILLEGAL_VALUE)
        if address == TARGET:
            loop.go(value + KELVIN, now)
            if loop.mode != "AUTO":
                loop.working = loop.setpoint
        elif address == MANUAL_OUTPUT:
            if loop.mode == "AUTO":
                raise ModbusError(ILLEGAL_ADDRESS)  # it cannot be altered in automatic
            loop.manual(value, now)
        elif address == SETPOINT_RATE:
            loop.ramp = value
            if not value:
                loop.working = loop.setpoint
        elif address == MANUAL:
            if value and loop.mode == "AUTO":
                loop.manual(loop.output, now)
            elif not value and loop.mode != "AUTO":
                loop.switch("AUTO", now)
        elif address == ALARM_1:
            self._alarm = value
        else:
            names = {BAND: "_band", INTEGRAL_TIME: "_integral_time", DERIVATIVE_TIME: "_derivative_time"}
            setattr(self, names[address], value)
            self._tune()

    def _tune(self) -> None:
        """The output is 100/band (e + 1/Ti ∫e dt + Td de/dt); a time of 0 leaves its part out."""
        gain = 100 / self._band
        integral = gain / self._integral_time if self._integral_time else 0.0
        self._loop.gains = (gain, integral, gain * self._derivative_time)
