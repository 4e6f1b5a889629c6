"""A Lake Shore Model 336 temperature controller on TCP (there on port 7777), after chapter 6 of its manual."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ronda.simulators.instrument import Instrument, ProtocolError
from ronda.simulators.parameters import InstrumentParameters, parameter
from ronda.simulators.physics.oven import Oven, OvenConstants
from ronda.simulators.physics.oven_controller import OvenController
from ronda.simulators.physics.world import World

IDENTITY = "LSCI,MODEL336,336S001/#######,2.9"
INPUTS = "ABCD"
EXECUTION_ERROR, COMMAND_ERROR, POWER_ON = 16, 32, 128
"""Bits of the standard event status register."""
SENSOR_OVERRANGE = 128
"""Bit of RDGST? for a sensor whose wire is broken."""
STRENGTHS = {0: 0.0, 1: 0.01, 2: 0.1, 3: 1.0}
"""Part of the power in each heater range of outputs 1 and 2; 3 and 4 are off or on."""
STANDARD_CURVES = {2: "DT-670,STANDARD C,2,+475.000,1", 6: "PT-100,STANDARD C,3,+800.000,2"}
DT_670 = (
    *((1.64429, 1.4), (1.63472, 2.0), (1.612, 3.0), (1.58465, 4.0), (1.51541, 6.0), (1.44374, 8.0), (1.38373, 10.0)),
    *((1.197748, 20.0), (1.125923, 24.0), (1.106244, 30.0), (1.089024, 40.0), (1.056862, 60.0), (0.986974, 100.0)),
    *((0.889114, 150.0), (0.78372, 200.0), (0.673462, 250.0), (0.559639, 300.0), (0.443371, 350.0), (0.325839, 400.0)),
)
"""Some points of curve 2, V and K."""

SETTINGS: dict[str, tuple[str, str, int]] = {
    "ALARM": (INPUTS, "0,+475.000,+0.000,+0.000,0,0,0", 7),
    "DIOCUR": (INPUTS, "0", 1),
    "FILTER": (INPUTS, "0,8,10", 3),
    "HTRSET": ("12", "1,0,+1.414,2", 4),
    "INNAME": (INPUTS, "", 1),
    "INTYPE": (INPUTS, "2,1,0,1,1", 5),
    "TLIMIT": (INPUTS, "+0.0000", 1),
    "INCRV": (INPUTS, "6", 1),
}
"""What is stored and told again: for which inputs or outputs, at first, and of how many fields."""


class OvenWiring(InstrumentParameters):
    """What a sensor input measures and an output heats."""

    output: Annotated[int, Field(ge=1, le=4)] = parameter("The output that heats it")
    capacity: float = parameter("Heat capacity", 40.0, unit="J/K", gt=0)
    loss: float = parameter("Heat that it loses", 0.25, unit="W/K", gt=0)
    power: float = parameter("Of the heater at 100 % of the highest range", 50.0, unit="W", gt=0)
    delay: float = parameter("Until the heat arrives", 1.0, unit="s", ge=0)
    sensor_time: float = parameter("Time constant of the sensor", 0.5, unit="s", ge=0)
    noise: float = parameter("Noise of the sensor, rms", 0.005, unit="K", ge=0)
    ambient: float = parameter("Temperature around it, which it has at first", 77.0, unit="K", gt=0)


class Lakeshore336Parameters(InstrumentParameters):
    """A Lake Shore Model 336. An input without an oven is open; an output regulates the oven that it heats."""

    ovens: dict[Literal["A", "B", "C", "D"], OvenWiring] = parameter("What is wired to it, by input", min_length=1)

    @model_validator(mode="after")
    def _wires(self) -> Self:
        outputs = [oven.output for oven in self.ovens.values()]
        if len(set(outputs)) < len(outputs):
            raise ValueError("each output heats one oven: two ovens have the same output")
        return self


class Lakeshore336(Instrument):
    """Answers as the manual says; what is wrong sets a bit of *ESR? and is otherwise left out."""

    Parameters = Lakeshore336Parameters

    def __init__(self, name: str, parameters: Lakeshore336Parameters, world: World) -> None:
        self.name = name
        self._world = world
        self._chance = world.chance(name)
        self._wiring = parameters.ovens
        self._powered = True
        now = world.clock.now()
        self._loops: dict[str, OvenController] = {}
        for key, wired in parameters.ovens.items():
            constants = OvenConstants(
                wired.capacity, wired.loss, wired.power, wired.delay, wired.sensor_time, wired.ambient
            )
            self._loops[key] = OvenController(Oven(constants, now))
        self._by_output = {wired.output: key for key, wired in parameters.ovens.items()}
        self._curves: dict[int, dict[int, tuple[float, float]]] = {
            2: dict(enumerate(DT_670, 1)),
            6: {
                n: (_platinum(kelvin), kelvin) for n, kelvin in enumerate((30.0, 77.35, 200.0, 273.15, 400.0, 800.0), 1)
            },
        }
        self._headers = dict(STANDARD_CURVES)
        self._event = POWER_ON
        self._reset([])
        self._queries: dict[str, Callable[[list[str]], str]] = {
            "*IDN": lambda _: IDENTITY,
            "*OPC": lambda _: "1",
            "*ESR": self._told_event,
            "*TST": lambda _: "0",
            "*STB": lambda _: "000",
            "KRDG": lambda words: self._each(words, lambda key: self._kelvin(key)),
            "CRDG": lambda words: self._each(words, lambda key: self._kelvin(key) - 273.15 if self._good(key) else 0.0),
            "SRDG": lambda words: self._each(words, self._sensor),
            "RDGST": lambda words: f"{0 if self._good(self._input(words)) else SENSOR_OVERRANGE:03d}",
            "SETP": lambda words: f"{self._loop(words).working:+.3f}",
            "RAMP": lambda words: self._stored_ramp[self._output(words)],
            "RAMPST": lambda words: str(int(self._ramping(self._loop(words)))),
            "PID": lambda words: ",".join(f"{value:+.1f}" for value in self._pid[self._output(words)]),
            "OUTMODE": lambda words: ",".join(map(str, self._outmode[self._output(words)])),
            "RANGE": lambda words: str(self._range[self._output(words)]),
            "HTR": lambda words: f"{self._loop(words, last=2).output:+.1f}",
            "AOUT": lambda words: f"{self._loop(words).output:+.1f}",
            "HTRST": self._heater_status,
            "MOUT": lambda words: f"{self._manual[self._output(words)]:+.2f}",
            "CRVHDR": lambda words: self._headers.get(_whole(words, 0, 1, 59), "User Curve,,2,+0.000,1"),
            "CRVPT": self._told_point,
        }
        self._orders: dict[str, Callable[[list[str]], None]] = {
            "*RST": self._reset,
            "*CLS": self._clear,
            "SETP": self._set_setpoint,
            "RAMP": self._set_ramp,
            "PID": self._set_pid,
            "OUTMODE": self._set_outmode,
            "RANGE": self._set_range,
            "MOUT": self._set_manual,
            "CRVHDR": self._set_header,
            "CRVPT": self._set_point,
            "CRVDEL": self._delete_curve,
        }

    def answer(self, line: str) -> bytes | None:
        """The answers to the questions of a line, which `;` separates; None if it asks nothing."""
        now = self._world.clock.now()
        for loop in self._loops.values():
            loop.advance(now)
        if not self._powered:
            return None
        told = [reply for part in line.strip().split(";") if (reply := self._carry_out(part.strip(" :"))) is not None]
        return ";".join(told).encode() + b"\r\n" if told else None

    def truth(self, time: float) -> dict[str, Any]:
        """The temperature of each oven, and what its loop does."""
        for loop in self._loops.values():
            loop.advance(time)
        return {
            key: {
                "temperature": loop.oven.temperature,
                "output": loop.output,
                "mode": loop.mode,
                "heat": loop.oven.output,
            }
            for key, loop in self._loops.items()
        }

    def fail(self, axis: int, fault: str) -> None:
        """Break the `sensor` or the `heater` of an input (1 is A), switch all off (`power`), or `repair` it."""
        now = self._world.clock.now()
        key = INPUTS[axis - 1 : axis]
        if key not in self._loops or fault not in ("sensor", "heater", "power", "repair"):
            raise LookupError(
                f"inputs {', '.join(self._loops)} (1 is A) have the faults sensor, heater, power and repair"
            )
        loop = self._loops[key]
        loop.advance(now)
        if fault == "power" or (fault == "repair" and not self._powered):
            self._powered = fault == "repair"
            for each in self._loops.values():
                each.power(now, on=self._powered)
            self._range = dict.fromkeys(range(1, 5), 0)
            self._event = POWER_ON
        loop.broken = fault == "sensor" or (loop.broken and fault != "repair")
        loop.heater_broken = fault == "heater" or (loop.heater_broken and fault != "repair")

    def _carry_out(self, part: str) -> str | None:
        word, _, rest = part.partition(" ")
        word = word.upper()
        fields = [field.strip() for field in rest.split(",")] if rest.strip() else []
        name, asked = word.removesuffix("?"), word.endswith("?")
        try:
            if name in SETTINGS:
                return self._setting(name, fields, asked=asked)
            if asked and name in self._queries:
                return self._queries[name](fields)
            if not asked and name in self._orders:
                self._orders[name](fields)
            elif word:
                self._event |= COMMAND_ERROR
        except ProtocolError as error:
            self._event |= error.code
        return None

    def _setting(self, name: str, fields: list[str], *, asked: bool) -> str | None:
        keys, first, count = SETTINGS[name]
        key = fields[0].upper() if fields else ""
        if key not in keys or not key or len(fields) != (1 if asked else 1 + count):
            raise ProtocolError(EXECUTION_ERROR, f"usage: {name} {keys},…")
        if asked:
            return self._stored.get((name, key), first)
        self._stored[name, key] = ",".join(field.strip('"')[:15] for field in fields[1:])
        return None

    def _told_event(self, _: list[str]) -> str:
        event, self._event = self._event, 0
        return f"{event:03d}"

    def _clear(self, _: list[str]) -> None:
        self._event = 0

    def _reset(self, _: list[str]) -> None:
        now = self._world.clock.now()
        outputs = range(1, 5)
        self._stored: dict[tuple[str, str], str] = {}
        self._pid = dict.fromkeys(outputs, (50.0, 20.0, 0.0))
        self._range = dict.fromkeys(outputs, 0)
        self._manual = dict.fromkeys(outputs, 0.0)
        self._stored_ramp = dict.fromkeys(outputs, "0,+0.100")
        self._outmode = {number: (int(number in self._by_output), self._wired(number), 0) for number in outputs}
        for loop in self._loops.values():
            loop.ramp = 0.0
            loop.switch("OFF", now)
            loop.go(loop.oven.constants.ambient, now)

    # -- inputs

    def _input(self, words: list[str]) -> str:
        key = words[0].upper() if len(words) == 1 else ""
        if len(key) != 1 or key not in INPUTS:
            raise ProtocolError(EXECUTION_ERROR, "no such input")
        return key

    def _each(self, words: list[str], read: Callable[[str], float]) -> str:
        keys = INPUTS if words in ([], ["0"]) else self._input(words)
        return ",".join(f"{read(key):+.4f}" for key in keys)

    def _good(self, key: str) -> bool:
        return key in self._loops and not self._loops[key].broken

    def _kelvin(self, key: str) -> float:
        if not self._good(key):
            return 0.0
        noise = self._wiring[key].noise * float(self._chance.standard_normal())  # type: ignore[index]
        return self._loops[key].oven.sensor + noise

    def _sensor(self, key: str) -> float:
        """In sensor units: Ω of a platinum resistor, or what the input's curve says."""
        if not self._good(key):
            return 0.0
        kelvin, curve = self._kelvin(key), int(self._stored.get(("INCRV", key), "6"))
        if curve == 6 or len(self._curves.get(curve, {})) < 2:
            return _platinum(kelvin)
        points = sorted((kelvin, unit) for unit, kelvin in self._curves[curve].values() if kelvin > 0)
        for (low, first), (high, second) in pairwise(points):
            if kelvin <= high:
                return first + (second - first) * (kelvin - low) / (high - low)
        return points[-1][1]

    def _told_point(self, words: list[str]) -> str:
        unit, kelvin = self._curves.get(_whole(words, 0, 1, 59), {}).get(_whole(words, 1, 1, 200), (0.0, 0.0))
        return f"{unit:+.6g},{kelvin:+.6g}"

    def _set_point(self, words: list[str]) -> None:
        curve, index = _whole(words, 0, 21, 59), _whole(words, 1, 1, 200)
        self._curves.setdefault(curve, {})[index] = (_number(words, 2, -1e6, 1e6), _number(words, 3, 0, 2000))

    def _set_header(self, words: list[str]) -> None:
        curve = _whole(words, 0, 21, 59)
        if len(words) != 6:
            raise ProtocolError(EXECUTION_ERROR, "CRVHDR has six fields")
        self._headers[curve] = ",".join(word.strip('"') for word in words[1:])

    def _delete_curve(self, words: list[str]) -> None:
        curve = _whole(words, 0, 21, 59)
        self._curves.pop(curve, None)
        self._headers.pop(curve, None)

    # -- outputs

    def _wired(self, output: int) -> int:
        return INPUTS.index(self._by_output[output]) + 1 if output in self._by_output else 0

    def _output(self, words: list[str], last: int = 4) -> int:
        return _whole(words, 0, 1, last)

    def _loop(self, words: list[str], last: int = 4) -> OvenController:
        output = self._output(words, last)
        if output not in self._by_output:
            raise ProtocolError(EXECUTION_ERROR, "this simulator has nothing at that output")
        return self._loops[self._by_output[output]]

    @staticmethod
    def _ramping(loop: OvenController) -> bool:
        return bool(loop.ramp) and loop.mode == "AUTO" and loop.working != loop.setpoint

    def _heater_status(self, words: list[str]) -> str:
        loop = self._loop(words, last=2)
        return str(int(loop.heater_broken and self._range[self._output(words)] > 0))

    def _set_setpoint(self, words: list[str]) -> None:
        loop = self._loop(words)
        loop.go(_number(words, 1, 0, 2000), self._world.clock.now())
        if loop.mode != "AUTO":
            loop.working = loop.setpoint

    def _set_ramp(self, words: list[str]) -> None:
        loop, on, rate = self._loop(words), _whole(words, 1, 0, 1), _number(words, 2, 0, 100)
        self._stored_ramp[self._output(words)] = f"{on},{rate:+.3f}"
        loop.ramp = rate if on else 0.0
        if not loop.ramp:
            loop.working = loop.setpoint

    def _set_pid(self, words: list[str]) -> None:
        output = self._output(words)
        self._pid[output] = (_number(words, 1, 0, 1000), _number(words, 2, 0, 1000), _number(words, 3, 0, 200))
        self._apply(output)

    def _set_outmode(self, words: list[str]) -> None:
        output, mode = self._output(words), _whole(words, 1, 0, 5)
        source, after = _whole(words, 2, 0, 8), _whole(words, 3, 0, 1)
        if mode not in (0, 1, 3) or source not in (0, self._wired(output)):
            raise ProtocolError(EXECUTION_ERROR, "here an output is off, open or closed on the input that it heats")
        self._outmode[output] = (mode, source, after)
        self._apply(output)

    def _set_range(self, words: list[str]) -> None:
        output = self._output(words)
        self._range[output] = _whole(words, 1, 0, 3 if output <= 2 else 1)
        self._apply(output)

    def _set_manual(self, words: list[str]) -> None:
        output = self._output(words)
        self._manual[output] = _number(words, 1, 0, 100)
        self._apply(output)

    def _apply(self, output: int) -> None:
        """Let the loop do what mode, range, gains and manual output say. The output is P (e + I/1000 ∫e dt + D de/dt).

        D is a percentage of a quarter of the integral time, 1000/I s.
        """
        if output not in self._by_output:
            return
        loop, now = self._loops[self._by_output[output]], self._world.clock.now()
        p, i, d = self._pid[output]
        loop.gains = (p, p * i / 1000, p * d / 100 * 250 / i if i else 0.0)
        mode, source, _ = self._outmode[output]
        step = self._range[output]
        loop.strength = STRENGTHS[step] if output <= 2 else float(step)
        if mode == 0 or step == 0 or (mode == 1 and source == 0):
            loop.switch("OFF", now)
        elif mode == 1:
            if loop.mode != "AUTO":
                loop.switch("AUTO", now)
        else:
            loop.manual(self._manual[output], now)


def _platinum(kelvin: float) -> float:
    """Resistance in Ω of a Pt100 of IEC 60751."""
    celsius = kelvin - 273.15
    low = -4.183e-12 * (celsius - 100) * celsius**3 if celsius < 0 else 0.0
    return 100 * (1 + 3.9083e-3 * celsius - 5.775e-7 * celsius**2 + low)


def _number(words: list[str], place: int, low: float, high: float) -> float:
    try:
        value = float(words[place])
    except (IndexError, ValueError):
        value = math.nan
    if not low <= value <= high:
        raise ProtocolError(EXECUTION_ERROR, f"field {place + 1} should be from {low:g} to {high:g}")
    return value


def _whole(words: list[str], place: int, low: int, high: int) -> int:
    value = _number(words, place, low, high)
    if value != int(value):
        raise ProtocolError(EXECUTION_ERROR, f"field {place + 1} should be a whole number")
    return int(value)
