"""Sums of samples over windows and between triggers, lost ones left out; counters of 16 bit go on where they wrap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ronda.devices.digitiser.contract import ChannelParameters

Whole = npt.NDArray[np.int64]

TURN = 1 << 16
"""Counts after which a counter of 16 bit shows the same again."""


class Unwrapping:
    """The samples of some channels as whole numbers; those of counters that wrap go on.

    Args:
        channels: which channels, in this order.
        positions: for each where its axis stood before the first sample, in its unit; None for one without.
    """

    def __init__(self, channels: Sequence[ChannelParameters], positions: Sequence[float | None]) -> None:
        self._numbers = [one.channel for one in channels]
        self._wrapping = [place for place, one in enumerate(channels) if one.wraps]
        self._channels = channels
        self._positions = positions
        self._last: dict[int, tuple[np.int16, int]] = {}

    def values(self, samples: npt.NDArray[np.int16]) -> Whole:
        """(n, channels) of the samples (n, all channels)."""
        found = samples[:, self._numbers].astype(np.int64)
        for place in self._wrapping:
            counter = samples[:, self._numbers[place]]
            shown, total = self._last.get(place) or (counter[0], self._begin(place, int(counter[0])))
            steps = np.diff(counter, prepend=shown)  # of 16 bit: a step across the end is a small one
            found[:, place] = total + np.cumsum(steps, dtype=np.int64)
            self._last[place] = (counter[-1], int(found[-1, place]))
        return found

    def _begin(self, place: int, shown: int) -> int:
        """What the counter would show if it did not wrap, nearest to where its axis stood."""
        one, position = self._channels[place], self._positions[place]
        if position is None or not math.isfinite(position):
            return shown
        return shown + TURN * round(((position - one.offset) / one.scale - shown) / TURN)


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over some samples.

    Attributes:
        sums: of each channel; (channels,) int64.
        good: samples that were there.
        lost: samples that were not.
    """

    sums: Whole
    good: int = 0
    lost: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.sums + other.sums, self.good + other.good, self.lost + other.lost)


class Intervals:
    """Sums from each trigger to the next.

    Args:
        channels: how many.
        rate: samples in a second, by the clock that tells when triggers came.
    """

    def __init__(self, channels: int, rate: float) -> None:
        self._rate = rate
        self._position = 0
        self._waiting: list[float] = []
        self._since: float | None = None
        self._now = Sums(np.zeros(channels, np.int64))
        self._rows: list[npt.NDArray[np.float64]] = []
        self._forgotten = 0
        self._width = channels
        self.received = 0

    def trigger(self, times: Sequence[float]) -> None:
        """Take triggers at these times (s after sample 0), all of them after the samples that were added."""
        self._waiting += times
        self.received += len(times)

    def add(self, count: int, values: Whole | None) -> None:
        """Take the next samples: (count, channels), or None if they were lost."""
        cuts = [min(max(math.ceil(time * self._rate) - self._position, 0), count) for time in self._due(count)]
        times, self._waiting = self._waiting[: len(cuts)], self._waiting[len(cuts) :]
        edges = np.array([0, *cuts, count])
        if values is None:
            sums = np.zeros((len(edges) - 1, self._width), np.int64)
        elif cuts:
            running = np.zeros((count + 1, self._width), np.int64)
            np.cumsum(values, axis=0, out=running[1:])
            sums = np.diff(running[edges], axis=0)
        else:
            sums = values.sum(axis=0, keepdims=True)
        for place, length in enumerate(np.diff(edges).tolist()):
            part = Sums(sums[place], 0, length) if values is None else Sums(sums[place], length)
            self._now = self._now + part
            if place < len(times):
                self._close(times[place])
        self._position += count

    def rows(self, first: int) -> npt.NDArray[np.float64]:
        """Intervals from a number on; those before are forgotten.

        Of each: begin and end in s, sums, good and lost samples, number of the first one.
        """
        del self._rows[: max(first - self._forgotten, 0)]
        self._forgotten = max(first, self._forgotten)
        return np.array(self._rows).reshape(-1, self._width + 5)

    def _due(self, count: int) -> list[float]:
        return [time for time in self._waiting if math.ceil(time * self._rate) <= self._position + count]

    def _close(self, time: float) -> None:
        """A trigger came."""
        if self._since is not None:
            now = self._now
            first = math.ceil(self._since * self._rate)
            self._rows.append(np.array([self._since, time, *now.sums, now.good, now.lost, first], np.float64))
        self._since = time
        self._now = Sums(np.zeros(self._width, np.int64))
