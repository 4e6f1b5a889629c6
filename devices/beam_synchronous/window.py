"""The pulses of one point: those stamped between its begin and its end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ronda.devices.beam_synchronous.contract import COUNT, DOUBLED, FIRST, LAST, MISSING


class Window:
    """Sums over the pulses of a point.

    Args:
        index: of the point; −1 outside of scans.
        begin, end: the first moment that belongs to it and the first behind it, in s since 1970 by the clock that
            stamps pulses.

    Attributes:
        count, missing, doubled: pulses of which a message came, and none came, and messages that came again.
        complete: whether a pulse behind it came, or nobody waits any more.
    """

    def __init__(self, index: int, begin: float, end: float) -> None:
        self.index, self.begin, self.end = index, begin, end
        self.count = self.missing = self.doubled = 0
        self.complete = False
        self._pulses: list[int] = []
        self._sums: dict[str, float] = {}
        self._good: dict[str, int] = {}

    def holds(self, time: float) -> bool:
        """Whether a pulse of this time belongs to it."""
        return self.begin <= time < self.end

    def add(self, pulse: int, values: Mapping[str, float]) -> None:
        """A pulse that belongs to it."""
        self.count += 1
        self._pulses.append(pulse)
        for name, value in values.items():
            if math.isfinite(value):
                self._sums[name] = self._sums.get(name, 0.0) + value
                self._good[name] = self._good.get(name, 0) + 1

    def miss(self, count: int, before: float, after: float) -> None:
        """So many pulses are missing between two times of pulses; those that would belong to it are counted."""
        step = (after - before) / (count + 1)
        if step > 0:
            first = max(math.ceil((self.begin - before) / step), 1)
            last = min(math.ceil((self.end - before) / step) - 1, count)
            self.missing += max(last - first + 1, 0)

    def numbers(self, names: Sequence[str]) -> dict[str, float]:
        """What the counters show: numbers of pulses, first and last pulse id, and means; NaN without pulses.

        Args:
            names: of the numbers of each pulse.
        """
        found: dict[str, float] = {
            COUNT: self.count,
            MISSING: self.missing,
            DOUBLED: self.doubled,
            FIRST: float(min(self._pulses, default=math.nan)),
            LAST: float(max(self._pulses, default=math.nan)),
        }
        return found | {
            name: self._sums[name] / self._good[name] if self._good.get(name) else math.nan for name in names
        }
