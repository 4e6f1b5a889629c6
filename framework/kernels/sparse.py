"""Frames stored as their radial background and the pixels that stand out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue
from ronda.framework.kernels.background import RadialBackground
from ronda.framework.kernels.compiling import kernel
from ronda.framework.kernels.frames import Array
from ronda.framework.kernels.peaks import Standing


@dataclass(frozen=True)
class SparseFrame:
    """What is kept of a frame.

    Attributes:
        pixel: uint32, ascending: numbers of the pixels that are kept, counted along rows.
        value: their values as they were, in the frame's dtype.
        mean: float32: background of each ring; NaN in rings without.
        deviation: float32: its standard deviation.
    """

    pixel: npt.NDArray[np.uint32]
    value: npt.NDArray[Any]
    mean: npt.NDArray[np.float32]
    deviation: npt.NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        """Memory that it takes, in bytes."""
        return self.pixel.nbytes + self.value.nbytes + self.mean.nbytes + self.deviation.nbytes


class Sparsifier:
    """Stores frames sparsely, and makes them again; not for several threads at a time, give each its own.

    Kept as they were are pixels more than `cutoff` standard deviations above the background of their ring, and those
    whose value is outside of the limits (saturated, dead, NaN), for nothing tells them; the others are told by the
    ring's mean and deviation alone, which loses them. Pixels of no ring are lost. (J. Kieffer et al., J. Appl. Cryst.
    58 (2025) 138: pyFAI's sparsify-Bragg.)
    """

    def __init__(self, background: RadialBackground, *, cutoff: float = 5.0) -> None:
        """Prepare and compile.

        Args:
            background: of the frames.
            cutoff: standard deviations; no less than what the background leaves out, for that would be kept nowhere.

        Raises:
            BadValue: the cutoff is below 0.
        """
        if not cutoff >= 0:
            raise BadValue(f"sparse frames: the cutoff is {cutoff:g} standard deviations, it must not be below 0")
        self.background, self.cutoff = background, float(cutoff)
        self._standing = Standing(background)
        self._invalid = np.empty(background.order.size, np.uint32)
        self(background.frames.zeros())

    def __call__(self, frame: Any) -> SparseFrame:
        """Store a frame.

        Raises:
            BadValue: it is not as prepared for.
        """
        given = self.background
        image = given.frames.take(frame)
        found = given(image)
        pixels = self._standing(found.mean + self.cutoff * found.deviation)
        if given.limits.checked:
            number = _invalid(given.values, given.order, given.limits.least, given.limits.most, self._invalid)
            pixels = np.concatenate([pixels, self._invalid[:number]])
        pixels = np.sort(pixels)
        mean, deviation = found.mean.astype(np.float32), found.deviation.astype(np.float32)
        return SparseFrame(pixels, image.ravel()[pixels], mean, deviation)

    def restore(self, sparse: SparseFrame, *, outside: float = 0, seed: int | None = None) -> Array:
        """Make a frame again.

        Args:
            sparse: what was kept.
            outside: value of pixels of no ring, and of rings without a background.
            seed: for normal noise with the background's deviation; None: no noise.

        Returns:
            A frame of the prepared shape and dtype; kept pixels are as they were, integers are rounded and clipped.
        """
        given = self.background
        full = given.image(sparse.mean.astype(np.float64))
        if seed is not None:
            deviation = given.image(sparse.deviation.astype(np.float64), 0.0)
            full += deviation * np.random.default_rng(seed).standard_normal(full.shape)
        full[np.isnan(full)] = outside
        dtype = given.frames.dtype
        if dtype.kind in "iu":
            full = np.clip(np.rint(full), np.iinfo(dtype).min, np.iinfo(dtype).max)
        frame = full.astype(dtype)
        frame.ravel()[sparse.pixel] = sparse.value
        return frame


@kernel
def _invalid(values: Array, order: Array, least: Any, most: Any, found: Array) -> int:
    number = 0
    for at in range(order.size):
        if not ((values[at] >= least) & (values[at] <= most)):
            found[number] = order[at]
            number += 1
    return number
