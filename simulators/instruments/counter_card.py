"""A counter card whose channels share one gate, in the lines of our own protocol; times in s."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ronda.simulators.instrument import Instrument, ProtocolError
from ronda.simulators.line_protocol import BAD_ARGUMENT, REFUSED, answer_also_blocks, expect, number, with_data
from ronda.simulators.parameters import InstrumentParameters, parameter
from ronda.simulators.physics.axis import Range
from ronda.simulators.physics.world import World

GATE_TIMES = Range(1e-6, 1e6)
"""How long the gate may be open, in s."""

TRIGGER_COUNTS = Range(0, 1e9)

MOST_POINTS = 4096
"""Most points of one reply."""


class CounterCardParameters(InstrumentParameters):
    """A counter card."""

    channels: dict[Annotated[int, Field(ge=1, le=64)], Literal["i0", "diode"]] = parameter(
        "Which detector is connected to each channel, by the channel's number", min_length=1
    )
    gate: str | list[str] | None = parameter(
        "Which output its gate input is wired to, as CONTROLLER:OUTPUT such as motion:1, or several, of which each "
        "pulse counts; None: to nothing",
        None,
    )
    encoders: dict[Annotated[int, Field(ge=1, le=8)], str] = parameter(
        "Which encoder the pulses of each encoder input come from, by the input's number: CONTROLLER:AXIS, such as "
        "motion:1",
        {},
    )
    clock_skew: float = parameter("By which part its clock is faster than that of the world", 0.0, gt=-0.01, lt=0.01)


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
        self._wired = detectors
        self._chance = world.chance(name)
        gate = parameters.gate or []
        self._lines = [world.line(output) for output in ([gate] if isinstance(gate, str) else gate)]
        self._heard = [line.listen() for line in self._lines]
        self._skew = 1.0 + parameters.clock_skew
        self._armed = False
        self._edges: list[float] = []
        self._intervals: list[list[float]] = []
        wired = parameters.encoders
        self._encoders = [
            world.encoder_line(wired[place]) if place in wired else None
            for place in range(1, max(wired, default=0) + 1)
        ]
        self._latched: list[list[int]] = []
        self._at_start = [0] * len(self._encoders)
        self._detectors = {detector: DETECTORS[detector] for detector in sorted(set(connected.values()))}
        self._channels = len(detectors)
        self._scaler = Scaler(detectors, world.beam, self._chance)
        self.afterwards = self._scaler.look_ahead
        self._commands = {
            "IDN?": self._identify,
            "START": self._start,
            "STOP": self._stop,
            "STATUS?": self._status,
            "READ?": self._read,
            "GATE": self._gate,
            "GATE?": self._gated,
            "ENCODERS?": self._ask_encoders,
            "LATCHED?": self._ask_latched,
        }

    def answer(self, line: str) -> str | bytes:
        """The reply to one line."""
        return answer_also_blocks({"BLOCK?": self._block, "LATCHES?": self._latches}, self._commands, line)

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
        if self._armed:
            raise ProtocolError(REFUSED, "the gate is armed for triggers")
        self._scaler.open(duration, now)
        self._at_start = self._encoders_at(now)
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

    # -- gated by triggers

    def _hear(self) -> None:
        """Take the triggers that came; those that came while it was not armed are lost on it."""
        now = self._world.clock.now()
        for line in self._lines:
            line.settle(now)
        if self._armed:
            edges = sorted(time for heard in self._heard for time in heard)
            self._edges.extend(edges)
            self._latched.extend(map(self._encoders_at, edges))
        for heard in self._heard:
            heard.clear()

    def _gate(self, words: list[str]) -> str:
        expect(words, 1, "GATE ARM|OFF")
        if words[0] not in ("ARM", "OFF"):
            raise ProtocolError(BAD_ARGUMENT, f"the gate should be ARM or OFF, not {words[0][:40]}")
        if not self._lines:
            raise ProtocolError(REFUSED, "nothing is wired to the gate input")
        self._hear()
        if words[0] == "ARM":
            if self._scaler.counting(self._world.clock.now()):
                raise ProtocolError(REFUSED, "the gate is open")
            self._edges, self._intervals, self._latched = [], [], []
        self._armed = words[0] == "ARM"
        return ""

    def _gated(self, words: list[str]) -> str:
        expect(words, 0, "GATE?")
        self._hear()
        return f"{'ARMED' if self._armed else 'OFF'},{len(self._edges)}"

    # -- encoders

    def _encoders_at(self, time: float) -> list[int]:
        """What the counters of the encoder inputs show at a time; 0 where none is connected."""
        return [0 if line is None else line.counts(time) for line in self._encoders]

    def _ask_encoders(self, words: list[str]) -> str:
        expect(words, 0, "ENCODERS?")
        return ",".join(map(str, self._encoders_at(self._world.clock.now())))

    def _ask_latched(self, words: list[str]) -> str:
        expect(words, 0, "LATCHED?")
        return ",".join(map(str, self._at_start))

    def _latches(self, words: list[str]) -> bytes:
        import numpy as np

        expect(words, 1, "LATCHES? first")
        first = int(number(words[0], "the first trigger", TRIGGER_COUNTS))
        self._hear()
        some = slice(first, first + MOST_POINTS + 1)
        rows = [
            [edge * self._skew, *latched] for edge, latched in zip(self._edges[some], self._latched[some], strict=True)
        ]
        return with_data(f"{len(self._edges)}", np.array(rows, "<f8").tobytes())

    def _block(self, words: list[str]) -> bytes:
        import numpy as np

        from ronda.simulators.physics.gating import count_between

        expect(words, 1, "BLOCK? first")
        first = int(number(words[0], "the first point", TRIGGER_COUNTS))
        self._hear()
        known, wanted = len(self._intervals), min(first + MOST_POINTS, len(self._edges) - 1)
        if wanted > known:  # counted once: who asks again is told the same
            edges = np.array(self._edges[known : wanted + 1])
            counts = count_between(self._world.beam, self._wired, edges, self._chance)
            rows = np.column_stack([edges[:-1] * self._skew, edges[1:] * self._skew, counts.astype(np.float64)])
            self._intervals.extend(rows.tolist())
        block = np.array(self._intervals[first : first + MOST_POINTS], "<f8")
        return with_data(f"{len(self._edges)}", block.tobytes())
