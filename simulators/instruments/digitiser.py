"""A digitiser of 8 channels of 16 bit: lines of our own protocol, samples over a port of their own; times in s."""

from __future__ import annotations

import asyncio
import math
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from ronda.simulators.digitiser.packets import BEGIN, END, HEADER, SAMPLES, TRIGGERS, packet
from ronda.simulators.instrument import Instrument, ProtocolError
from ronda.simulators.line_protocol import REFUSED, answer, expect, number
from ronda.simulators.parameters import InstrumentParameters, parameter
from ronda.simulators.physics.axis import Range
from ronda.simulators.physics.world import World

if TYPE_CHECKING:
    from ronda.simulators.digitiser.outlet import Outlet
    from ronda.simulators.physics.voltages import Stretch, Voltages

PERIOD = 0.01
"""Seconds between two packets."""

MOST_SAMPLES = 1 << 16
"""Most samples of one packet."""


class Input(BaseModel):
    """What is connected to an input: a detector's amplifier, or the counter of an encoder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    detector: Literal["i0", "diode"] | None = parameter("Detector whose amplifier is connected", None)
    encoder: str | None = parameter("Stage whose encoder counts; 16 bits of its count are seen", None)
    resolution: float = parameter("Counts of that encoder for one unit of the stage", 10000.0, gt=0)


class DigitiserParameters(InstrumentParameters):
    """A digitiser."""

    channels: int = parameter("Number of channels", 8, ge=1, le=64)
    inputs: dict[int, Input] = parameter(
        "What is connected to each channel, by its number from 0", default_factory=dict
    )
    highest_rate: float = parameter("Most samples of each channel in a second", 1e6, unit="1/s", gt=0, le=1e8)
    memory: float = parameter("Memory for samples that nobody takes", 32.0, unit="MB", gt=0)
    stream_address: str = parameter("Address of the network interface on which samples are given out", "127.0.0.1")
    stream_port: int = parameter("Port on which samples are given out; 0 for any that is free", 0, ge=0, le=65535)
    gate: str | list[str] | None = parameter(
        "Which output its trigger input is wired to, as CONTROLLER:OUTPUT such as motion:1, or several, of which each "
        "pulse counts; None: to nothing",
        None,
    )
    clock_skew: float = parameter("By which part its clock is faster than that of the world", 0.0, gt=-0.01, lt=0.01)


class Digitiser(Instrument):
    """The digitiser: it samples all channels at one rate, from a start until it is stopped or has enough."""

    Parameters = DigitiserParameters

    def __init__(self, name: str, parameters: DigitiserParameters, world: World) -> None:
        wrong = [channel for channel in parameters.inputs if not 0 <= channel < parameters.channels]
        if wrong:
            raise ValueError(f"inputs: channel {wrong[0]} should be from 0 to {parameters.channels - 1}")
        self.name = name
        self._parameters = parameters
        self._world = world
        self._rate = min(1e5, parameters.highest_rate)
        gate = parameters.gate or []
        self._lines = [world.line(output) for output in ([gate] if isinstance(gate, str) else gate)]
        self._heard = [line.listen() for line in self._lines]
        self._outlet: Outlet | None = None
        self._voltages: Voltages | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._running = False
        self._began = self._looked = 0.0
        self._wanted: int | None = None
        self._series = self._packets = self._taken = self._triggers = self._lost = self._overruns = 0
        self._to_lose = self._to_overrun = 0
        self._commands = {
            "IDN?": self._identify,
            "CAPS?": self._capabilities,
            "RATE": self._set_rate,
            "START": self._start,
            "STOP": self._stop,
            "STATUS?": self._status,
        }

    def answer(self, line: str) -> str:
        """The reply to one line."""
        self._advance()
        return answer(self._commands, line)

    def close(self) -> None:
        """Stop giving samples out."""
        if self._timer is not None:
            self._timer.cancel()
        if self._outlet is not None:
            self._outlet.close()

    def truth(self, time: float) -> dict[str, Any]:  # noqa: ARG002 - counts are those of now
        """How many samples and triggers the latest series had, and how much of it got lost on the way."""
        self._advance()
        return {
            "running": self._running,
            "taken": self._taken,
            "triggers": self._triggers,
            "lost": self._lost,
            "overruns": self._overruns,
            "waiting": 0 if self._outlet is None else self._outlet.waiting,
        }

    def fail(self, axis: int, fault: str) -> None:
        """Lose the next packets of samples, as many as `axis` says: `lost` on the way, or `overrun` in its memory."""
        if fault == "lost":
            self._to_lose = axis
        elif fault == "overrun":
            self._to_overrun = axis
        else:
            raise LookupError(f"{self.name} has the faults lost and overrun, not {fault}")

    # -- lines

    def _identify(self, words: list[str]) -> str:
        expect(words, 0, "IDN?")
        return f"RONDA-SIM-DAQ,1,{self._parameters.channels}"

    def _capabilities(self, words: list[str]) -> str:
        expect(words, 0, "CAPS?")
        told = self._parameters
        return f"{told.channels},1.0,{told.highest_rate!r},{self._open().port},{round(told.memory * 1e6)}"

    def _set_rate(self, words: list[str]) -> str:
        expect(words, 1, "RATE rate")
        allowed = Range(1.0, self._parameters.highest_rate)
        rate = number(words[0], "the rate", allowed, "1/s")
        if self._running:
            raise ProtocolError(REFUSED, "it is sampling")
        self._rate = rate
        return ""

    def _start(self, words: list[str]) -> str:
        import struct

        wanted = None
        if words:
            expect(words, 1, "START [samples]")
            wanted = int(number(words[0], "the number of samples", Range(1, 1e15)))
        if self._running:
            raise ProtocolError(REFUSED, "it is sampling")
        self._open().clear()
        self._look()
        self._hear(self._world.clock.now())  # what came before is not of this series
        self._began = self._looked = self._world.clock.now()
        self._wanted = wanted
        self._series += 1
        self._packets = self._taken = self._triggers = self._lost = self._overruns = 0
        self._running = True
        self._put(BEGIN, 0, 0, struct.pack("<d", self._rate))
        self._timer = asyncio.get_running_loop().call_later(PERIOD, self._tick)
        return f"{self._series}"

    def _stop(self, words: list[str]) -> str:
        expect(words, 0, "STOP")
        if self._running:
            self._end()
        return f"{self._taken}"

    def _status(self, words: list[str]) -> str:
        expect(words, 0, "STATUS?")
        state = "RUNNING" if self._running else "IDLE"
        return f"{state},{self._taken},{self._triggers},{self._lost},{self._overruns}"

    # -- sampling

    def _open(self) -> Outlet:
        if self._outlet is None:
            from ronda.simulators.digitiser.outlet import Outlet

            told = self._parameters
            self._outlet = Outlet(told.stream_address, told.stream_port, round(told.memory * 1e6))
        return self._outlet

    def _look(self) -> Voltages:
        if self._voltages is None:
            # Here and not above: the parameters alone, which configuration checks ask for, need no numpy.
            from ronda.simulators.physics.beam import DETECTORS
            from ronda.simulators.physics.voltages import Voltages

            inputs = self._parameters.inputs
            stages = self._world.stages
            missing = [one.encoder for one in inputs.values() if one.encoder and one.encoder not in stages]
            if missing:
                raise ProtocolError(REFUSED, f"there is no stage {missing[0]} whose encoder could be seen")
            self._voltages = Voltages(
                self._parameters.channels,
                {channel: DETECTORS[one.detector] for channel, one in inputs.items() if one.detector},
                {channel: (stages[one.encoder], one.resolution) for channel, one in inputs.items() if one.encoder},
                self._world.beam,
            )
            self._chance = self._world.chance(self.name)
        return self._voltages

    def _tick(self) -> None:
        self._advance()
        if self._running:
            self._timer = asyncio.get_running_loop().call_later(PERIOD, self._tick)

    def _advance(self) -> None:
        """Take the samples that are due."""
        if not self._running:
            return
        now, speed = self._world.clock.now(), self._rate * (1.0 + self._parameters.clock_skew)
        due = math.floor((now - self._began) * speed)
        if self._wanted is not None and due >= self._wanted:
            due = self._wanted
        until = min(self._began + due / speed, now)
        self._give_triggers(until if due == self._wanted else now)
        while self._taken < due:
            count = min(due - self._taken, MOST_SAMPLES)
            end = self._began + (self._taken + count) / speed
            stretch = self._look().look(self._looked, max(end, self._looked + 1e-9), count)
            self._looked = end
            self._give_samples(stretch, count)
        if self._taken == self._wanted:
            self._end()

    def _end(self) -> None:
        self._running = False
        self._put(END, 0, self._taken, b"")

    def _hear(self, until: float) -> list[float]:
        times: list[float] = []
        for line, heard in zip(self._lines, self._heard, strict=True):
            line.settle(until)
            times += heard
            heard.clear()
        return sorted(times)

    def _give_triggers(self, until: float) -> None:
        import numpy as np

        skew = 1.0 + self._parameters.clock_skew
        times = [(time - self._began) * skew for time in self._hear(until) if time >= self._began]
        if times:
            first, self._triggers = self._triggers, self._triggers + len(times)
            self._put(TRIGGERS, len(times), first, np.array(times, "<f8").tobytes())

    def _give_samples(self, stretch: Stretch, count: int) -> None:
        first, self._taken = self._taken, self._taken + count
        if self._to_lose:
            self._to_lose -= 1
            self._packets += 1  # it went out, and never came
            self._lost += count
            return
        if self._to_overrun:
            self._to_overrun -= 1
            self._overruns += count
            return
        voltages, rate, chance = self._look(), self._rate, self._chance
        told = (SAMPLES, self._parameters.channels, self._series, self._packets, count, first)
        size = HEADER.size + 2 * count * self._parameters.channels
        # the samples are worked out in the thread that sends them: other instruments answer meanwhile
        if self._open().put(size, lambda: packet(*told, voltages.digitise(stretch, count, rate, chance).tobytes())):
            self._packets += 1
        else:
            self._overruns += count

    def _put(self, sort: int, count: int, first: int, data: bytes) -> None:
        told = (sort, self._parameters.channels, self._series, self._packets, count, first, data)
        if self._open().put(0, partial(packet, *told)):  # so small that there is always room
            self._packets += 1
