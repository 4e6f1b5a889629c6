"""The storage ring: current with decay, top-up and beam loss, and the front end of the beamline."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ronda.simulators.physics.stage import REMEMBERED_MOVES

FULL_CURRENT = 200.0
"""Current just after an injection, in mA; intensities of the beamline are given for this."""

DECAY = 0.33 / 60.0
"""Loss of current, in mA/s."""

TOP_UP_PERIOD = 180.0
"""Time from the end of one injection to the end of the next, in s."""

INJECTION_TIME = 2.0
"""How long an injection lasts, in s."""


@dataclass(frozen=True, slots=True)
class _Regime:
    """How the machine runs from a time on.

    Attributes:
        stored: current at that time that decays without top-up, in mA; None while top-up keeps it.
    """

    start: float
    stored: float | None
    front_end_open: bool


class Machine:
    """The storage ring, in top-up unless a test scripts a beam loss."""

    def __init__(self) -> None:
        self._regimes = deque([_Regime(0.0, None, True)], REMEMBERED_MOVES)

    def current(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Ring current at each time, in mA."""
        current = np.empty_like(times)
        for regime, part in self._parts(times):
            now = times[part]
            if regime.stored is None:
                current[part] = _top_up_current(now)
            else:
                current[part] = np.maximum(regime.stored - DECAY * (now - regime.start), 0.0)
        return current

    def current_at(self, time: float) -> float:
        """The same at one time."""
        return float(self.current(np.array([time]))[0])

    @property
    def latest(self) -> object:
        """What happened to it latest: another object for each."""
        return self._regimes[-1]

    def intensity(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """What passes the front end, as a fraction of the intensity at full current."""
        intensity = self.current(times) / FULL_CURRENT
        for regime, part in self._parts(times):
            if not regime.front_end_open:
                intensity[part] = 0.0
        return intensity

    def next_injection(self, time: float) -> float | None:
        """Seconds until the next injection starts, 0 while one lasts; None without top-up."""
        if self._latest(time).stored is not None:
            return None
        return max(TOP_UP_PERIOD - INJECTION_TIME - time % TOP_UP_PERIOD, 0.0)

    def front_end_open(self, time: float) -> bool:
        """Whether the front end lets the beam through."""
        return self._latest(time).front_end_open

    def lose_beam(self, time: float, current: float) -> None:
        """From a time on, only this current (mA) is left, and it decays without top-up."""
        self._regimes.append(_Regime(time, current, self._regimes[-1].front_end_open))

    def refill(self, time: float) -> None:
        """Come back to top-up at a time."""
        self._regimes.append(_Regime(time, None, self._regimes[-1].front_end_open))

    def move_front_end(self, time: float, *, opened: bool) -> None:
        """Open or close the front end at a time."""
        latest = self._regimes[-1]
        stored = latest.stored
        if stored is not None:
            stored = max(stored - DECAY * (time - latest.start), 0.0)
        self._regimes.append(_Regime(time, stored, opened))

    def changes(self, start: float, end: float) -> list[float]:
        """When, between two times, the current changes its course, in s."""
        regimes = [regime.start for regime in self._regimes if start < regime.start < end]
        first, last = int(start // TOP_UP_PERIOD), int(end // TOP_UP_PERIOD)
        # In a gate of hours the injections are many and each is small: the regular samples see them well enough.
        periods = range(first, last + 1) if last - first < 10 else ()
        injections = [n * TOP_UP_PERIOD + edge for n in periods for edge in (0.0, TOP_UP_PERIOD - INJECTION_TIME)]
        return regimes + [time for time in injections if start < time < end]

    def _latest(self, time: float) -> _Regime:
        return next((regime for regime in reversed(self._regimes) if regime.start <= time), self._regimes[0])

    def _parts(self, times: NDArray[np.float64]) -> list[tuple[_Regime, NDArray[np.intp]]]:
        """Each regime with the indices of the times that fall into it."""
        if len(self._regimes) == 1:
            return [(self._regimes[0], np.arange(times.size))]
        starts = np.array([regime.start for regime in self._regimes])
        owner = np.maximum(np.searchsorted(starts, times, side="right") - 1, 0)
        return [(self._regimes[n], np.flatnonzero(owner == n)) for n in np.unique(owner)]


def _top_up_current(times: NDArray[np.float64]) -> NDArray[np.float64]:
    since = times % TOP_UP_PERIOD
    injection = TOP_UP_PERIOD - INJECTION_TIME
    lowest = FULL_CURRENT - DECAY * injection
    filling = lowest + (FULL_CURRENT - lowest) * (since - injection) / INJECTION_TIME
    filled: NDArray[np.float64] = np.where(since < injection, FULL_CURRENT - DECAY * since, filling)
    return filled
