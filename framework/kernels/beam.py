"""Position, size and moments of the brightest spot of a frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.kernels.frames import Array, Floats
from ronda.framework.kernels.profiles import Profiles

WINDOW = 2.0
"""The spot is looked at as far from its highest point as this, in full widths at half maximum."""

SIGNIFICANT = 6.0
"""A spot is one if its profile rises above the background by so many times the background's deviation."""

SPARSE = 8
"""The background is estimated from each n-th pixel of each n-th row."""

NOWHERE = {"x": math.nan, "y": math.nan, "fwhm_x": math.nan, "fwhm_y": math.nan, "intensity": 0.0, "peak": 0.0}


@dataclass(frozen=True)
class Beam:
    """A spot. Lengths are in pixels, 0 in the middle of the first column and row; NaN without a spot.

    Attributes:
        x: centre of mass.
        y: the same along rows.
        fwhm_x: full width at half maximum of the profile along x, NaN if it is cut off.
        fwhm_y: the same along y.
        sigma_x: √(Σ w (x − centre)² / Σ w), w the value above the background, in the window; NaN if it is not positive.
        sigma_y: the same along y.
        major: standard deviation along the longer main axis: σ² are the eigenvalues of the second moments (ISO
        11146-1). minor: along the shorter one.
        angle: of the longer main axis from x towards y, in degrees, from −90 to 90: ½ atan2(2 σ_xy, σ_x² − σ_y²).
        intensity: sum above the background, in the unit of the frame.
        peak: largest pixel above the background.
        background: of the frame.
    """

    x: float
    y: float
    fwhm_x: float
    fwhm_y: float
    sigma_x: float
    sigma_y: float
    major: float
    minor: float
    angle: float
    intensity: float
    peak: float
    background: float


class BeamMetrics:
    """Finds the beam as `beam_position` does, for frames of one shape and dtype; may serve several threads at a
    time."""

    def __init__(
        self,
        shape: Sequence[int],
        dtype: npt.DTypeLike,
        *,
        mask: Any | None = None,
        limits: tuple[float, float] | None = None,
    ) -> None:
        """Prepare and compile.

        Args:
            shape: rows and columns of the frames.
            dtype: of the frames: one of `frames.DTYPES`.
            mask: not 0 where a pixel is left out: it counts as background.
            limits: least and largest value that count.

        Raises:
            BadValue: a wrong shape, dtype or limit.
        """
        self._profiles = Profiles(shape, dtype, mask=mask, limits=limits)
        self.frames = self._profiles.frames
        self._limits = self.frames.limits(limits)
        self._good = None if mask is None else ~self.frames.mask(mask)

    def __call__(self, frame: Any) -> Beam:
        """The beam on a frame.

        Raises:
            BadValue: it is not as prepared for.
        """
        raw = self.frames.take(frame)
        sparse = self._valid(raw, slice(None, None, SPARSE), slice(None, None, SPARSE))
        level = _background(sparse[np.isfinite(sparse)])
        profile = self._profiles(raw)
        background, deviation = level
        along_x = profile.along_x - background * profile.count_x
        along_y = profile.along_y - background * profile.count_y
        window = _window(along_x, along_y, deviation)
        if window is None:
            return _no_beam(background)
        spot = np.nan_to_num(self._valid(raw, *window) - background, nan=0.0)
        return _beam(spot, window[1].start, window[0].start, background)

    def _valid(self, raw: Array, rows: slice, columns: slice) -> Floats:
        """A part of a frame, NaN where a value does not count."""
        part = raw[rows, columns]
        good = (part >= self._limits.least) & (part <= self._limits.most)
        if self._good is not None:
            good &= self._good[rows, columns]
        return np.where(good, part.astype(np.float64), math.nan)


def beam_position(frame: Array) -> dict[str, float]:
    """Position, size and intensity of the brightest spot, without anything prepared or compiled.

    The background is the median of the frame. The spot is found in the profiles along both axes, and looked at in the
    window of `WINDOW` full widths around its highest point.

    Returns:
        `x`, `y`: centre of mass, in pixels, 0 in the middle of the first column and row; `fwhm_x`, `fwhm_y`: full
        widths at half maximum of the profiles, in pixels; these four are NaN without a spot. `intensity`: sum in the
        window; `peak`: largest pixel in it; both above the background.
    """
    background, deviation = _background(frame[::SPARSE, ::SPARSE])
    rows, columns = frame.shape
    along_x = frame.sum(axis=0, dtype=np.float64) - background * rows
    along_y = frame.sum(axis=1, dtype=np.float64) - background * columns
    window = _window(along_x, along_y, deviation)
    if window is None:
        return dict(NOWHERE)
    spot = frame[window].astype(np.float64) - background
    found = _beam(spot, window[1].start, window[0].start, background)
    return {name: getattr(found, name) for name in NOWHERE}


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


def _background(values: Array) -> tuple[float, float]:
    """Median of values, and their deviation as the median of distances has it."""
    if not values.size:
        return math.nan, math.nan
    background = float(np.median(values))
    return background, 1.4826 * float(np.median(np.abs(values - background))) or 0.5


def _window(along_x: Floats, along_y: Floats, deviation: float) -> tuple[slice, slice] | None:
    """Rows and columns around the spot, from profiles above the background; None without a spot."""
    if math.isnan(deviation):  # no pixel counts
        return None
    x = _around_peak(along_x, SIGNIFICANT * deviation * math.sqrt(along_y.size))
    y = _around_peak(along_y, SIGNIFICANT * deviation * math.sqrt(along_x.size))
    return None if x is None or y is None else (y, x)


def _no_beam(background: float) -> Beam:
    nothing = math.nan
    return Beam(*(nothing,) * 9, intensity=0.0, peak=0.0, background=background)


def _beam(spot: Floats, first_column: int, first_row: int, background: float) -> Beam:
    """Numbers of what is above the background in a window."""
    across, down = spot.sum(axis=0), spot.sum(axis=1)
    intensity = float(across.sum())
    if not intensity > 0:
        return _no_beam(background)
    columns, rows = np.arange(across.size), np.arange(down.size)
    x, y = float(across @ columns) / intensity, float(down @ rows) / intensity
    xx = float(across @ (columns - x) ** 2) / intensity
    yy = float(down @ (rows - y) ** 2) / intensity
    xy = float((rows - y) @ spot @ (columns - x)) / intensity
    middle, half = (xx + yy) / 2, math.hypot((xx - yy) / 2, xy)
    return Beam(
        x=first_column + x,
        y=first_row + y,
        fwhm_x=full_width(across),
        fwhm_y=full_width(down),
        sigma_x=_root(xx),
        sigma_y=_root(yy),
        major=_root(middle + half),
        minor=_root(middle - half),
        angle=math.degrees(math.atan2(2 * xy, xx - yy) / 2),
        intensity=intensity,
        peak=float(spot.max()),
        background=background,
    )


def _root(square: float) -> float:
    return math.sqrt(square) if square >= 0 else math.nan


def _around_peak(profile: npt.NDArray[np.float64], least: float) -> slice | None:
    """The part of a profile around its highest point; None if that is not higher than `least`."""
    smooth = np.median(np.stack([profile, np.roll(profile, 1), np.roll(profile, -1)]), axis=0)  # no single hot pixel
    top = int(smooth.argmax())
    if smooth[top] <= least:
        return None
    width = full_width(smooth)
    reach = profile.size if math.isnan(width) else max(math.ceil(WINDOW * width), 3)
    return slice(max(top - reach, 0), min(top + reach + 1, profile.size))
