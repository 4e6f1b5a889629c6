"""What an output makes of the values that it is given: limits, slew rate, steps."""

from __future__ import annotations

import math


class Limiter:
    """Brings values into limits, slows them down, and rounds them.

    Args:
        low, high: limits.
        slew_rate: fastest change per second; None for any.
        step: values are multiples of it; None for any.
    """

    def __init__(self, low: float, high: float, slew_rate: float | None = None, step: float | None = None) -> None:
        self.low, self.high = low, high
        self.slew_rate, self.step = slew_rate, step
        self._last: tuple[float, float] | None = None

    def at(self, value: float, now: float) -> None:
        """Learn where the output is; NaN if nobody knows."""
        self._last = None if math.isnan(value) else (value, now)

    def limited(self, value: float, now: float) -> float:
        """What the output can be at a time in s, not yet rounded."""
        value = min(max(value, self.low), self.high)
        if self.slew_rate is not None and self._last is not None:
            before, when = self._last
            reach = self.slew_rate * max(now - when, 0.0)
            value = min(max(value, before - reach), before + reach)
        self._last = value, now
        return value

    def rounded(self, value: float) -> float:
        """The nearest multiple of the step within the limits."""
        if self.step is None:
            return value
        found = round(value / self.step) * self.step
        if found > self.high:
            found = math.floor(self.high / self.step) * self.step
        if found < self.low:
            found = math.ceil(self.low / self.step) * self.step
        return found
