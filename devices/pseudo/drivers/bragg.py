"""Photon energy and Bragg angle of a crystal monochromator."""

from __future__ import annotations

import numpy as np

from ronda.devices.pseudo.contract import Calculation, CalculationParameters, Positions
from ronda.framework.config.parameters import parameter

HC = 12.398419843320026
"""h·c in keV·Å, exact in the SI of 2019: 6.62607015e-34 J·s × 299792458 m/s / 1.602176634e-19 C × 1e7."""


class BraggParameters(CalculationParameters):
    """A crystal monochromator."""

    d_spacing: float = parameter(
        "Distance of the crystal's lattice planes; 3.1356 for Si(111), 1.6375 for Si(311)", unit="angstrom", gt=0
    )


class Bragg(Calculation):
    """Bragg's law, energy = h·c / (2 d sin θ): `angle` in degrees, `energy` in keV.

    Source: X-ray Data Booklet, section 3.1 (Lawrence Berkeley National Laboratory, 2009).
    """

    Parameters = BraggParameters
    real = ("angle",)
    pseudo = ("energy",)

    def to_pseudo(self, real: Positions) -> Positions:
        """The energy that is reflected at an angle between 0 and 90 degrees."""
        angle = np.where((real["angle"] > 0) & (real["angle"] <= 90), real["angle"], np.nan)
        return {"energy": HC / (2 * self.parameters.d_spacing * np.sin(np.radians(angle)))}

    def to_real(self, pseudo: Positions, real: Positions) -> Positions:
        """The angle; there is none for energies below h·c / 2 d."""
        energy = np.where(pseudo["energy"] > 0, pseudo["energy"], np.nan)
        with np.errstate(invalid="ignore"):
            return {"angle": np.degrees(np.arcsin(HC / (2 * self.parameters.d_spacing * energy)))}
