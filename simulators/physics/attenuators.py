"""Aluminium foils on two wheels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ronda.simulators.physics.course import positions
from ronda.simulators.physics.gaussian import between
from ronda.simulators.physics.stage import Stage

WHEELS = ("att1", "att2")
"""The stages (deg) that turn the wheels."""

FOILS = (0.0, 25.0, 50.0, 100.0, 200.0, 400.0)
"""Thickness of the foils of each wheel, in µm: at 0, 60, 120, 180, 240 and 300 deg."""

PITCH = 360.0 / len(FOILS)
"""From one foil to the next, in deg."""

WINDOW = 12.0
"""How far a wheel may be off a foil's place before the frame stops the beam, in deg."""

BEAM = 2.3
"""Full width at half maximum of the beam there, 1.2 mm at a radius of 30 mm, in deg."""

DENSITY = 2.699
"""Of aluminium, in g/cm³."""

ABSORPTION = {
    4.0: 360.5,
    5.0: 193.4,
    6.0: 115.3,
    8.0: 50.33,
    10.0: 26.23,
    15.0: 7.955,
    20.0: 3.441,
    30.0: 1.128,
}
"""Mass attenuation coefficient of aluminium (cm²/g) by energy (keV).

J. H. Hubbell and S. M. Seltzer, Tables of X-Ray Mass Attenuation Coefficients, NIST standard reference database 126.
"""

_LOG_ENERGIES = np.log(list(ABSORPTION))
_LOG_COEFFICIENTS = np.log(list(ABSORPTION.values()))


def coefficient(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear attenuation coefficient of aluminium at energies (keV), in 1/µm: straight lines between logarithms."""
    per_cm = DENSITY * np.exp(np.interp(np.log(energy), _LOG_ENERGIES, _LOG_COEFFICIENTS))
    per_micrometre: NDArray[np.float64] = 1e-4 * per_cm
    return per_micrometre


class Attenuators:
    """The two wheels; one that nobody can turn is not there."""

    finest: Mapping[str, float] = dict.fromkeys(WHEELS, 0.2)

    def __init__(self, stages: Mapping[str, Stage]) -> None:
        self._stages = stages

    def transmission(self, times: NDArray[np.float64], energy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Part of the beam that passes both wheels; energies in keV."""
        passes = np.ones(1)
        for name in WHEELS:
            if name in self._stages:
                passes = passes * _wheel(positions(self._stages, name, times, 0.0), energy)
        return passes


def _wheel(angle: NDArray[np.float64], energy: NDArray[np.float64]) -> NDArray[np.float64]:
    place = np.round(angle / PITCH)
    off = angle - place * PITCH
    thickness = np.array(FOILS)[place.astype(int) % len(FOILS)]
    passes: NDArray[np.float64] = between(-WINDOW - off, WINDOW - off, BEAM) * np.exp(-coefficient(energy) * thickness)
    return passes
