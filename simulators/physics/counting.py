"""A group of counters with one gate: counts with the statistics of photons, true to everything that moved meanwhile."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ronda.simulators.physics.beam import Beam, PointDetector, Situation

OWN_NOISE = 0.0003
"""Noise of each detector's own, rms, as a fraction of its counts in 1 s; it falls with the square root of the time."""


SHORT = 0.1
"""Length in s up to which what a gate will count is worked out when it opens."""


@dataclass(frozen=True, slots=True)
class _Foreseen:
    """What each connected counter counts from one time to another, if the beam goes on as in this situation."""

    start: float
    end: float
    situation: Situation
    counts: list[int]


class Scaler:
    """Counters that count while their common gate is open; times in simulated s.

    Args:
        detectors: what is connected to each counter; None for nothing.
        beam: what the detectors see.
        chance: random numbers for the statistics.
    """

    def __init__(self, detectors: list[PointDetector | None], beam: Beam, chance: np.random.Generator) -> None:
        self._connected = {channel: detector for channel, detector in enumerate(detectors) if detector is not None}
        self._beam = beam
        self._chance = chance
        self._counts = [0] * len(detectors)
        self._opened = self._counted_until = self._duration = 0.0
        self._ahead: _Foreseen | None = None

    def open(self, duration: float, time: float) -> None:
        """Set all counters to 0 and open the gate for a duration."""
        self._ahead = None
        self._counts = [0] * len(self._counts)
        self._opened = self._counted_until = time
        self._duration = duration

    def close(self, time: float) -> None:
        """Close the gate before its time; a closed gate stays as it is."""
        self._duration = self.elapsed(time)

    def counting(self, time: float) -> bool:
        """Whether the gate is open."""
        return time - self._opened < self._duration

    def elapsed(self, time: float) -> float:
        """How long the gate was open since it last opened, in s."""
        return min(time - self._opened, self._duration)

    @property
    def opened(self) -> float:
        """When the gate last opened."""
        return self._opened

    @property
    def closes(self) -> float:
        """When the gate closed, or will."""
        return self._opened + self._duration

    def counts(self, time: float) -> list[int]:
        """What each counter counted since the gate last opened."""
        until = min(time, self.closes)
        if until > self._counted_until:
            self._count(self._counted_until, until)
            self._counted_until = until
        elapsed = self.elapsed(time)
        counts = self._counts.copy()
        for channel, detector in self._connected.items():
            counts[channel] = min(counts[channel], int(detector.saturation * elapsed))
        return counts

    def look_ahead(self) -> None:
        """Foresee what a short gate will count, so that it is known when it closes, as a real counter knows it.

        It is worked out anew then if anything has moved otherwise meanwhile.
        """
        if self._ahead is None and self._counted_until == self._opened and 0 < self._duration <= SHORT:
            self._ahead = self._foresee(self._opened, self.closes)

    def _count(self, start: float, end: float) -> None:
        ahead = self._ahead
        foreseen = ahead is not None and (ahead.start, ahead.end) == (start, end)
        if ahead is None or not foreseen or not ahead.situation.same(self._beam.situation()):
            ahead = self._foresee(start, end)
        for channel, counts in zip(self._connected, ahead.counts, strict=True):
            self._counts[channel] += counts

    def _foresee(self, start: float, end: float) -> _Foreseen:
        """What each connected counter counts from one time to another, with its statistics."""
        situation = self._beam.situation()
        times, weights = self._beam.samples(start, end)
        rates = self._beam.rates([*self._connected.values()], times)
        noise = OWN_NOISE / math.sqrt(end - start)
        counts = []
        for rate in rates:
            expected = float(rate @ weights) * (1.0 + noise * self._chance.standard_normal())
            counts.append(int(self._chance.poisson(max(expected, 0.0))))
        return _Foreseen(start, end, situation, counts)
