"""An oven with its controller, in the lines of our own protocol."""

from __future__ import annotations

from typing import Any

from ronda.simulators.instrument import Instrument, ProtocolError
from ronda.simulators.line_protocol import REFUSED, answer, expect, number
from ronda.simulators.parameters import InstrumentParameters, parameter
from ronda.simulators.physics.axis import Range
from ronda.simulators.physics.oven import Oven, OvenConstants
from ronda.simulators.physics.oven_controller import OvenController
from ronda.simulators.physics.world import World

PERCENT = Range(0.0, 100.0)
TEMPERATURES = Range(0.0, 2000.0)
RATES = Range(0.0, 10_000.0)
TIMES = Range(0.0, 3600.0)
GAINS = Range(-1e6, 1e6)


class OvenParameters(InstrumentParameters):
    """An oven with a heater and a sensor."""

    capacity: float = parameter("Heat capacity", 40.0, unit="J/K", gt=0)
    loss: float = parameter("Heat that it loses", 0.25, unit="W/K", gt=0)
    power: float = parameter("Of the heater at 100 %", 100.0, unit="W", gt=0)
    delay: float = parameter("Until the heat arrives", 2.0, unit="s", ge=0)
    sensor_time: float = parameter("Time constant of the sensor", 1.5, unit="s", ge=0)
    noise: float = parameter("Noise of the sensor, rms", 0.02, unit="K", ge=0)
    ambient: float = parameter("Temperature around it", 295.0, unit="K", gt=0)


class OvenInstrument(Instrument):
    """The oven, and the controller at its side."""

    Parameters = OvenParameters

    def __init__(self, name: str, parameters: OvenParameters, world: World) -> None:
        self.name = name
        self._world = world
        self._noise = parameters.noise
        self._chance = world.chance(name)
        constants = OvenConstants(
            parameters.capacity,
            parameters.loss,
            parameters.power,
            parameters.delay,
            parameters.sensor_time,
            parameters.ambient,
        )
        self._power = parameters.power
        self._controller = OvenController(Oven(constants, world.clock.now()))
        self._commands = {
            "IDN?": self._identify,
            "T?": self._temperature,
            "OUT?": self._output,
            "OUT": self._set_output,
            "GUARD": self._guard,
            "SP": self._set_setpoint,
            "RAMP?": self._ramp,
            "RAMP": self._set_ramp,
            "PID?": self._gains,
            "PID": self._set_gains,
            "AUTO": self._auto,
            "OFF": self._off,
            "HOLD": self._hold,
            "LOOP?": self._loop,
        }

    def answer(self, line: str) -> str | None:
        """The reply to one line; none at all while it is switched off."""
        self._controller.advance(self._world.clock.now())
        return answer(self._commands, line) if self._controller.powered else None

    def truth(self, time: float) -> dict[str, Any]:
        """The temperatures of oven and sensor, the heater, and what its controller does."""
        controller = self._controller
        controller.advance(time)
        return {
            "temperature": controller.oven.temperature,
            "sensor": controller.oven.sensor,
            "output": controller.oven.output,
            "mode": controller.mode,
            "setpoint": controller.setpoint,
            "powered": controller.powered,
            "broken": controller.broken,
        }

    def fail(self, axis: int, fault: str) -> None:
        """Break the sensor (`sensor`), switch the controller off (`power`), or let all be well again (`repair`)."""
        now = self._world.clock.now()
        if axis != 1 or fault not in ("sensor", "power", "repair"):
            raise LookupError(f"an oven has the faults sensor, power and repair of its axis 1, not {fault} of {axis}")
        self._controller.advance(now)
        if fault == "sensor":
            self._controller.broken = True
        elif fault == "power":
            self._controller.power(now, on=False)
        else:
            self._controller.broken = False
            if not self._controller.powered:
                self._controller.power(now, on=True)

    def _identify(self, words: list[str]) -> str:
        expect(words, 0, "IDN?")
        return f"RONDA-SIM-OV,1,{self._power:g}"

    def _temperature(self, words: list[str]) -> str:
        expect(words, 0, "T?")
        if self._controller.broken:
            return "OPEN"
        return f"{self._controller.oven.sensor + self._noise * self._chance.standard_normal():.4f}"

    def _output(self, words: list[str]) -> str:
        expect(words, 0, "OUT?")
        return f"{self._controller.oven.output:.4f}"

    def _set_output(self, words: list[str]) -> str:
        expect(words, 1, "OUT percent")
        if self._controller.mode == "AUTO":
            raise ProtocolError(REFUSED, "the loop drives the heater; switch it off first")
        self._controller.manual(number(words[0], "the output", PERCENT, "%"), self._world.clock.now())
        return ""

    def _guard(self, words: list[str]) -> str:
        expect(words, 2, "GUARD seconds percent")
        seconds = number(words[0], "the time", TIMES, "s")
        self._controller.guard(seconds, number(words[1], "the output", PERCENT, "%"), self._world.clock.now())
        return ""

    def _set_setpoint(self, words: list[str]) -> str:
        expect(words, 1, "SP kelvin")
        self._controller.go(number(words[0], "the setpoint", TEMPERATURES, "K"), self._world.clock.now())
        return ""

    def _ramp(self, words: list[str]) -> str:
        expect(words, 0, "RAMP?")
        return f"{self._controller.ramp:g}"

    def _set_ramp(self, words: list[str]) -> str:
        expect(words, 1, "RAMP kelvin-per-minute")
        self._controller.ramp = number(words[0], "the ramp rate", RATES, "K/min")
        if not self._controller.ramp:
            self._controller.working = self._controller.setpoint
        return ""

    def _gains(self, words: list[str]) -> str:
        expect(words, 0, "PID?")
        return ",".join(f"{gain:.9g}" for gain in self._controller.gains)

    def _set_gains(self, words: list[str]) -> str:
        expect(words, 3, "PID kp ki kd")
        kp, ki, kd = (number(word, "a gain", GAINS) for word in words)
        self._controller.gains = (kp, ki, kd)
        return ""

    def _auto(self, words: list[str]) -> str:
        expect(words, 0, "AUTO")
        if self._controller.broken:
            raise ProtocolError(REFUSED, "the sensor is open")
        self._controller.switch("AUTO", self._world.clock.now())
        return ""

    def _off(self, words: list[str]) -> str:
        expect(words, 0, "OFF")
        self._controller.switch("OFF", self._world.clock.now())
        return ""

    def _hold(self, words: list[str]) -> str:
        expect(words, 0, "HOLD")
        self._controller.setpoint = self._controller.working
        return ""

    def _loop(self, words: list[str]) -> str:
        expect(words, 0, "LOOP?")
        controller = self._controller
        return f"{controller.mode},{controller.setpoint:.6f},{controller.working:.6f},{controller.oven.output:.4f}"
