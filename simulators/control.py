"""The control port: tests ask for the truth and script faults, in lines of JSON. Drivers never come here."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from ronda.simulators import physics
from ronda.simulators.instrument import Instrument
from ronda.simulators.physics.world import World
from ronda.simulators.server import LineServer

FORMULAS = (
    "attenuators",
    "camera",
    "copper_foil",
    "fluorescence",
    "holder",
    "machine",
    "mirror",
    "monochromator",
    "pattern",
    "slits",
)
"""The modules of physics whose constants tests may ask for."""


class ControlError(Exception):
    """A request that the control port does not understand or cannot carry out."""


class Control:
    """Carries out the requests of tests.

    Args:
        world: the simulated world.
        instruments: by name.
        servers: their ports, by the same names.
    """

    def __init__(self, world: World, instruments: Mapping[str, Instrument], servers: Mapping[str, LineServer]) -> None:
        self._world = world
        self._instruments = instruments
        self._servers = servers
        self._actions = {
            "truth": self._truth,
            "constants": self._constants,
            "hang": self._hang,
            "delay": self._delay,
            "garbage": self._garbage,
            "close": self._close,
            "fault": self._fault,
            "slip": self._slip,
            "triggers": self._triggers,
            "encoder": self._encoder,
            "carry": self._carry,
            "ring": self._ring,
            "jam": self._jam,
            "hutch": self._hutch,
            "speed": self._speed,
        }

    def answer(self, line: str) -> str:
        """The reply to one line of JSON: `{"ok": true, …}` or `{"error": "sentence"}`."""
        try:
            outcome = self._carry_out(json.loads(line))
        except (ControlError, json.JSONDecodeError) as error:
            return json.dumps({"error": str(error)})
        return json.dumps({"ok": True, **outcome})

    def _carry_out(self, request: Any) -> dict[str, Any]:
        action = self._actions.get(request.pop("do", None)) if isinstance(request, dict) else None
        if action is None:
            raise ControlError(f"a request is an object whose key do is one of {', '.join(sorted(self._actions))}")
        outcome = action(request)
        if request:
            raise ControlError(f"{next(iter(request))!r} has no meaning here; what came before it was carried out")
        return outcome

    def _truth(self, request: dict[str, Any]) -> dict[str, Any]:
        clock = self._world.clock
        time = _number(request, "at") if "at" in request else clock.now()
        return {
            "time": time,
            "monotonic": clock.real(time),
            "speed": clock.speed,
            "beam": self._world.beam.truth(time),
            "instruments": {name: instrument.truth(time) for name, instrument in self._instruments.items()},
        }

    def _constants(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request.pop("of", None)
        if name not in FORMULAS:
            raise ControlError(f"of should be one of {', '.join(FORMULAS)}, not {name!r}")
        module = importlib.import_module(f"{physics.__name__}.{name}")
        named = {key: value for key, value in vars(module).items() if key.isupper() and not key.startswith("_")}
        return {
            "constants": {key: value for key, value in named.items() if isinstance(value, int | float | tuple | dict)}
        }

    def _hang(self, request: dict[str, Any]) -> dict[str, Any]:
        self._server(request).faults.hang(_number(request, "seconds"))
        return {}

    def _delay(self, request: dict[str, Any]) -> dict[str, Any]:
        self._server(request).faults.delay = _number(request, "seconds")
        return {}

    def _garbage(self, request: dict[str, Any]) -> dict[str, Any]:
        self._server(request).faults.garble(int(_number(request, "answers", 1)))
        return {}

    def _close(self, request: dict[str, Any]) -> dict[str, Any]:
        server = self._server(request)
        server.faults.refuse(_number(request, "seconds", 0))
        server.drop_clients()
        return {}

    def _fault(self, request: dict[str, Any]) -> dict[str, Any]:
        name, axis = self._name(request), int(_number(request, "axis"))
        fault = str(request.pop("fault", "following"))
        return self._on_axis(lambda: self._instruments[name].fail(axis, fault))

    def _slip(self, request: dict[str, Any]) -> dict[str, Any]:
        name, axis, part = self._name(request), int(_number(request, "axis")), _number(request, "part")
        if part >= 1:
            raise ControlError(f"part should be below 1, not {part!r}")
        return self._on_axis(lambda: self._instruments[name].slip(axis, part))

    def _triggers(self, request: dict[str, Any]) -> dict[str, Any]:
        output = request.pop("line", None)
        if not isinstance(output, str) or output not in self._world.lines:
            raise ControlError(f"line should be one of {', '.join(self._world.lines)}, not {output!r}")
        line = self._world.lines[output]
        if not request:
            line.settle(self._world.clock.now())
            return {"emitted": line.emitted, "arrived": line.arrived, **asdict(line.astray)}
        dropped, doubled, delayed = (_number(request, key, 0.0) for key in ("dropped", "doubled", "delayed"))
        if (together := dropped + doubled + delayed) > 1:
            raise ControlError(f"dropped, doubled and delayed should be 1 or less together, not {together!r}")
        line.settle(self._world.clock.now())  # what was emitted before has arrived
        line.disturb(dropped, doubled, delayed, by=_number(request, "by", 0.0))
        return {}

    def _encoder(self, request: dict[str, Any]) -> dict[str, Any]:
        axis, lines = request.pop("line", None), self._world.encoder_lines
        if not isinstance(axis, str) or axis not in lines:
            raise ControlError(f"line should be one of {', '.join(lines)}, not {axis!r}")
        if "jump" in request:
            lines[axis].jump(round(_number(request, "jump", lowest=-math.inf)), self._world.clock.now())
        if "lag" in request:
            lines[axis].lag(_number(request, "lag"))
        return {}

    def _carry(self, request: dict[str, Any]) -> dict[str, Any]:
        name, axis = self._name(request), int(_number(request, "axis"))
        distance = _number(request, "distance", lowest=-math.inf)
        return self._on_axis(lambda: self._instruments[name].carry(axis, distance))

    @staticmethod
    def _on_axis(action: Callable[[], None]) -> dict[str, Any]:
        try:
            action()
        except LookupError as error:
            raise ControlError(str(error)) from error
        return {}

    def _ring(self, request: dict[str, Any]) -> dict[str, Any]:
        machine, now = self._world.beam.machine, self._world.clock.now()
        if "front_end" in request:
            machine.move_front_end(now, opened=bool(request.pop("front_end")))
        if "current" in request and request["current"] is None:
            request.pop("current")
            machine.refill(now)
        elif "current" in request:
            machine.lose_beam(now, _number(request, "current"))
        if "drift" in request:
            self._world.beam.orbit.drift(now, _number(request, "drift", lowest=-math.inf))
        return {}

    def _jam(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request.pop("shutter", None)
        if not isinstance(name, str) or name not in self._world.shutters:
            raise ControlError(f"shutter should be one of {', '.join(self._world.shutters)}, not {name!r}")
        self._world.shutters[name].jam(_flag(request, "jammed"), self._world.clock.now())
        return {}

    def _hutch(self, request: dict[str, Any]) -> dict[str, Any]:
        self._world.interlock.search(_flag(request, "searched"), self._world.clock.now())
        return {}

    def _speed(self, request: dict[str, Any]) -> dict[str, Any]:
        factor = _number(request, "factor")
        if factor == 0:
            raise ControlError("factor should be greater than 0")
        self._world.clock.speed = factor
        return {}

    def _name(self, request: dict[str, Any]) -> str:
        name = request.pop("instrument", None)
        if not isinstance(name, str) or name not in self._instruments:
            raise ControlError(f"instrument should be one of {', '.join(self._instruments)}, not {name!r}")
        return name

    def _server(self, request: dict[str, Any]) -> LineServer:
        return self._servers[self._name(request)]


def _flag(request: dict[str, Any], key: str) -> bool:
    value = request.pop(key, None)
    if not isinstance(value, bool):
        raise ControlError(f"{key} should be true or false, not {value!r}")
    return value


def _number(request: dict[str, Any], key: str, default: float | None = None, lowest: float = 0.0) -> float:
    value = request.pop(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < lowest:
        allowed = " of 0 or more" if lowest == 0 else ""
        raise ControlError(f"{key} should be a number{allowed}, not {value!r}")
    return value
