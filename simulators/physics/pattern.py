"""The test pattern on the sample holder: squares of four metals, for maps and for edges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ronda.simulators.physics.gaussian import between

MIDDLE = (12.0, 0.0)
"""Middle of the pattern on the holder (y, z), in mm."""

HALF = 0.4
"""Half of the side of each square, in mm."""

EXPONENT = 2.7
"""Absorption falls with this power of the energy; within 7 % of the tables of Elam et al. from 4.5 to 20 keV."""


@dataclass(frozen=True, slots=True)
class Square:
    """A square of a metal, 1 µm thick.

    Attributes:
        place: its middle from that of the pattern (y, z), in mm.
        edge: its K edge, in keV.
        width: natural width of the 1s level, in keV.
        before, behind: absorption µt just before and just behind the edge.
    """

    place: tuple[float, float]
    edge: float
    width: float
    before: float
    behind: float

    def absorption(self, energy: NDArray[np.float64]) -> NDArray[np.float64]:
        """µt at energies (keV)."""
        step = 0.5 + np.arctan((energy - self.edge) / (self.width / 2)) / math.pi
        absorption: NDArray[np.float64] = (self.edge / energy) ** EXPONENT * (
            self.before + (self.behind - self.before) * step
        )
        return absorption


SQUARES: Mapping[str, Square] = {
    "Fe": Square((0.5, 0.5), 7.112, 0.00125, 0.0418, 0.3202),
    "Ni": Square((-0.5, 0.5), 8.333, 0.00144, 0.0395, 0.2932),
    "Cu": Square((0.5, -0.5), 8.979, 0.00155, 0.0343, 0.2493),
    "Zn": Square((-0.5, -0.5), 9.659, 0.00167, 0.0250, 0.1810),
}
"""The squares by their metal.

Absorption: W. T. Elam, B. D. Ravel, J. R. Sieber, Radiat. Phys. Chem. 63, 121 (2002). Widths of levels: M. O. Krause,
J. H. Oliver, J. Phys. Chem. Ref. Data 8, 329 (1979).
"""

REACH = 0.5 + HALF
"""How far the pattern reaches from its middle, in mm."""


def coverage(
    y: NDArray[np.float64], z: NDArray[np.float64], width: float, height: float
) -> dict[str, NDArray[np.float64]]:
    """The part of a spot that hits each metal.

    Args:
        y, z: middle of the spot, from that of the pattern, in mm.
        width, height: full widths at half maximum of the spot, in mm.
    """
    return {
        metal: between(square.place[0] - HALF - y, square.place[0] + HALF - y, width)
        * between(square.place[1] - HALF - z, square.place[1] + HALF - z, height)
        for metal, square in SQUARES.items()
    }


def absorbed(
    y: NDArray[np.float64], z: NDArray[np.float64], width: float, height: float, energy: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The part of a beam of an energy (keV) that the pattern takes away; see `coverage` for the rest."""
    parts = [
        covered * -np.expm1(-SQUARES[metal].absorption(energy))
        for metal, covered in coverage(y, z, width, height).items()
    ]
    total: NDArray[np.float64] = np.sum(parts, axis=0)
    return total
