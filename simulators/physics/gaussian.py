"""The Gaussian profile of beams and resolutions: what of it lies between two edges."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FWHM = 2 * math.sqrt(2 * math.log(2))
"""Full width at half maximum of a Gaussian, in units of its standard deviation."""


def bell(distance: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Height of a Gaussian of this full width at half maximum, 1 in its middle, at a distance from there."""
    height: NDArray[np.float64] = np.exp(-0.5 * (distance * (FWHM / width)) ** 2)
    return height


def between(low: NDArray[np.float64] | float, high: NDArray[np.float64] | float, width: float) -> NDArray[np.float64]:
    """The part of a Gaussian that lies between two edges; nothing where they overlap.

    Args:
        low, high: the edges' distances from its middle.
        width: its full width at half maximum, in the same unit.
    """
    part: NDArray[np.float64] = np.maximum(_below(high, width) - _below(low, width), 0.0)
    return part


def _below(edge: NDArray[np.float64] | float, width: float) -> NDArray[np.float64]:
    scaled = np.atleast_1d(np.asarray(edge) * (FWHM / (width * math.sqrt(2))))
    return np.array([0.5 * (1.0 + math.erf(value)) for value in scaled.tolist()])
