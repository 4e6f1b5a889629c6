"""How sharp a frame is, by its Fourier transform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue
from ronda.framework.kernels.frames import Frames


class FocusMeasure:
    """The part of a frame's power that lies in a band of spatial frequencies; may serve several threads at a time.

    P = |F(h · (frame − mean))|², h a Hann window in both directions, so that the frame's edges make no lines; the
    measure is Σ P in the band / Σ P without the mean (frequency 0). A blurred image has its power at low frequencies.
    As a ratio it does not depend on the brightness. (Family: S. Pertuz, D. Puig, M. A. Garcia, Pattern Recognition 46
    (2013) 1415, FFT energy.)
    """

    def __init__(
        self,
        shape: Sequence[int],
        dtype: npt.DTypeLike,
        *,
        band: tuple[float, float] = (0.05, 0.35),
        mask: Any | None = None,
        limits: tuple[float, float] | None = None,
    ) -> None:
        """Prepare.

        Args:
            shape: rows and columns of the frames; at least 8 each.
            dtype: of the frames: one of `frames.DTYPES`.
            band: lowest and highest frequency, in periods per pixel, from 0 to 0.7071 (the corner of the transform). By
                default noise of single pixels, at the highest ones, stays out.
            mask: not 0 where a pixel is left out; it is filled with the mean.
            limits: least and largest value that count; others are filled as well.

        Raises:
            BadValue: a wrong shape, dtype, limit or band.
        """
        self.frames = Frames.of("focus measure", shape, dtype)
        if min(self.frames.shape) < 8:
            raise BadValue(f"focus measure: a frame has at least 8 x 8 pixels, not {shape[0]} x {shape[1]}")
        low, high = band
        if not 0 <= low < high:
            raise BadValue(
                f"focus measure: a band from {low:g} to {high:g} periods per pixel is none; give the lower end first"
            )
        self._bad = None if mask is None else self.frames.mask(mask)
        self._limits = self.frames.limits(limits)
        rows, columns = self.frames.shape
        self._window = np.outer(np.hanning(rows), np.hanning(columns)).astype(np.float32)
        frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None, :])
        twice = np.full(frequency.shape, 2.0)  # the transform of real values is symmetric, half of it is computed
        twice[:, 0] = 1
        if columns % 2 == 0:
            twice[:, -1] = 1
        twice[0, 0] = 0
        self._all = twice.astype(np.float32)
        self._band = np.where((frequency >= low) & (frequency <= high), twice, 0).astype(np.float32)

    def __call__(self, frame: Any) -> float:
        """The measure of a frame, from 0 to 1; NaN if it has no structure at all, or no valid pixel.

        Raises:
            BadValue: it is not as prepared for.
        """
        from scipy import fft

        raw = self.frames.take(frame)
        image = raw.astype(np.float32)
        bad = self._bad
        if self._limits.checked:
            outside = ~((raw >= self._limits.least) & (raw <= self._limits.most))
            bad = outside if bad is None else outside | bad
        if bad is None:
            image -= image.mean(dtype=np.float64)
        else:
            if bad.all():
                return float("nan")
            image -= image.mean(dtype=np.float64, where=~bad)
            image[bad] = 0
        largest = float(np.abs(image).max())
        if largest == 0:
            return float("nan")
        image *= self._window * np.float32(1 / largest)  # squares of any frame fit into float32
        found = fft.rfft2(image, overwrite_x=True)
        power = found.real**2 + found.imag**2
        whole = float((self._all * power).sum(dtype=np.float64))
        return float((self._band * power).sum(dtype=np.float64)) / whole
