"""Points of a continuous scan at software triggers; the one in hand is finished when the scan is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from ronda.framework.errors import RondaError
from ronda.framework.scan.points import Points
from ronda.framework.scan.sweeping import SLICE, Parts, Sweeping
from ronda.framework.stream.trigger import TriggerLine

LONGEST_IN_HAND = 1.0
"""Exposure time in s up to which a point in hand is finished when a scan is stopped, and longest wait beyond it."""


@dataclass(frozen=True)
class InHand:
    """A point that was triggered and is not published yet.

    Attributes:
        index: in the scan.
        fired: when it was triggered, in s since 1970.
        slow: where the slow axes stand.
        places: by axis, where it is at a time (s since 1970).
        until: when it must have ended to be valid, in s since 1970.
    """

    index: int
    fired: float
    slow: tuple[float, ...]
    places: Mapping[str, Callable[[float], float]]
    until: float


class SoftwarePoints(Sweeping):
    """What all loops share that trigger points by software.

    Args:
        parts: as for all.
        line: triggers the devices.
        points: sees that they have measured.
    """

    def __init__(self, parts: Parts, line: TriggerLine, points: Points) -> None:
        super().__init__(parts)
        self._line = line
        self._points = points
        self._zero = 0.0
        self._in_hand: InHand | None = None
        self._exposure = self._continuous.exposure
        """Seconds for which each point is measured."""

    def end_motion(self) -> None:
        """The scan was stopped: devices finish the point in hand if it is short, and we tell of it: it has no gaps."""
        super().end_motion()
        point = self._in_hand
        if point is None or self._exposure > LONGEST_IN_HAND:
            return
        deadline = time.monotonic() + self._exposure + LONGEST_IN_HAND
        with suppress(RondaError):  # a device that has failed says so elsewhere
            while time.monotonic() < deadline and not self._points.there(point.index, SLICE):
                pass
            if self._points.there(point.index, 0.0):
                self._finish_point(point)

    def _fire(self, index: int, places: Mapping[str, Callable[[float], float]], *, until: float) -> InHand:
        """Trigger a point.

        Args:
            places: by axis, where it is at a time (s since 1970).
            until: when the point must have ended to be valid, in s since 1970.
        """
        self._line.fire(index, point=index)
        point = self._in_hand = InHand(index, time.time(), self._slow, places, until)
        self._zero = self._zero or point.fired
        return point

    def _finish_point(self, point: InHand) -> dict[str, Any]:
        """All devices have measured the point in hand: publish where axes were; returns that, by channel."""
        exposure, steering = self._exposure, self._parts.steering
        ends = {
            name: (np.array([at(point.fired)]), np.array([at(point.fired + exposure)]))
            for name, at in point.places.items()
        }
        spoilt = steering.looks_wrong()
        steering.spoiled += spoilt
        block = self._own_block(
            point.slow,
            point.index,
            ends,
            np.array([point.fired - self._zero]),
            np.array([exposure]),
            np.array([point.fired + exposure < point.until and not spoilt], np.uint8),
        )
        self._in_hand = None
        self._parts.own.publish_block(block, times=[point.fired], first=point.index)
        return {name: found[0].item() for name, found in block.items()}
