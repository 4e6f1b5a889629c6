"""What a loop did of late, for the history spectra: a bounded number of points over a fixed time."""

from __future__ import annotations

import math
from collections import deque

POINTS = 1000
"""Most points that a history holds."""


class History:
    """Rows of time, input, working setpoint and output.

    Args:
        span: time that it covers, in s; rows that come faster than this allows are left out.
    """

    def __init__(self, span: float) -> None:
        self._period = span / POINTS
        self._rows: deque[tuple[float, float, float, float]] = deque(maxlen=POINTS)
        self._next = -math.inf

    def add(self, now: float, measured: float, setpoint: float, output: float) -> None:
        """Take a row; `now` in s since 1970."""
        if now >= self._next:
            self._next = now + 0.999 * self._period  # clocks jitter
            self._rows.append((now, measured, setpoint, output))

    def column(self, index: int) -> list[float]:
        """One of the columns."""
        return [row[index] for row in list(self._rows)]
