"""The timing system of a pulsed machine: it counts pulses, tells the latest one, and gives a trigger at each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ronda.simulators.instrument import Instrument
from ronda.simulators.line_protocol import answer, expect
from ronda.simulators.parameters import InstrumentParameters, parameter
from ronda.simulators.physics.world import World

if TYPE_CHECKING:
    from ronda.simulators.physics.pulses import PulseTrain

OUTPUT = 1
"""Number of its trigger output."""


class TimingParameters(InstrumentParameters):
    """A timing system."""

    rate: float = parameter("Pulses of the machine in a second", 100.0, unit="1/s", ge=1, le=1000)
    first_pulse: int = parameter("Pulse id when the simulation begins", 20_000_000_000, ge=0, le=1 << 60)


class Timing(Instrument):
    """The timing system; its pulses come whether anybody listens or not."""

    Parameters = TimingParameters

    def __init__(self, name: str, parameters: TimingParameters, world: World) -> None:
        # Here and not above: the parameters alone, which configuration checks ask for, need no numpy.
        from ronda.simulators.physics.pulses import PulseTrain

        self._name, self._parameters, self._world = name, parameters, world
        self._train: PulseTrain = PulseTrain(world.clock.now(), parameters.rate, parameters.first_pulse, world.seed)
        world.pulses[name] = self._train
        self._given = 0
        self._commands = {"IDN?": self._identify, "PULSE?": self._pulse}

    def connect_outputs(self) -> None:
        """Drive the trigger line."""
        self._world.line(f"{self._name}:{OUTPUT}").drive(self._give)

    def answer(self, line: str) -> str:
        """The reply to one line."""
        return answer(self._commands, line)

    def truth(self, time: float) -> dict[str, Any]:
        """The latest pulse at a time."""
        return {"pulse_id": self._train.first + self._train.until(time) - 1, "rate": self._train.rate}

    def _identify(self, words: list[str]) -> str:
        expect(words, 0, "IDN?")
        return f"RONDA-SIM-TIMING,1,{self._train.rate!r}"

    def _pulse(self, words: list[str]) -> str:
        expect(words, 0, "PULSE?")
        number = self._train.until(self._world.clock.now()) - 1
        nanoseconds = self._world.clock.epoch_ns(self._train.time(number))
        return f"{self._train.first + number},{nanoseconds // 10**9},{nanoseconds % 10**9}"

    def _give(self, until: float) -> list[float]:
        first, self._given = self._given, self._train.until(until)
        return [self._train.time(number) for number in range(first, self._given)]
