"""A trigger line: pulses that an output emits reach the inputs wired to it, unless tests let some go astray."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Source = Callable[[float], list[float]]
"""Gives the times of the pulses emitted since it was asked last, up to a time; in s, rising."""


@dataclass
class Astray:
    """Which pulses of a line did not arrive as they were emitted, by their number since the line was made."""

    dropped: list[int] = field(default_factory=list)
    doubled: list[int] = field(default_factory=list)
    delayed: list[int] = field(default_factory=list)


class TriggerLine:
    """One wire. Pulses are worked out when somebody asks for them, at the exact times at which they happened.

    Args:
        chance: random numbers for its faults.

    Attributes:
        emitted: pulses that the output gave so far.
        arrived: pulses that came out at the other end.
        astray: what happened to those that are not the same at both ends.
        width: for how long each pulse stays on, in s; 0 for shorter than anything that the inputs measure.
    """

    def __init__(self, chance: np.random.Generator) -> None:
        self._chance = chance
        self._source: Source | None = None
        self._inputs: list[list[float]] = []
        self._under_way: list[float] = []
        self._dropped = self._doubled = self._delayed = self._by = 0.0
        self.emitted = self.arrived = 0
        self.width = 0.0
        self.astray = Astray()

    @property
    def driven(self) -> bool:
        """Whether an output is connected to it."""
        return self._source is not None

    def drive(self, source: Source) -> None:
        """Connect the output."""
        self._source = source

    def listen(self) -> list[float]:
        """Connect an input; returns the list that the times of its pulses are added to, in s."""
        heard: list[float] = []
        self._inputs.append(heard)
        return heard

    def disturb(self, dropped: float, doubled: float, delayed: float, by: float) -> None:
        """Let parts (0 to 1) of the pulses go astray from now on; a delay and an echo come `by` seconds later."""
        self._dropped, self._doubled, self._delayed, self._by = dropped, doubled, delayed, by

    def settle(self, time: float) -> None:
        """Let all pulses arrive that did so up to a time."""
        for pulse in self._source(time) if self._source is not None else []:
            for arrival in self._fates(pulse):
                insort(self._under_way, arrival)
        ready = 0
        while ready < len(self._under_way) and self._under_way[ready] <= time:
            ready += 1
        arrived, self._under_way = self._under_way[:ready], self._under_way[ready:]
        self.arrived += ready
        for heard in self._inputs:
            heard.extend(arrived)

    def _fates(self, pulse: float) -> list[float]:
        """When a pulse arrives: once, never, twice or late."""
        number, self.emitted = self.emitted, self.emitted + 1
        if not self._dropped + self._doubled + self._delayed:
            return [pulse]
        fate = self._chance.random()
        if fate < self._dropped:
            self.astray.dropped.append(number)
            return []
        if fate < self._dropped + self._doubled:
            self.astray.doubled.append(number)
            return [pulse, pulse + self._by]
        if fate < self._dropped + self._doubled + self._delayed:
            self.astray.delayed.append(number)
            return [pulse + self._by]
        return [pulse]
