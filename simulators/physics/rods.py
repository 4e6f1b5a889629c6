"""A sample that turns: glass rods upright on the sample holder, as a camera behind it sees them.

A rod is a cylinder along the rotation's axis, so its projection is the same at each height: at the distance x from the
axis the beam passes a chord of 2 √(r² − (x − x₀)²), x₀ = u cos φ − v sin φ being where the rod's middle is seen at the
angle φ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIDDLE = 18.0
"""Where on the holder the rotation's axis is, horizontally, in mm; the rods are farther than `REACH` from all else."""

REACH = 0.16
"""Farther from the axis there is nothing, in mm."""


@dataclass(frozen=True, slots=True)
class Rod:
    """One of them.

    Attributes:
        place: its middle (u, v) as seen from the axis, in mm; u across the beam and v along it at the angle 0.
        radius: in mm.
        absorption: µ, in 1/mm.
    """

    place: tuple[float, float]
    radius: float
    absorption: float


RODS = (Rod((0.0, 0.0), 0.03, 6.0), Rod((0.09, 0.02), 0.04, 4.0), Rod((-0.05, -0.08), 0.02, 12.0))


def absorbed(x: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """µt, the logarithm of the full over the transmitted intensity.

    Args:
        x: distance from the rotation's axis across the beam, in mm.
        angle: of the rotation, in deg.
    """
    turned = np.deg2rad(angle)
    total: NDArray[np.float64] = np.zeros_like(x)
    for rod in RODS:
        seen = rod.place[0] * np.cos(turned) - rod.place[1] * np.sin(turned)
        total += 2 * rod.absorption * np.sqrt(np.maximum(rod.radius**2 - (x - seen) ** 2, 0.0))
    return total
