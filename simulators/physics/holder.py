"""The sample holder in the beam: how much of a Gaussian spot passes it."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ronda.simulators.physics import copper_foil, pattern
from ronda.simulators.physics.gaussian import FWHM, between

WIDTH, HEIGHT = 0.30, 0.10
"""Full widths at half maximum of the spot on the sample, horizontally and vertically, in mm."""

PINHOLE = (0.137, -0.082)
"""Centre of the pinhole on the holder (y, z), in mm."""

PINHOLE_RADIUS = 0.025
"""In mm."""

PLATE = 3.0
"""Half of the side of the square opaque plate, around (0, 0), that has the pinhole in it; in mm."""

COPPER = (6.0, 0.0)
"""Middle of the copper foil on the holder (y, z), in mm."""

COPPER_HALF = 2.0
"""Half of the side of that square foil, in mm."""


def transmission(y: NDArray[np.float64], z: NDArray[np.float64], energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fraction of the beam that passes the holder.

    Args:
        y: where on the holder the middle of the spot is, horizontally, in mm.
        z: the same vertically; of the same shape.
        energy: of the beam, in keV.
    """
    passes = 1.0 - _on_square(y, z, PLATE)
    if _near(y, z, PLATE):
        passes = passes + through_pinhole(y - PINHOLE[0], z - PINHOLE[1])
    if _near(y - COPPER[0], z - COPPER[1], COPPER_HALF):
        on_copper = _on_square(y - COPPER[0], z - COPPER[1], COPPER_HALF)
        passes = passes - on_copper * (1.0 - copper_foil.transmission(energy))
    if _near(y - pattern.MIDDLE[0], z - pattern.MIDDLE[1], pattern.REACH):
        passes = passes - pattern.absorbed(y - pattern.MIDDLE[0], z - pattern.MIDDLE[1], WIDTH, HEIGHT, energy)
    return np.clip(passes, 0.0, 1.0)


def through_pinhole(y: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fraction of the beam that passes the pinhole, the middle of the spot being (y, z) mm from its centre."""
    node_y, node_z, weight = _pinhole_nodes()
    sigma_y, sigma_z = WIDTH / FWHM, HEIGHT / FWHM
    exponent = ((y[:, None] - node_y) / sigma_y) ** 2 + ((z[:, None] - node_z) / sigma_z) ** 2
    density: NDArray[np.float64] = np.exp(-0.5 * exponent) / (2 * math.pi * sigma_y * sigma_z)
    return density @ weight


def _on_square(y: NDArray[np.float64], z: NDArray[np.float64], half: float) -> NDArray[np.float64]:
    """Fraction of the beam on a square around the origin."""
    return between(-half - y, half - y, WIDTH) * between(-half - z, half - z, HEIGHT)


def _near(y: NDArray[np.float64], z: NDArray[np.float64], half: float) -> bool:
    """Whether any of the spots touches a square around the origin."""
    return bool(np.any((np.abs(y) < half + 3 * WIDTH) & (np.abs(z) < half + 3 * HEIGHT)))


@cache
def _pinhole_nodes() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Points on the disk and their weights (mm²), for integrals of functions smooth over the pinhole.

    Gauss-Legendre in the square of the radius, equal steps in angle: exact for polynomials up to degree 7.
    """
    abscissa, share = np.polynomial.legendre.leggauss(4)
    radius = PINHOLE_RADIUS * np.sqrt((abscissa + 1) / 2)
    angle = np.arange(8) * (2 * math.pi / 8)
    weight = np.repeat(share / 2 / angle.size, angle.size) * (math.pi * PINHOLE_RADIUS**2)
    return (
        np.outer(radius, np.cos(angle)).ravel(),
        np.outer(radius, np.sin(angle)).ravel(),
        weight,
    )
