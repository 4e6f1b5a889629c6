"""What a scan costs beside motion and exposure, as the last scans have shown."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median_low

from ronda.framework.scan.durations import Durations

KEPT = 5
"""So many of the last scans count."""


@dataclass
class Typical:
    """What something takes, in s: the middle of the latest values, so that one of them, from a scan during which the
    computer was busy, or from the first one of a program, which connects to everything, says nothing.

    Attributes:
        first: what is supposed before anything is known.
    """

    first: float
    latest: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))

    @property
    def value(self) -> float:
        """The middle one; of two the smaller."""
        return median_low([self.first, *self.latest])


@dataclass
class Pace:
    """Overheads, of `KEPT` scans at most.

    Attributes:
        motion: of each motion, beyond what the axes need.
        point: of each point: setup and readout.
        scan: of each scan: preparation and end.
    """

    motion: Typical = field(default_factory=lambda: Typical(0.02))
    point: Typical = field(default_factory=lambda: Typical(0.006))
    scan: Typical = field(default_factory=lambda: Typical(0.1))

    def learn(self, spent: Durations, motions: int, points: int, motion: float, whole: float) -> None:
        """Take what a scan has shown.

        Args:
            spent: where its time went.
            motions, points: how many there were.
            motion: s that its axes needed by their velocities.
            whole: s from its begin to its end.
        """
        if motions:
            self.motion.latest.append(max((spent.motion - motion) / motions, 0.0))
        if points:
            self.point.latest.append((spent.setup + spent.readout) / points)
        self.scan.latest.append(max(whole - spent.dead - spent.exposure - spent.waiting, 0.0))
