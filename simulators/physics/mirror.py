"""The mirror m1, which steers the beam up and down."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ronda.simulators.physics.course import positions
from ronda.simulators.physics.stage import Stage

NOMINAL = 3.0
"""Pitch at which the beam hits the middle of everything behind the mirror, in mrad."""

LEVER = 24.0
"""How far the spot at the sample and at the camera goes up for each mrad of pitch, in mm: twice the 12 m from there."""


class Mirror:
    """A mirror on the stage `m1pitch` (mrad)."""

    finest: Mapping[str, float] = {"m1pitch": 1e-4}

    def __init__(self, stages: Mapping[str, Stage]) -> None:
        self._stages = stages

    def lift(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far it moves the spot up, in mm, at each time; one value while it stands."""
        return LEVER * (positions(self._stages, "m1pitch", times, NOMINAL) - NOMINAL)
