"""What a scan costs beside motion and exposure, as the last scans have shown."""

from __future__ import annotations

from dataclasses import dataclass

from ronda.framework.scan.durations import Durations

WEIGHT = 0.5
"""How much the latest scan counts against those before."""


@dataclass
class Pace:
    """Overheads in s.

    Attributes:
        motion: of each motion, beyond what the axes need.
        point: of each point: setup and readout.
        scan: of each scan: preparation and end.
    """

    motion: float = 0.02
    point: float = 0.006
    scan: float = 0.1

    def learn(self, spent: Durations, motions: int, points: int, motion: float, whole: float) -> None:
        """Take what a scan has shown.

        Args:
            spent: where its time went.
            motions, points: how many there were.
            motion: s that its axes needed by their velocities.
            whole: s from its begin to its end.
        """
        if motions:
            self.motion += WEIGHT * (max((spent.motion - motion) / motions, 0.0) - self.motion)
        if points:
            self.point += WEIGHT * ((spent.setup + spent.readout) / points - self.point)
        rest = whole - spent.dead - spent.exposure - spent.waiting
        self.scan += WEIGHT * (max(rest, 0.0) - self.scan)
