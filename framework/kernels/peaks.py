"""Peaks of a frame: groups of pixels that stand out of its radial background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue
from ronda.framework.kernels.background import Background, RadialBackground
from ronda.framework.kernels.compiling import kernel
from ronda.framework.kernels.frames import Array, Floats

COLUMNS = ("x", "y", "intensity", "sigma", "peak", "pixels")
"""Columns of the peaks."""


@dataclass(frozen=True)
class Peaks:
    """Peaks of a frame, in the order of their first pixels; arrays have the shape (peaks,).

    Attributes:
        x: centre of mass above the background, in pixels, 0 in the middle of the first column.
        y: the same along rows.
        intensity: sum above the background, in the unit of the frame.
        sigma: standard deviation of the background under it, √(Σ σ²); `intensity / sigma` is the signal to noise ratio.
        peak: largest value above the background.
        pixels: how many.
        background: of the frame.
    """

    x: Floats
    y: Floats
    intensity: Floats
    sigma: Floats
    peak: Floats
    pixels: npt.NDArray[np.int64]
    background: Background

    def __len__(self) -> int:
        """How many peaks there are."""
        return len(self.x)


class PeakFinder:
    """Finds Bragg peaks as peakfinder8 does; not for several threads at a time, give each its own.

    A pixel stands out if it is more than `snr` standard deviations, and more than `threshold`, above its ring's
    background. Those that touch, also by a corner, are a peak, if there are `pixels` of them. (A. Barty et al.,
    J. Appl. Cryst. 47 (2014) 1118; unlike there the background under a peak is that of its ring, not of its
    surroundings.)
    """

    def __init__(
        self,
        background: RadialBackground,
        *,
        snr: float = 6.0,
        threshold: float = 0.0,
        pixels: tuple[int, int] = (2, 200),
    ) -> None:
        """Prepare and compile.

        Args:
            background: of the frames.
            snr: standard deviations.
            threshold: in the unit of the frame.
            pixels: least and most pixels of a peak.

        Raises:
            BadValue: a number is not above 0, or the pixels are not in order.
        """
        if not snr >= 0 or not threshold >= 0:
            raise BadValue(f"peaks: snr {snr:g} and threshold {threshold:g} must not be below 0")
        if not 1 <= pixels[0] <= pixels[1]:
            raise BadValue(
                f"peaks: from {pixels[0]} to {pixels[1]} pixels is no range; give the lower one first, from 1"
            )
        self.background = background
        self.snr, self.threshold, self.pixels = float(snr), float(threshold), pixels
        self._standing = Standing(background)
        self._flags = np.zeros(background.frames.size, np.uint8)
        self._stack = np.empty(background.order.size, np.uint32)
        self(background.frames.zeros())

    def __call__(self, frame: Any) -> Peaks:
        """The peaks of a frame.

        Raises:
            BadValue: it is not as prepared for.
        """
        image = self.background.frames.take(frame)
        found = self.background(image)
        reach = np.maximum(self.snr * found.deviation, self.threshold)
        pixels = np.sort(self._standing(found.mean + reach))
        out = np.empty((len(pixels), len(COLUMNS)))
        number = _group(
            image, pixels, self.background.ring, found.mean, found.deviation, self.pixels[0], self.pixels[1],
            self._flags, self._stack, out,
        )  # fmt: skip
        x, y, intensity, sigma, peak, size = out[:number].T.copy()
        return Peaks(x, y, intensity, sigma, peak, size.astype(np.int64), found)


class Standing:
    """Which pixels of the frame that a background was made of stand out."""

    def __init__(self, background: RadialBackground) -> None:
        self._background = background
        self._found = np.empty(background.order.size, np.uint32)

    def __call__(self, level: Floats) -> npt.NDArray[np.uint32]:
        """Numbers of the valid pixels with values above the level of their ring, in the order of rings."""
        given, limits = self._background, self._background.limits
        number = _above(given.values, given.order, given.start, level, limits.least, limits.most, self._found)
        return self._found[:number].copy()


@kernel
def _above(
    values: Array, order: Array, start: Array, level: Array, least: Any, most: Any, found: Array
) -> int:  # fmt: skip
    number = 0
    step = 64
    for ring in range(level.size):
        if not level[ring] < most:  # also where there is no background
            continue
        highest = level[ring]
        for begin in range(start[ring], start[ring + 1], step):
            end = min(begin + step, start[ring + 1])
            any_above = 0
            for at in range(begin, end):
                any_above += values[at] > highest
            if any_above:
                for at in range(begin, end):
                    if values[at] > highest and values[at] >= least and values[at] <= most:
                        found[number] = order[at]
                        number += 1
    return number


@kernel
def _group(
    frame: Array, pixels: Array, ring: Array, mean: Array, deviation: Array, fewest: int, most: int,
    flags: Array, stack: Array, out: Array,
) -> int:  # fmt: skip
    """Groups of pixels that touch; flags are all 0 before and after."""
    rows, columns = frame.shape
    for p in pixels:
        flags[p] = 1
    peaks = 0
    for first in pixels:
        if not flags[first]:
            continue
        flags[first] = 0
        stack[0] = first
        left = 1
        number = 0
        total = 0.0
        across = 0.0
        down = 0.0
        variance = 0.0
        highest = 0.0
        while left:
            left -= 1
            p = np.int64(stack[left])
            row, column = p // columns, p % columns
            above = frame[row, column] - mean[ring[p]]
            number += 1
            total += above
            across += above * column
            down += above * row
            variance += deviation[ring[p]] ** 2
            highest = max(highest, above)
            for r in range(max(row - 1, 0), min(row + 2, rows)):
                for c in range(max(column - 1, 0), min(column + 2, columns)):
                    neighbour = r * columns + c
                    if flags[neighbour]:
                        flags[neighbour] = 0
                        stack[left] = neighbour
                        left += 1
        if fewest <= number <= most:
            out[peaks, 0] = across / total
            out[peaks, 1] = down / total
            out[peaks, 2] = total
            out[peaks, 3] = np.sqrt(variance)
            out[peaks, 4] = highest
            out[peaks, 5] = number
            peaks += 1
    return peaks
