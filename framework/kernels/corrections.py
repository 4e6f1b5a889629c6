"""Dark and flat correction of frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.kernels.compiling import kernel
from ronda.framework.kernels.frames import Array, Frames


class Correction:
    """(raw − dark) / flat, prepared for frames of one shape and dtype; may serve several threads at a time.

    Invalid pixels become NaN: those of the mask, those whose value is outside of the limits (saturated, dead), and
    those with a flat that is not above 0 or a dark or flat that is not finite.
    """

    def __init__(
        self,
        shape: Sequence[int],
        dtype: npt.DTypeLike,
        *,
        dark: Any | None = None,
        flat: Any | None = None,
        mask: Any | None = None,
        limits: tuple[float, float] | None = None,
    ) -> None:
        """Prepare and compile.

        Args:
            shape: rows and columns of the frames.
            dtype: of the frames: one of `frames.DTYPES`.
            dark: what each pixel tells without light, in the unit of the frames.
            flat: relative efficiency of each pixel.
            mask: not 0 where a pixel is left out.
            limits: least and largest raw value that count.

        Raises:
            BadValue: a wrong shape, dtype or limit.
        """
        self.frames = Frames.of("dark and flat correction", shape, dtype)
        self._limits = self.frames.limits(limits)
        self._dark = (
            np.zeros(self.frames.shape) if dark is None else self.frames.per_pixel("dark", dark)
        ).astype(np.float32)  # fmt: skip
        whole = np.ones(self.frames.shape) if flat is None else self.frames.per_pixel("flat", flat)
        good = ~self.frames.mask(mask) & np.isfinite(whole) & (whole > 0) & np.isfinite(self._dark)
        self._gain = np.divide(1.0, whole, where=good, out=np.full(whole.shape, np.nan)).astype(np.float32)
        self(self.frames.zeros())

    def __call__(self, frame: Any, out: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.float32]:
        """The corrected frame, float32.

        Args:
            frame: raw, of the shape and dtype that were prepared for.
            out: where to put it, float32 in the order of C; None: a new array.

        Raises:
            BadValue: it is not as prepared for.
        """
        raw = self.frames.take(frame)
        target = np.empty(self.frames.shape, np.float32) if out is None else out
        if out is not None:
            Frames(self.frames.who, self.frames.shape, np.dtype(np.float32)).take(out)
        _correct(raw, self._dark, self._gain, self._limits.least, self._limits.most, target)
        return target


@kernel
def _correct(raw: Array, dark: Array, gain: Array, least: Any, most: Any, out: Array) -> None:
    for r in range(raw.shape[0]):
        for c in range(raw.shape[1]):
            value = raw[r, c]
            good = (value >= least) & (value <= most)
            corrected = (np.float32(value) - dark[r, c]) * gain[r, c]
            out[r, c] = corrected if good else np.float32(np.nan)
