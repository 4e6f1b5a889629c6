"""Where a smooth function of several variables has its extreme, from values with noise: by a paraboloid."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

PART = 0.5
"""Part of the difference from the best to the worst value within which points say how the extreme is bent."""

STEP = 1e-6
"""Part of a coefficient's error by which it is changed to see what becomes of the extreme."""


def extreme(x: Array, y: Array) -> tuple[Array, Array] | None:
    """The minimum of the paraboloid through the lower points, and its standard deviations.

    Least squares of y = c + g·x + x·H·x/2; the minimum is at −H⁻¹g. The scatter around the paraboloid says how
    uncertain its coefficients are, and these the minimum, to first order.

    Args:
        x: places, shape (n, k).
        y: values, shape (n,).

    Returns:
        The place and its standard deviations, each of shape (k,); None if the points tell of no minimum among them.
    """
    k = x.shape[1]
    pairs = list(combinations_with_replacement(range(k), 2))
    low = y <= y.min() + PART * (y.max() - y.min())
    x, y = x[low], y[low]
    free = len(y) - (1 + k + len(pairs))
    if free < 1:
        return None
    middle, scale = x.mean(axis=0), np.ptp(x, axis=0)
    if not scale.all():
        return None
    u = (x - middle) / scale
    design = np.column_stack([np.ones(len(u)), u, *(u[:, i] * u[:, j] for i, j in pairs)])
    coefficients, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    if rank < design.shape[1]:
        return None
    place = _minimum(coefficients, pairs, k)
    if place is None or np.any(np.abs(place) > 1):  # of points that lie within ±1
        return None
    scatter = float(((y - design @ coefficients) ** 2).sum()) / free
    covariance = scatter * np.linalg.inv(design.T @ design)
    errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    slopes = np.zeros((k, len(coefficients)))
    for at, error in enumerate(errors):
        if error:
            changed = coefficients.copy()
            changed[at] += STEP * error
            there = _minimum(changed, pairs, k)
            if there is None:
                return None
            slopes[:, at] = (there - place) / (STEP * error)
    spread = np.sqrt(np.maximum(np.diag(slopes @ covariance @ slopes.T), 0))
    return middle + scale * place, scale * spread


def _minimum(coefficients: Array, pairs: list[tuple[int, int]], k: int) -> Array | None:
    """Where a paraboloid has its minimum; None if it has none."""
    slope, bend = coefficients[1 : 1 + k], np.zeros((k, k))
    for (i, j), value in zip(pairs, coefficients[1 + k :], strict=True):
        bend[i, j] += value
        bend[j, i] += value
    if np.linalg.eigvalsh(bend).min() <= 0:
        return None
    return np.asarray(-np.linalg.solve(bend, slope), np.float64)
