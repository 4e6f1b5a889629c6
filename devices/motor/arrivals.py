"""When to look at axes that move: once they should stand, and closely then."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ronda.devices.motor.contract import Channel

ARRIVAL_PERIOD = 0.0002
"""Seconds between two looks at an axis that should have arrived."""

ARRIVAL_TIME = 0.02
"""Seconds for which it is looked at so closely."""

SPARED = 0.001
"""Seconds by which a look may come later than the period when the axis should arrive just then."""

EARLIEST, LATEST = -0.0001, 0.001
"""Seconds from the computed end of a motion to the first look. A question is on its way for a while; and controllers
begin late, and say so later still."""

TOO_EARLY = 0.00002
"""Seconds by which the next first look comes later if an axis still moved: one in vain costs more than a late one."""

IN_TIME = TOO_EARLY / 8
"""Seconds by which it comes earlier if it stood, so one look in nine is in vain."""

ON_TIME = 0.0001
"""A look that comes later than that, in s, because the machine is busy, says nothing if the axis stands."""


@dataclass(slots=True)
class _End:
    """The end of a motion: when it should be (time.monotonic), and whether it is still to be looked at."""

    time: float
    expected: bool = True


class Arrivals:
    """The motions of one controller's axes. What it takes from the computed end of a motion until an axis says that it
    stands is learnt for each axis."""

    def __init__(self) -> None:
        """Nothing moves."""
        self._ends: dict[Channel, _End] = {}
        self._lateness: dict[Channel, float] = {}

    def expect(self, channel: Channel, end: float) -> None:
        """A motion has begun that should end then (time.monotonic); infinite if nobody knows."""
        self._ends[channel] = _End(end + self._lateness.get(channel, EARLIEST))

    def forget(self, channel: Channel) -> None:
        """Nobody knows any more when it ends: it was stopped."""
        self._ends.pop(channel, None)

    def clear(self) -> None:
        """Nothing moves."""
        self._ends.clear()

    def seen(self, channel: Channel, when: float, *, moving: bool) -> None:
        """Learn from a look at that time (time.monotonic), the first one since an axis should stand."""
        end = self._ends.get(channel)
        if end is None or not end.expected or when < end.time:
            return
        end.expected = False
        late = self._lateness.get(channel, EARLIEST)
        if moving:
            self._lateness[channel] = min(late + TOO_EARLY, LATEST)
        elif when < end.time + ON_TIME:
            self._lateness[channel] = max(late - IN_TIME, EARLIEST)

    def pause(self, moving: Iterable[Channel], now: float, period: float) -> float:
        """Seconds until the next look at axes: the period, but when one should arrive then, and close looks."""
        pause = math.inf
        for channel in moving:
            end = self._ends.get(channel)
            left = -math.inf if end is None else end.time - now
            if 0.0 < left <= period + SPARED:  # a look just before would be in the way of the one that counts
                pause = min(pause, left)
            else:
                pause = min(pause, period, ARRIVAL_PERIOD if -ARRIVAL_TIME < left <= 0.0 else math.inf)
        return min(pause, period + SPARED)
