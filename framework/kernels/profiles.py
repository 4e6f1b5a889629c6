"""Profiles of a region: sums along its rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.kernels.compiling import REASSOCIATE, kernel
from ronda.framework.kernels.frames import Array, Floats, Frames
from ronda.framework.kernels.regions import Box


@dataclass(frozen=True)
class Profile:
    """Sums along both axes of a region, in the unit of the pixels.

    Attributes:
        along_x: Σ over the rows of each column, float64, shape (width,).
        along_y: Σ over the columns of each row, float64, shape (height,).
        count_x: valid pixels of each column.
        count_y: valid pixels of each row.
    """

    along_x: Floats
    along_y: Floats
    count_x: npt.NDArray[np.int64]
    count_y: npt.NDArray[np.int64]


class Profiles:
    """Profiles of one region, prepared for frames of one shape and dtype; may serve several threads at a time."""

    def __init__(
        self,
        shape: Sequence[int],
        dtype: npt.DTypeLike,
        box: Box | None = None,
        *,
        mask: Any | None = None,
        limits: tuple[float, float] | None = None,
    ) -> None:
        """Prepare and compile.

        Args:
            shape: rows and columns of the frames.
            dtype: of the frames: one of `frames.DTYPES`.
            box: the region; None: all of the frame.
            mask: not 0 where a pixel is left out.
            limits: least and largest value that count; None: all finite ones.

        Raises:
            BadValue: a wrong shape, dtype or limit.
            OutOfRange: the region does not lie on the frame.
        """
        self.frames = Frames.of("profiles", shape, dtype)
        self.box = (Box.all(self.frames.shape) if box is None else box).on(self.frames)
        self._limits = self.frames.limits(limits)
        self._careful = self._limits.checked or mask is not None
        self._bad = self.frames.mask(mask)
        self(self.frames.zeros())

    def __call__(self, frame: Any) -> Profile:
        """The profiles of a frame.

        Raises:
            BadValue: it is not as prepared for.
        """
        box, limits = self.box, self._limits
        sums = np.zeros(box.width, self.frames.sum_dtype), np.zeros(box.height, self.frames.sum_dtype)
        counts = np.zeros(box.width, np.int64), np.zeros(box.height, np.int64)
        _profiles(
            self.frames.take(frame), self._bad, box.x, box.y, self._careful, limits.least, limits.most, *sums, *counts
        )
        return Profile(sums[0].astype(np.float64), sums[1].astype(np.float64), *counts)


@kernel(fastmath=REASSOCIATE)
def _profiles(
    frame: Array, bad: Array, x: int, y: int, careful: bool, least: Any, most: Any,
    along_x: Array, along_y: Array, count_x: Array, count_y: Array,
) -> None:  # fmt: skip
    width = along_x.size
    nothing = least - least
    for r in range(along_y.size):
        row = frame[y + r, x : x + width]
        total = along_x[:0].sum()
        if careful:
            out = bad[y + r, x : x + width]
            number = 0
            for c in range(width):
                good = (row[c] >= least) & (row[c] <= most) & (not out[c])
                value = row[c] if good else nothing
                total += value
                along_x[c] += value
                number += good
                count_x[c] += good
            count_y[r] = number
        else:
            for c in range(width):
                total += row[c]
                along_x[c] += row[c]
            count_y[r] = width
        along_y[r] = total
    if not careful:
        count_x[:] = along_y.size
