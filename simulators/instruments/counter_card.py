"""A counter card whose channels share one gate, in the lines of our own protocol; times in s."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ronda.simulators.instrument import Instrument, ProtocolError
from ronda.simulators.line_protocol import REFUSED, answer, expect, number
from ronda.simulators.parameters import InstrumentParameters, parameter
from ronda.simulators.physics.axis import Range
from ronda.simulators.physics.world import World

GATE_TIMES = Range(1e-6, 1e6)
"""How long the gate may be open, in s."""


class CounterCardParameters(InstrumentParameters):
    """A counter card."""

    channels: dict[Annotated[int, Field(ge=1, le=64)], Literal["i0", "diode"]] = parameter(
        "Which detector is connected to each channel, by the channel's number", min_length=1
    )


class CounterCard(Instrument):
    """The card and its channels."""

    Parameters = CounterCardParameters

    def __init__(self, name: str, parameters: CounterCardParameters, world: World) -> None:
        # Here and not above: the parameters alone, which configuration checks ask for, need no numpy.
        from ronda.simulators.physics.beam import DETECTORS
        from ronda.simulators.physics.counting import Scaler

        self.name = name
        self._world = world
        connected = parameters.channels
        detectors = [
            DETECTORS[connected[channel]] if channel in connected else None for channel in range(1, max(connected) + 1)
        ]
        self._detectors = {detector: DETECTORS[detector] for detector in sorted(set(connected.values()))}
        self._channels = len(detectors)
        self._scaler = Scaler(detectors, world.beam, world.chance(name))
        self.afterwards = self._scaler.look_ahead
        self._commands = {
            "IDN?": self._identify,
            "START": self._start,
            "STOP": self._stop,
            "STATUS?": self._status,
            "READ?": self._read,
        }

    def answer(self, line: str) -> str:
        """The reply to one line."""
        return answer(self._commands, line)

    def truth(self, time: float) -> dict[str, Any]:
        """When the gate last opened and closes, and the rates (count/s) that the detectors see, without statistics."""
        import numpy as np

        rates = self._world.beam.rates([*self._detectors.values()], np.array([time]))
        return {
            "counting": self._scaler.counting(time),
            "opened": self._scaler.opened,
            "closes": self._scaler.closes,
            "rates": {name: float(rate[0]) for name, rate in zip(self._detectors, rates, strict=True)},
        }

    def _identify(self, words: list[str]) -> str:
        expect(words, 0, "IDN?")
        return f"RONDA-SIM-CT,1,{self._channels}"

    def _start(self, words: list[str]) -> str:
        expect(words, 1, "START time")
        duration = number(words[0], "the time", GATE_TIMES, "s")
        now = self._world.clock.now()
        if self._scaler.counting(now):
            raise ProtocolError(REFUSED, "the gate is open")
        self._scaler.open(duration, now)
        return ""

    def _stop(self, words: list[str]) -> str:
        expect(words, 0, "STOP")
        self._scaler.close(self._world.clock.now())
        return ""

    def _status(self, words: list[str]) -> str:
        expect(words, 0, "STATUS?")
        now = self._world.clock.now()
        state = "COUNTING" if self._scaler.counting(now) else "IDLE"
        return f"{state},{self._scaler.elapsed(now)!r}"

    def _read(self, words: list[str]) -> str:
        expect(words, 0, "READ?")
        now = self._world.clock.now()
        return ",".join([repr(self._scaler.elapsed(now)), *map(str, self._scaler.counts(now))])
