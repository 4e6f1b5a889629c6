"""A foil of copper: its absorption edge with the fine structure behind it, as a monochromatic beam sees them."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ronda.simulators.physics.gaussian import FWHM
from ronda.simulators.physics.monochromator import RESOLUTION

EDGE = 8.979
"""Energy of the K edge, in keV."""

EDGE_WIDTH = 0.00155
"""Full width of the 1s level, in keV (M. O. Krause and J. H. Oliver, J. Phys. Chem. Ref. Data 8, 329 (1979))."""

BEFORE, BEHIND = 0.21, 1.50
"""Absorption µt of the foil, 6 µm thick, just before and just behind the edge."""

EXPONENT = 2.7
"""µ falls with this power of the energy; within 7 % of the tables of Elam et al. (2002) from 4.5 to 20 keV."""

NEIGHBOURS, DISTANCE, DISORDER, REDUCTION = 12, 2.556, 0.0085, 0.9
"""The first shell: atoms, distance in Å, mean square displacement σ² in Å², amplitude reduction S0²."""

WAVE_NUMBER = 0.262468
"""k² in 1/Å² for each eV above the edge: 2m/ħ²."""

_REGION = (8.85, 10.6)
_STEP = 4e-6
"""Where, and in which steps of the energy's logarithm, the resolution is taken into account; elsewhere µ is smooth."""


def transmission(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Part of the beam that passes the foil, averaged over the resolution of the monochromator.

    Args:
        energy: in the middle of the band that the monochromator passes, in keV.
    """
    grid, table = _seen()
    logarithm = np.log(energy)
    inside = (logarithm > grid[0]) & (logarithm < grid[-1])
    passes: NDArray[np.float64] = np.where(inside, np.interp(logarithm, grid, table), np.exp(-absorption(energy)))
    return passes


def absorption(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """µt at energies (keV), seen by a perfectly sharp beam."""
    above = energy - EDGE
    edge = 0.5 + np.arctan(above / (EDGE_WIDTH / 2)) / math.pi
    wave_number = np.sqrt(WAVE_NUMBER * 1000 * np.maximum(above, 0.0))
    step = (BEHIND - BEFORE) * edge * (1.0 + fine_structure(wave_number))
    mu: NDArray[np.float64] = (EDGE / energy) ** EXPONENT * (BEFORE + step)
    return mu


def fine_structure(k: NDArray[np.float64]) -> NDArray[np.float64]:
    """χ(k), the EXAFS of the first shell, k in 1/Å: the equation of Stern, Sayers and Lytle.

    Amplitude f(k), in the form of Teo et al., J. Am. Chem. Soc. 99, 3854 (1977), phase φ(k) and mean free path λ(k) are
    fits to what FEFF 6 calculates for the first shell of copper, good from k = 4 to 18; below 3.5 it is faded out.
    """
    k = np.maximum(k, 0.1)
    amplitude = 0.772 / (1.0 + (0.278 * (k - 7.21)) ** 2) * -np.expm1(-((k / 3.5) ** 6))
    phase = -0.553 - 0.774 * k + 0.01133 * k**2 + 39.5 / k**3
    free_path = 0.766 + 0.893 * k + 0.071 * k**2
    damping = np.exp(-2 * DISORDER * k**2 - 2 * DISTANCE / free_path)
    chi: NDArray[np.float64] = (
        NEIGHBOURS * REDUCTION * amplitude / (k * DISTANCE**2) * damping * np.sin(2 * k * DISTANCE + phase)
    )
    return chi


@cache
def _seen() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The transmission on a grid of the energy's logarithm, on which the resolution is the same everywhere."""
    reach = math.ceil(6 * RESOLUTION / FWHM / _STEP)
    distance = np.arange(-reach, reach + 1) * (_STEP * FWHM / RESOLUTION)
    weight = np.exp(-0.5 * distance**2)
    number = math.ceil(math.log(_REGION[1] / _REGION[0]) / _STEP)
    grid = np.asarray(math.log(_REGION[0]) + np.arange(-reach, number + reach) * _STEP, dtype=np.float64)
    passes: NDArray[np.float64] = np.convolve(np.exp(-absorption(np.exp(grid))), weight / weight.sum(), "valid")
    return grid[reach : reach + passes.size], passes
