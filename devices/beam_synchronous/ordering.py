"""Messages in the order of their pulse ids: which are missing, came twice, or so late that their place is past."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

from ronda.devices.beam_synchronous.contract import Message

HOLD = 0.2
"""Longest time in s for which messages wait for one before them."""

MOST_HELD = 32
"""Most messages that wait."""

REMEMBERED = 4096
"""Pulse ids of which a second message is known as such."""


class Released(NamedTuple):
    """A message whose turn has come.

    Attributes:
        message: as it came.
        missing: messages that did not come between the one before and this one.
        late: whether messages of later pulses were released before it.
        doubled: whether a message of this pulse was released before.
    """

    message: Message
    missing: int = 0
    late: bool = False
    doubled: bool = False


class Ordering:
    """Puts messages into order.

    Ids that fall while times rise are those of a timing system that was set: they are counted from there.

    Args:
        step: by how much the pulse id rises from one to the next.

    Attributes:
        received: messages that came.
        missing: messages that did not; one that comes late is none.
        doubled: messages that came again.
        swapped: messages that came behind a later one, and were put into their place.
        late: messages that came when their place was past.
    """

    def __init__(self, step: int) -> None:
        self.received = self.missing = self.doubled = self.swapped = self.late = 0
        self._step = step
        self._last: int | None = None
        self._time = -math.inf
        self._highest = -1
        self._held: dict[int, tuple[Message, float]] = {}
        self._known: set[int] = set()
        self._order: deque[int] = deque()

    def add(self, message: Message, now: float) -> list[Released]:
        """A message came at a time (s of any clock that does not go back); returns those whose turn has come."""
        pulse = message.pulse
        self.received += 1
        found: list[Released] = []
        if self._last is not None and pulse <= self._last and message.time > self._time:
            found = self._release(now, everything=True)  # the timing system counts anew
            self._last, self._highest = None, -1
            self._known.clear()
            self._order.clear()
        if pulse in self._known or pulse in self._held:
            self.doubled += 1
            return [Released(message, doubled=True)]
        if self._last is not None and pulse < self._last:
            self.late += 1
            self.missing = max(self.missing - 1, 0)
            self._remember(pulse)
            return [Released(message, late=True)]
        self.swapped += pulse < self._highest
        self._highest = max(self._highest, pulse)
        self._held[pulse] = message, now
        return found + self._release(now)

    def due(self, now: float) -> list[Released]:
        """Those that have waited long enough for one that does not come."""
        return self._release(now)

    def _release(self, now: float, *, everything: bool = False) -> list[Released]:
        found = []
        while self._held:
            pulse = min(self._held)
            message, came = self._held[pulse]
            next_one = self._last is None or pulse <= self._last + self._step
            if not (next_one or everything or now - came > HOLD or len(self._held) > MOST_HELD):
                break
            del self._held[pulse]
            missing = 0 if self._last is None else max((pulse - self._last) // self._step - 1, 0)
            self.missing += missing
            self._last, self._time = pulse, message.time
            self._remember(pulse)
            found.append(Released(message, missing))
        return found

    def _remember(self, pulse: int) -> None:
        self._known.add(pulse)
        self._order.append(pulse)
        if len(self._order) > REMEMBERED:
            self._known.discard(self._order.popleft())
