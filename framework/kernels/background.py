"""The background of a frame that depends on the radius alone, without what stands out of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue
from ronda.framework.kernels.compiling import REASSOCIATE, kernel
from ronda.framework.kernels.frames import Array, Floats, Frames

FAR = 100.0
"""Squares are counted again if the square of the distance of their base from the mean is so many variances."""


@dataclass(frozen=True)
class Background:
    """What the rings of a frame look like.

    Attributes:
        mean: of the pixels of each ring that do not stand out, in the unit of the frame; NaN in rings without any.
        deviation: their standard deviation.
        count: how many they are.
    """

    mean: Floats
    deviation: Floats
    count: npt.NDArray[np.int64]


def rings_around(shape: Sequence[int], x: float, y: float, width: float = 1.0) -> npt.NDArray[np.int64]:
    """The ring of each pixel around a place of the frame.

    Args:
        shape: rows and columns.
        x: column of the middle, in pixels, 0 in the middle of the first column.
        y: row of the middle.
        width: of a ring, in pixels.

    Raises:
        BadValue: the width is not above 0.
    """
    if not width > 0:
        raise BadValue(f"rings: their width is {width:g} pixels, it must be above 0")
    radius: Floats = np.hypot(np.arange(shape[0])[:, None] - y, np.arange(shape[1])[None, :] - x)
    return (radius / width).astype(np.int64)


class RadialBackground:
    """Mean and deviation of rings by sigma clipping; not for several threads at a time, give each its own.

    In each round values further from the mean than `clip` standard deviations (both of the round before, in the first
    those of all valid values) are left out; a value that is near the new mean counts again. This ends when nothing
    changes, or after `rounds`. (A. Barty et al., J. Appl. Cryst. 47 (2014) 1118; J. Kieffer et al., J. Appl. Cryst. 58
    (2025) 138, who clip to both sides.)

    Values are first put in the order of the rings, each ring one after the other: then all rounds, and the search for
    what stands out, compare many values at a time.
    """

    def __init__(
        self,
        rings: Any,
        dtype: npt.DTypeLike,
        *,
        mask: Any | None = None,
        limits: tuple[float, float] | None = None,
        clip: float = 5.0,
        rounds: int = 5,
    ) -> None:
        """Prepare and compile.

        Args:
            rings: whole numbers, shape of the frames: the ring of each pixel from 0; below 0 for pixels left out. For
                example `rings_around`, or `Grid.number` of a geometry's radial positions.
            dtype: of the frames: one of `frames.DTYPES`.
            mask: not 0 where a pixel is left out.
            limits: least and largest value that count.
            clip: standard deviations.
            rounds: most rounds; 0 takes all values.

        Raises:
            BadValue: a wrong shape or dtype, or `clip` is not above 0.
        """
        numbers = np.asarray(rings)
        self.frames = Frames.of("radial background", numbers.shape, dtype)
        if numbers.dtype.kind not in "iu":
            raise BadValue(f"radial background: rings are told by whole numbers, not {numbers.dtype}")
        if not clip > 0 or rounds < 0:
            raise BadValue(f"radial background: clip {clip:g} must be above 0, rounds {rounds} not below")
        self.limits = self.frames.limits(limits)
        self.clip, self.rounds = float(clip), int(rounds)
        flat = np.where(self.frames.mask(mask), -1, numbers).ravel().astype(np.int64)
        order = np.argsort(flat, kind="stable")
        order = order[np.count_nonzero(flat < 0) :]
        self.rings = max(int(numbers.max(initial=-1)) + 1, 1)
        self.ring = flat
        self.order = order.astype(np.uint32)
        """The pixels in the order of rings."""
        self.start = np.searchsorted(flat[order], np.arange(self.rings + 1)).astype(np.int64)
        """Where in that order each ring begins."""
        place = np.full(flat.size, order.size, np.uint32)
        place[order] = np.arange(order.size, dtype=np.uint32)
        self._place = place
        self.values = np.zeros(order.size + 1, self.frames.dtype)
        """Of the latest frame, in that order; the last is a place for those left out."""
        self(self.frames.zeros())

    def __call__(self, frame: Any) -> Background:
        """The background of a frame.

        Raises:
            BadValue: it is not as prepared for.
        """
        mean, deviation, count = np.empty(self.rings), np.empty(self.rings), np.empty(self.rings, np.int64)
        _arrange(self.frames.take(frame).ravel(), self._place, self.values)
        _clip(
            self.values, self.start, self.limits.least, self.limits.most, self.frames.dtype.kind != "f", self.clip,
            self.rounds, mean, deviation, count,
        )  # fmt: skip
        return Background(mean, deviation, count)

    def image(self, of_rings: Floats, outside: float = math.nan) -> Floats:
        """A number for each ring as a frame; float64; `outside` where there is no ring."""
        padded = np.append(of_rings, outside)
        return padded[self.ring].reshape(self.frames.shape)


@kernel
def _arrange(frame: Array, place: Array, values: Array) -> None:
    for p in range(frame.size):
        values[place[p]] = frame[p]


@kernel(fastmath=REASSOCIATE)
def _inside(part: Array, low: Any, high: Any, base: float) -> tuple[int, float, float]:
    """Number, mean and variance of the values from `low` to `high`; squares are counted from `base`."""
    nothing = low - low
    total = 0.0
    squares = 0.0
    number = 0
    for at in range(part.size):
        value = part[at]
        good = (value >= low) & (value <= high)
        distance: Any = np.float64(value if good else nothing) - base
        distance = distance if good else 0.0
        total += distance
        squares += distance * distance
        number += good
    if number == 0:
        return 0, np.nan, np.nan
    return number, base + total / number, max(squares / number - (total / number) ** 2, 0.0)


@kernel
def _clip(
    values: Array, start: Array, least: Any, most: Any, whole: bool, clip: float, rounds: int,
    means: Array, deviations: Array, counts: Array,
) -> None:  # fmt: skip
    for ring in range(means.size):
        part = values[start[ring] : start[ring + 1]]
        low, high = least, most
        base = 0.0
        for value in part:  # any value that counts is near enough to the mean for squares to keep their digits
            if value >= least and value <= most:
                base = float(value)
                break
        number, mean, variance = _inside(part, low, high, base)
        if number and (mean - base) ** 2 > FAR * variance:
            number, mean, variance = _inside(part, low, high, mean)
        for _ in range(rounds):
            if number == 0:
                break
            reach = clip * np.sqrt(variance)
            reach += 1e-12 * (reach + abs(mean))  # rounding does not throw out what is just on the limit
            down, up = float(mean - reach), float(mean + reach)
            if whole:
                down, up = float(np.ceil(down)), float(np.floor(up))
            new_low = least if down <= least else values.dtype.type(down)
            new_high = most if up >= most else values.dtype.type(up)
            if new_low == low and new_high == high:
                break
            low, high = new_low, new_high
            before = mean
            number, mean, variance = _inside(part, low, high, before)
            if number and (mean - before) ** 2 > FAR * variance:
                number, mean, variance = _inside(part, low, high, mean)
        means[ring], deviations[ring], counts[ring] = mean, np.sqrt(variance), number
