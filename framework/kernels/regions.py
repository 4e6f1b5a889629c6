"""Statistics of regions of a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import OutOfRange
from ronda.framework.kernels.compiling import REASSOCIATE, kernel
from ronda.framework.kernels.frames import Array, Floats, Frames

STATISTICS = ("count", "sum", "avg", "std", "min", "max")
"""Columns of what `Regions` returns."""


@dataclass(frozen=True)
class Box:
    """A part of a frame.

    Attributes:
        x: first column, from 0.
        y: first row, from 0.
        width: columns.
        height: rows.
    """

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def all(cls, shape: Sequence[int]) -> Box:
        """All of a frame of so many rows and columns."""
        return cls(0, 0, shape[1], shape[0])

    def on(self, frames: Frames) -> Box:
        """The same, if it lies on the frames.

        Raises:
            OutOfRange: it does not.
        """
        rows, columns = frames.shape
        if min(self.x, self.y, self.width, self.height) < 0 or not (
            self.x + self.width <= columns and self.y + self.height <= rows
        ):
            raise OutOfRange(
                f"{frames.who}: the region x {self.x}, y {self.y}, {self.width} x {self.height} does not lie on frames "
                f"of {columns} columns and {rows} rows; change it"
            )
        return self


class Regions:
    """Statistics of regions, prepared for frames of one shape and dtype; may serve several threads at a time.

    Per region: number of valid pixels n, sum Σv, mean Σv/n, standard deviation of the population √(Σ(v−mean)²/n), least
    and largest value. Each row's are joined with those before (T. F. Chan, G. H. Golub, R. J. LeVeque, Am. Stat. 37
    (1983) 242), so that a bright flat region keeps its digits; sums of integers are exact (to 2⁵³).
    """

    def __init__(
        self,
        shape: Sequence[int],
        dtype: npt.DTypeLike,
        boxes: Sequence[Box],
        *,
        mask: Any | None = None,
        limits: tuple[float, float] | None = None,
    ) -> None:
        """Prepare and compile.

        Args:
            shape: rows and columns of the frames.
            dtype: of the frames: one of `frames.DTYPES`.
            boxes: the regions; they may overlap.
            mask: not 0 where a pixel is left out, of the frames' shape.
            limits: least and largest value that count; None: all finite ones.

        Raises:
            BadValue: a wrong shape, dtype or limit.
            OutOfRange: a region does not lie on the frame.
        """
        self.frames = Frames.of("statistics of regions", shape, dtype)
        self.boxes = tuple(box.on(self.frames) for box in boxes)
        self._boxes = np.array([(b.x, b.y, b.width, b.height) for b in self.boxes], np.int64).reshape(-1, 4)
        self._limits = self.frames.limits(limits)
        self._masked = mask is not None
        self._bad = self.frames.mask(mask)[slice(None) if self._masked else slice(0, 0)]
        self(self.frames.zeros())

    def __call__(self, frame: Any) -> Floats:
        """The statistics of a frame.

        Returns:
            float64, shape (regions, 6), columns as STATISTICS, in the unit of the pixels. Without a valid pixel count
            and sum are 0, the others NaN.

        Raises:
            BadValue: it is not as prepared for.
        """
        out = np.empty((len(self.boxes), len(STATISTICS)))
        limits = self._limits
        careful = limits.checked or self._masked
        zero = self.frames.sum_dtype.type(0)
        _regions(self.frames.take(frame), self._boxes, self._bad, careful, limits.least, limits.most, zero, out)
        return out


@kernel(fastmath=REASSOCIATE)
def _regions(
    frame: Array, boxes: Array, bad: Array, careful: bool, least: Any, most: Any, zero: Any, out: Array
) -> None:
    masked = bad.size > 0
    nothing = least - least
    for region in range(boxes.shape[0]):
        x, y, width, height = boxes[region]
        count = 0
        total = 0.0
        mean = 0.0
        squares = 0.0
        # of each column: a comparison of a row with a row is many at a time, that within a row is one after the other
        lowest = np.full(width, most)
        highest = np.full(width, least)
        good = np.empty(width, np.bool_)
        for r in range(y, y + height):
            row = frame[r, x : x + width]
            part = zero
            number = width
            if careful:
                number = 0
                for c in range(width):
                    good[c] = (row[c] >= least) & (row[c] <= most)
                    number += good[c]
                if masked:
                    number = 0
                    for c in range(width):
                        good[c] &= not bad[r, x + c]
                        number += good[c]
            if number == 0:
                continue
            away = 0.0
            if number == width:
                for c in range(width):
                    part += row[c]
                    lowest[c] = row[c] if row[c] < lowest[c] else lowest[c]
                    highest[c] = row[c] if row[c] > highest[c] else highest[c]
                middle = part / number
                for c in range(width):
                    away += (row[c] - middle) * (row[c] - middle)
            else:
                for c in range(width):
                    part += row[c] if good[c] else nothing
                    lowest[c] = row[c] if good[c] & (row[c] < lowest[c]) else lowest[c]
                    highest[c] = row[c] if good[c] & (row[c] > highest[c]) else highest[c]
                middle = part / number
                for c in range(width):
                    distance = row[c] - middle if good[c] else 0.0
                    away += distance * distance
            together = count + number
            squares += away + (middle - mean) ** 2 * (count * number / together)
            mean += (middle - mean) * number / together
            total += part
            count = together
        out[region, 0] = count
        out[region, 1] = total
        out[region, 2] = total / count if count else np.nan
        out[region, 3] = np.sqrt(squares / count) if count else np.nan
        out[region, 4] = lowest.min() if count else np.nan
        out[region, 5] = highest.max() if count else np.nan
