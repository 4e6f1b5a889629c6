"""A spectrum analyser that sees the fluorescence of the sample: our own protocol, spectra as bytes; times in s."""

from __future__ import annotations

import math
from typing import Any

from ronda.simulators.instrument import Instrument, ProtocolError
from ronda.simulators.line_protocol import BAD_ARGUMENT, REFUSED, answer, expect, number, with_data
from ronda.simulators.parameters import InstrumentParameters
from ronda.simulators.physics.axis import Range
from ronda.simulators.physics.world import World

PRESETS = Range(1e-4, 1e5)
"""Times for which it can measure, in s."""


class McaParameters(InstrumentParameters):
    """A spectrum analyser."""


class Mca(Instrument):
    """The analyser: clears its spectrum at START, ends by itself."""

    Parameters = McaParameters

    def __init__(self, name: str, parameters: McaParameters, world: World) -> None:  # noqa: ARG002 - none
        # Here and not above: the parameters alone, which configuration checks ask for, need no numpy.
        from ronda.simulators.physics import fluorescence

        self.name = name
        self._world = world
        self._physics = fluorescence
        self._analyser = fluorescence.Analyser(world.beam, world.chance(name))
        self._collected = fluorescence.Collected()
        self._preset, self._by_live_time = 1.0, False
        self._running = False
        self._until = 0.0
        self._commands = {
            "IDN?": self._identify,
            "CAPS?": self._capabilities,
            "PRESET": self._set_preset,
            "START": self._start,
            "STOP": self._stop,
            "STATUS?": self._status,
        }

    def answer(self, line: str) -> str | bytes:
        """The reply to one line."""
        if line.split() != ["READ?"]:
            return answer(self._commands, line)
        self._go_on()
        found = self._collected
        fields = f"{found.real!r},{found.live!r},{found.triggers},{found.events}"
        return with_data(fields, found.spectrum.astype("<u4").tobytes())

    def truth(self, time: float) -> dict[str, Any]:
        """Photons of each origin that reach the detector, in 1/s."""
        import numpy as np

        rates = self._analyser.rates(np.array([time]))
        return {"running": self._running, "rates": {origin: float(rate[0]) for origin, rate in rates.items()}}

    def _identify(self, words: list[str]) -> str:
        expect(words, 0, "IDN?")
        return f"RONDA-SIM-MCA,1,{self._physics.CHANNELS}"

    def _capabilities(self, words: list[str]) -> str:
        expect(words, 0, "CAPS?")
        return f"{self._physics.CHANNELS},{PRESETS.low!r},{PRESETS.high!r}"

    def _set_preset(self, words: list[str]) -> str:
        expect(words, 2, "PRESET REAL|LIVE time")
        if words[0] not in ("REAL", "LIVE"):
            raise ProtocolError(BAD_ARGUMENT, f"the preset should be REAL or LIVE, not {words[0][:40]}")
        preset = number(words[1], "the time", PRESETS, "s")
        self._refuse_if_running()
        self._preset, self._by_live_time = preset, words[0] == "LIVE"
        return ""

    def _start(self, words: list[str]) -> str:
        expect(words, 0, "START")
        self._refuse_if_running()
        self._collected = self._physics.Collected()
        self._running, self._until = True, self._world.clock.now()
        return ""

    def _stop(self, words: list[str]) -> str:
        expect(words, 0, "STOP")
        self._go_on()
        self._running = False
        return ""

    def _status(self, words: list[str]) -> str:
        expect(words, 0, "STATUS?")
        self._go_on()
        return f"{'RUNNING' if self._running else 'IDLE'},{self._collected.real!r},{self._collected.live!r}"

    def _go_on(self) -> None:
        """Collect what has come since it was last asked."""
        now = self._world.clock.now()
        if not self._running or now <= self._until:
            return
        found = self._collected
        live_left = self._preset - found.live if self._by_live_time else math.inf
        end = now if self._by_live_time else min(now, self._until + self._preset - found.real)
        stopped = self._analyser.collect(found, self._until, end, live_left)
        self._until = stopped
        if stopped < now:
            self._running = False
            if not self._by_live_time:
                found.real = self._preset  # without the rounding of many small sums

    def _refuse_if_running(self) -> None:
        self._go_on()
        if self._running:
            raise ProtocolError(REFUSED, "it is measuring")
