"""An electric signal that is set now and then: its value at any time."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

REMEMBERED_CHANGES = 1000
"""How far back the values of a signal are known."""


class Signal:
    """A value that stays until another is set.

    Args:
        value: at first.
    """

    def __init__(self, value: float = 0.0) -> None:
        self._changes = deque([(float("-inf"), value)], REMEMBERED_CHANGES)

    @property
    def latest(self) -> tuple[float, float]:
        """The latest change: when, and to which value."""
        return self._changes[-1]

    def set(self, value: float, time: float) -> None:
        """Take another value from a time on."""
        if value != self._changes[-1][1]:
            self._changes.append((time, value))

    def value(self, time: float) -> float:
        """What it is at a time."""
        return next((value for since, value in reversed(self._changes) if since <= time), self._changes[0][1])

    def values(self, times: Sequence[float]) -> list[float]:
        """What it is at each of rising times; one value if it stays the same all the while."""
        if self._changes[-1][0] <= times[0]:
            return [self._changes[-1][1]]
        return [self.value(time) for time in times]

    def changes(self, start: float, end: float) -> list[float]:
        """When it changed between two times."""
        if self._changes[-1][0] <= start:
            return []
        return [since for since, _ in self._changes if start < since < end]
