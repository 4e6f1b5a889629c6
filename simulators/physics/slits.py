"""The slits s1: four blades that cut a Gaussian beam."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ronda.simulators.physics.course import positions
from ronda.simulators.physics.gaussian import between
from ronda.simulators.physics.stage import Stage

WIDTH, HEIGHT = 1.2, 0.8
"""Full widths at half maximum of the beam at the slits, horizontally and vertically, in mm."""

MIDDLE = (-0.21, 0.12)
"""Middle of the beam there: horizontally (to the left, seen along the beam), vertically (up), in mm."""

FINEST = {"s1u": 0.01, "s1d": 0.01, "s1l": 0.01, "s1r": 0.01}
"""Farthest that each blade moves between two samples of an integral, in mm."""

OPEN = 5.0
"""Where a blade is that nobody can move, in mm."""


class Slits:
    """Transmission of the blades `s1u s1d s1l s1r`, whose positions are positive outward."""

    finest = FINEST

    def __init__(self, stages: Mapping[str, Stage]) -> None:
        self._stages = stages

    def transmission(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Part of the beam that passes; blades that overlap let nothing through."""
        up, down, left, right = (positions(self._stages, name, times, OPEN) for name in FINEST)
        horizontal = between(-right - MIDDLE[0], left - MIDDLE[0], WIDTH)
        return horizontal * between(-down - MIDDLE[1], up - MIDDLE[1], HEIGHT)
