"""What is computed from a frame: statistics of regions, and position and size of the brightest spot."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[Any]

WINDOW = 2.0
"""The spot is looked at as far from its highest point as this, in full widths at half maximum."""

SIGNIFICANT = 6.0
"""A spot is one if its profile rises above the background by so many times the background's deviation."""

SPARSE = 8
"""The background is estimated from each n-th pixel of each n-th row."""

NOWHERE = {"x": math.nan, "y": math.nan, "fwhm_x": math.nan, "fwhm_y": math.nan, "intensity": 0.0, "peak": 0.0}


def region_statistics(region: Frame) -> dict[str, float]:
    """Sum, mean (`avg`), standard deviation of the population (`std`), least and largest value of a region."""
    values = region.astype(np.float64).ravel()
    total = float(values.sum())
    mean = total / values.size
    values -= mean  # before squaring, so that a flat bright region keeps its digits
    return {
        "sum": total,
        "avg": mean,
        "std": math.sqrt(float(values @ values) / values.size),
        "min": float(region.min()),
        "max": float(region.max()),
    }


def beam_position(frame: Frame) -> dict[str, float]:
    """Position, size and intensity of the brightest spot.

    The background is the median of the frame. The spot is found in the profiles along both axes, and looked at in the
    window of `WINDOW` full widths around its highest point.

    Returns:
        `x`, `y`: centre of mass, in pixels, 0 in the middle of the first column and row; `fwhm_x`, `fwhm_y`: full
        widths at half maximum of the profiles, in pixels; these four are NaN without a spot. `intensity`: sum in the
        window; `peak`: largest pixel in it; both above the background.
    """
    sparse = frame[::SPARSE, ::SPARSE]
    background = float(np.median(sparse))
    deviation = 1.4826 * float(np.median(np.abs(sparse - background))) or 0.5
    rows, columns = frame.shape
    along_x = frame.sum(axis=0, dtype=np.float64) - background * rows
    along_y = frame.sum(axis=1, dtype=np.float64) - background * columns
    x_range = _around_peak(along_x, SIGNIFICANT * deviation * math.sqrt(rows))
    y_range = _around_peak(along_y, SIGNIFICANT * deviation * math.sqrt(columns))
    if x_range is None or y_range is None:
        return dict(NOWHERE)
    spot = frame[y_range, x_range].astype(np.float64) - background
    across, down = spot.sum(axis=0), spot.sum(axis=1)
    intensity = float(across.sum())
    if intensity <= 0:
        return dict(NOWHERE)
    return {
        "x": x_range.start + float(across @ np.arange(across.size)) / intensity,
        "y": y_range.start + float(down @ np.arange(down.size)) / intensity,
        "fwhm_x": full_width(across),
        "fwhm_y": full_width(down),
        "intensity": intensity,
        "peak": float(spot.max()),
    }


def full_width(profile: npt.NDArray[np.float64]) -> float:
    """Full width at half maximum, between the crossings nearest to the maximum, in pixels; NaN if one is missing."""
    top = int(profile.argmax())
    half = profile[top] / 2
    below_right = np.flatnonzero(profile[top:] < half)
    below_left = np.flatnonzero(profile[: top + 1] < half)
    if not below_right.size or not below_left.size:
        return math.nan
    right, left = top + int(below_right[0]), int(below_left[-1])
    right_edge = right - (half - profile[right]) / (profile[right - 1] - profile[right])
    left_edge = left + (half - profile[left]) / (profile[left + 1] - profile[left])
    return float(right_edge - left_edge)


def _around_peak(profile: npt.NDArray[np.float64], least: float) -> slice | None:
    """The part of a profile around its highest point; None if that is not higher than `least`."""
    smooth = np.median(np.stack([profile, np.roll(profile, 1), np.roll(profile, -1)]), axis=0)  # no single hot pixel
    top = int(smooth.argmax())
    if smooth[top] <= least:
        return None
    width = full_width(smooth)
    reach = profile.size if math.isnan(width) else max(math.ceil(WINDOW * width), 3)
    return slice(max(top - reach, 0), min(top + reach + 1, profile.size))
