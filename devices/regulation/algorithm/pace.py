"""The times of cycles: a fixed grid in monotonic time, without drift, and without a burst after a delay."""

from __future__ import annotations

import math
from collections import deque

KEPT = 1000
"""Cycles over which the jitter is known."""


class Pace:
    """When the next cycle is due.

    Attributes:
        cycles: how many there were.
        missed: how many points of the grid passed without one.
    """

    def __init__(self, frequency: float, now: float) -> None:
        """The grid begins now; `frequency` in Hz, times in s."""
        self.period = 1.0 / frequency
        self.cycles = self.missed = 0
        self._start = now
        self._index = 0
        self._late: deque[float] = deque(maxlen=KEPT)

    @property
    def due(self) -> float:
        """When the next cycle should begin."""
        return self._start + self._index * self.period

    def begun(self, now: float) -> None:
        """A cycle has begun: later points of the grid that have passed already are missed, and left out."""
        self._late.append(now - self.due)
        self.cycles += 1
        following = max(self._index + 1, math.floor((now - self._start) / self.period) + 1)
        self.missed += following - self._index - 1
        self._index = following

    def jitter(self) -> float:
        """By how much the cycles of late began late, 99th percentile in s."""
        late = sorted(self._late)
        return late[min(int(0.99 * len(late)), len(late) - 1)] if late else 0.0
