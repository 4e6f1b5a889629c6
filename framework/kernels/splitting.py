"""How much of each pixel belongs to which bin: the tables that azimuthal integration is prepared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.kernels.compiling import kernel
from ronda.framework.kernels.frames import Array, Floats


@dataclass(frozen=True)
class Parts:
    """Parts of pixels, in the order of the pixels.

    Attributes:
        number: uint16, shape (pixels,): how many parts each pixel has.
        bin: uint16 or uint32: the bin of each part.
        part: float32: how much of the pixel it is, up to 1.
    """

    number: npt.NDArray[np.uint16]
    bin: npt.NDArray[Any]
    part: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Grid:
    """Bins of equal width.

    Attributes:
        low: lower edge of the first.
        high: upper edge of the last, which belongs to it.
        bins: how many.
    """

    low: float
    high: float
    bins: int

    @property
    def centres(self) -> Floats:
        """Middle of each bin."""
        return self.low + (np.arange(self.bins) + 0.5) * (self.high - self.low) / self.bins

    def place(self, values: Floats) -> Floats:
        """Values in bins from the lower edge."""
        return (values - self.low) * (self.bins / (self.high - self.low))

    def number(self, values: Floats) -> npt.NDArray[np.int64]:
        """The bin of each value; −1 for what is outside, or NaN."""
        place = self.place(values)
        inside = (values >= self.low) & (values <= self.high)
        return np.where(inside, np.minimum(np.where(inside, place, 0).astype(np.int64), self.bins - 1), -1)


def boxes(
    radial: Grid, azimuthal: Grid | None, good: Array, centre: tuple[Floats, Floats], reach: tuple[Any, Any]
) -> Parts:
    """Split each pixel as the box around its corners.

    Args:
        radial: radial bins.
        azimuthal: azimuthal bins, in degrees, with low below high; None for patterns of one dimension.
        good: bool; pixels that count.
        centre: radial position and azimuth (degrees) of each pixel's middle.
        reach: how far its corners are from there, in both; the box is as wide to either side.
    """
    r, a = (values.ravel() for values in centre)
    dr, da = (np.asarray(values, np.float64).ravel() for values in reach)
    low, high = radial.place(np.maximum(r - dr, 0.0)), radial.place(r + dr)
    turn = 0.0
    if azimuthal is None:
        below = np.zeros_like(low)
        above = np.ones_like(low)
        rows = 1
    else:
        below, above = azimuthal.place(a - da), azimuthal.place(a + da)
        rows = azimuthal.bins
        turn = 360.0 * azimuthal.bins / (azimuthal.high - azimuthal.low)
    flags = np.ascontiguousarray(good.ravel())
    return _filled(
        r.size, rows * radial.bins, lambda *out: _boxes(low, high, below, above, flags, radial.bins, rows, turn, *out)
    )


def polygons(radial: Grid, good: Array, corners: tuple[Floats, Floats]) -> Parts:
    """Split each pixel as the quadrangle of its corners, straight in radius and azimuth, by area.

    Args:
        radial: radial bins.
        good: bool; pixels that count.
        corners: radial position and azimuth (degrees) of the corners of each pixel, shape (…, 4).
    """
    r = np.ascontiguousarray(radial.place(corners[0]).reshape(-1, 4))
    a = np.ascontiguousarray(corners[1].reshape(-1, 4))
    flags = np.ascontiguousarray(good.ravel())
    return _filled(len(r), radial.bins, lambda *out: _polygons(r, a, flags, radial.bins, *out))


def _filled(pixels: int, bins: int, run: Any) -> Parts:
    """Count the parts of each pixel, then write them down."""
    number = np.zeros(pixels, np.uint16)
    dtype = np.uint16 if bins < 65536 else np.uint32
    run(number, np.empty(0, dtype), np.empty(0, np.float32))
    total = int(number.sum(dtype=np.int64))
    bin_, part = np.empty(total, dtype), np.empty(total, np.float32)
    run(number, bin_, part)
    return Parts(number, bin_, part)


@kernel
def _boxes(
    low: Array, high: Array, below: Array, above: Array, good: Array, columns: int, rows: int, turn: float,
    number: Array, bin_of: Array, part_of: Array,
) -> None:  # fmt: skip
    at = 0
    for p in range(low.size):
        begun = at
        if not good[p]:
            continue
        wide = high[p] - low[p]
        tall = above[p] - below[p]
        for whole in range(-1, 2):  # what reaches over ±180 degrees comes in on the other side
            if whole != 0 and turn == 0:
                continue
            down, up = below[p] + whole * turn, above[p] + whole * turn
            for row in range(max(int(np.floor(down)), 0), min(int(np.floor(up)), rows - 1) + 1):
                share = (min(up, row + 1.0) - max(down, float(row))) / tall if tall > 0 else 1.0
                for column in range(max(int(np.floor(low[p])), 0), min(int(np.floor(high[p])), columns - 1) + 1):
                    piece = (min(high[p], column + 1.0) - max(low[p], float(column))) / wide if wide > 0 else 1.0
                    if share * piece > 0:
                        if bin_of.size:
                            bin_of[at] = row * columns + column
                            part_of[at] = share * piece
                        at += 1
        number[p] = at - begun


@kernel
def _polygons(
    r: Array, a: Array, good: Array, columns: int, number: Array, bin_of: Array, part_of: Array
) -> None:  # fmt: skip
    at = 0
    areas = np.zeros(columns)
    for p in range(r.shape[0]):
        begun = at
        if not good[p]:
            continue
        first = int(np.floor(max(r[p].min(), 0.0)))
        last = min(int(np.floor(r[p].max())), columns - 1)
        if last < first:
            continue
        apart = a[p].max() - a[p].min() > 180.0  # corners on both sides of ±180 degrees
        total = 0.0
        areas[first : last + 1] = 0.0
        for corner in range(4):
            following = (corner + 1) % 4
            r0, r1 = r[p, corner], r[p, following]
            a0, a1 = a[p, corner], a[p, following]
            if apart and a0 < 0:
                a0 += 360.0
            if apart and a1 < 0:
                a1 += 360.0
            total += 0.5 * (a0 + a1) * (r1 - r0)
            if r0 == r1:
                continue
            slope = (a1 - a0) / (r1 - r0)
            left, right = min(r0, r1), max(r0, r1)
            for column in range(max(int(np.floor(left)), first), min(int(np.floor(right)), last) + 1):
                start, end = max(left, float(column)), min(right, column + 1.0)
                if end > start:
                    middle = a0 + slope * (0.5 * (start + end) - r0)
                    areas[column] += middle * (end - start) if r1 > r0 else -middle * (end - start)
        if total == 0:
            continue
        for column in range(first, last + 1):
            share = areas[column] / total
            if share > 0:
                if bin_of.size:
                    bin_of[at] = column
                    part_of[at] = share
                at += 1
        number[p] = at - begun
