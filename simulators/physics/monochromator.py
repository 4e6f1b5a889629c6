"""The double-crystal monochromator: the energy of the beam, and how well its second crystal is aligned."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ronda.simulators.physics.course import positions
from ronda.simulators.physics.gaussian import bell
from ronda.simulators.physics.signal import Signal
from ronda.simulators.physics.stage import Stage

HC = 12.398419843320026
"""Planck's constant times the speed of light, in keV Å (exact in the SI of 2019)."""

SPACING = 3.1356
"""Spacing of the lattice planes of Si(111), in Å."""

RESOLUTION = 1.4e-4
"""Full width at half maximum of the energies that it passes, as a fraction of the energy."""

LOWEST, HIGHEST = 4.4, 20.5
"""Energies that the source and the crystals give, in keV: a little more than the 4.5 to 20 that they are made for."""

MISCALIBRATION = 0.0032
"""How much lower the energy is than the angle of the goniometer says, at 8.979 keV, in keV."""

ROCKING_WIDTH = 45.0
"""Full width at half maximum of the rocking curve, in µrad of the second crystal's pitch."""

DRIFT = 15.0
"""How far the best pitch moves while the first crystal becomes warm, in µrad."""

DRIFT_TIME = 600.0
"""Time constant of that, from the start of the world on, in s."""

PIEZO = 5.0
"""What one volt at the piezo adds to the second crystal's pitch, in µrad/V."""

GLITCHES = (9.215, 9.340)
"""Energies at which other reflections take a part of the beam away, in keV."""

GLITCH_DEPTH = 0.03
GLITCH_WIDTH = 0.003
"""The part that they take, and the full width at half maximum of such a glitch, in keV."""

WITHOUT_BRAGG = 10.0
"""Energy of a beamline whose monochromator nobody can turn, in keV."""


def angle_of(energy: float) -> float:
    """Bragg angle for an energy (keV), in deg."""
    return math.degrees(math.asin(HC / (2 * SPACING * energy)))


MOUNTING = angle_of(8.979 - MISCALIBRATION) - angle_of(8.979)
"""Angle of the crystal when the goniometer, the stage `bragg`, stands at 0; in deg."""


class Monochromator:
    """Si(111) on the stage `bragg` (deg), with a second crystal on the stage `pitch2` (µrad).

    Args:
        stages: all stages, by name.
        piezo: voltage (V) at the piezo of the second crystal.
    """

    finest: Mapping[str, float] = {"bragg": 2e-4, "pitch2": 1.0}

    def __init__(self, stages: Mapping[str, Stage], piezo: Signal) -> None:
        self._stages = stages
        self._piezo = piezo

    def energy(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Energy in the middle of what it passes, in keV, at each time; one value while the crystals stand."""
        angle = positions(self._stages, "bragg", times, angle_of(WITHOUT_BRAGG) - MOUNTING) + MOUNTING
        sine = np.sin(np.radians(angle))
        # at an angle of 0 or less nothing is reflected, which is an energy that nothing has
        return np.divide(HC / (2 * SPACING), sine, out=np.full_like(sine, np.inf), where=sine > 0)

    def best_pitch(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """The pitch of the second crystal at which most passes, in µrad."""
        drift: NDArray[np.float64] = DRIFT * -np.expm1(-np.maximum(times, 0.0) / DRIFT_TIME)
        return drift

    def pitch(self, times: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Pitch of the second crystal, in µrad, at each time; one value while it stands, None if nobody can turn it."""
        if "pitch2" not in self._stages:
            return None
        return positions(self._stages, "pitch2", times, 0.0) + PIEZO * np.array(self._piezo.values(times.tolist()))

    def transmission(self, energy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Part of the beam of an energy (keV) that passes well aligned crystals."""
        passes = ((energy >= LOWEST) & (energy <= HIGHEST)).astype(float)
        for glitch in GLITCHES:
            passes = passes * (1.0 - GLITCH_DEPTH * bell(energy - glitch, GLITCH_WIDTH))
        return passes

    def rocking(self, pitch: NDArray[np.float64] | None, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Part of the beam that the second crystal passes at each time, 1 at the best pitch."""
        return np.ones(1) if pitch is None else bell(pitch - self.best_pitch(times), ROCKING_WIDTH)

    def crystal_temperature(self, time: float) -> float:
        """Temperature of the first crystal, in K: its warming is what lets the best pitch drift."""
        return 295.0 + 3.0 * -math.expm1(-max(time, 0.0) / DRIFT_TIME)
