"""Spectra from fast streams: samples of a digitiser binned by an encoder that is read with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue
from ronda.framework.kernels.compiling import kernel
from ronda.framework.kernels.frames import Array, Floats, told

ENCODERS = ("int32", "int64", "float64")
"""What positions of the encoder may consist of."""


@dataclass(frozen=True)
class Spectrum:
    """One sweep of the encoder. Arrays have the shape (bins, channels), but for `count`.

    Attributes:
        count: int64, shape (bins,): samples in each bin.
        total: int64: their sum, exact.
        squares: int64: the sum of their squares, exact.
        first: number of its first sample in the stream, from 0.
        samples: how many samples the sweep had, with those outside of the bins.
        rising: whether the encoder went up.
        whole: whether it began and ended with a turn of the encoder.
    """

    count: npt.NDArray[np.int64]
    total: npt.NDArray[np.int64]
    squares: npt.NDArray[np.int64]
    first: int
    samples: int
    rising: bool
    whole: bool

    @property
    def mean(self) -> Floats:
        """Mean of the samples of each bin; NaN in empty ones."""
        number = self.count[:, None]
        found: Floats = np.divide(self.total, number, out=np.full(self.total.shape, np.nan), where=number > 0)
        return found

    @property
    def deviation(self) -> Floats:
        """Their standard deviation, √(Σv²/n − (Σv/n)²); NaN in empty bins."""
        number = np.maximum(self.count[:, None], 1)
        # from what is left after whole numbers were taken off, for the difference of large numbers loses digits
        whole = self.total // number
        rest = self.total - whole * number
        away = self.squares - 2 * whole * self.total + number * whole * whole
        variance = away / number - (rest / number) ** 2
        return np.where(self.count[:, None] > 0, np.sqrt(np.maximum(variance, 0.0)), np.nan)


class EncoderSpectra:
    """Sorts samples into bins of the encoder's position, a spectrum for each sweep; not for several threads at a time.

    A sweep ends when the encoder has come back by more than `hysteresis` from its furthest point. Samples until that is
    seen belong to the sweep that ends, so results do not depend on how the stream was cut into blocks. Bins are [e_k,
    e_{k+1}), and the last holds its upper edge, as those of `numpy.histogram`. As an encoder moves on by little from
    sample to sample, the bin is looked for from the last one, so edges may have any distances, such as those of
    equal steps in energy.
    """

    def __init__(
        self,
        edges: Sequence[float] | Floats,
        channels: int,
        *,
        encoder: npt.DTypeLike = np.int32,
        hysteresis: float | None = None,
    ) -> None:
        """Prepare and compile.

        Args:
            edges: of the bins, ascending, in the unit of the encoder (counts).
            channels: of the digitiser, int16 each.
            encoder: dtype of the positions: one of ENCODERS.
            hysteresis: in the unit of the encoder, more than its noise; None: all samples are one spectrum, see
            `flush`.

        Raises:
            BadValue: the edges do not ascend, or a number or dtype is not allowed.
        """
        self.edges = np.ascontiguousarray(edges, np.float64)
        if self.edges.ndim != 1 or self.edges.size < 2 or not (np.diff(self.edges) > 0).all():
            raise BadValue("encoder spectra: edges of bins are two or more numbers, each above the one before")
        if channels < 1:
            raise BadValue(f"encoder spectra: {channels} channels are none; there is at least one")
        self.encoder = np.dtype(encoder)
        if self.encoder.name not in ENCODERS:
            raise BadValue(f"encoder spectra: positions are {', '.join(ENCODERS)}, not {self.encoder}; convert them")
        if hysteresis is not None and not hysteresis >= 0:
            raise BadValue(f"encoder spectra: the hysteresis is {hysteresis:g}, it must not be below 0")
        self.hysteresis = np.inf if hysteresis is None else float(hysteresis)
        self._channels = int(channels)
        self._begin(0)
        self._whole = False
        self._state = np.zeros(4)  # direction (0: not known), lowest and highest position of the sweep, last bin
        self._state[1:3] = np.inf, -np.inf
        self.add(np.zeros((0, channels), np.int16), np.zeros(0, self.encoder))

    def add(self, samples: Any, positions: Any) -> list[Spectrum]:
        """Sort a block of the stream.

        Args:
            samples: int16, shape (n, channels).
            positions: of the encoder at each sample, shape (n,), of the prepared dtype.

        Returns:
            The spectra of sweeps that ended within the block.

        Raises:
            BadValue: wrong shapes or dtypes; nothing of the block is sorted then.
        """
        values, where = np.asarray(samples), np.asarray(positions)
        if (
            values.shape != (where.size, self._channels)
            or where.ndim != 1
            or values.dtype.newbyteorder("=") != np.int16
            or where.dtype.newbyteorder("=") != self.encoder
        ):
            raise BadValue(
                f"encoder spectra: a block is int16 of n x {self._channels} and {self.encoder} of n, not "
                f"{values.dtype} of {told(values.shape)} and {where.dtype} of {told(where.shape)}"
            )
        values = np.require(values, np.int16, ["C", "A"]).view()
        where = np.require(where, self.encoder, ["C", "A"]).view()
        values.flags.writeable = where.flags.writeable = False
        done: list[Spectrum] = []
        start = 0
        while True:
            end, turned = _sort(
                values, where, start, self.edges, self.hysteresis, self._state, self._count, self._total, self._squares
            )
            self._samples += end - start
            if not turned:
                return done
            done.append(self._spectrum(rising=bool(self._state[0] < 0), whole=self._whole))  # the other way than now
            self._begin(self._first + self._samples)
            self._whole = True
            start = end

    def flush(self) -> Spectrum:
        """What was sorted since the last sweep ended, as a spectrum that is not whole; the next one starts anew."""
        found = self._spectrum(rising=bool(self._state[0] > 0), whole=False)
        self._begin(self._first + self._samples)
        self._whole = False
        return found

    def _begin(self, first: int) -> None:
        bins = self.edges.size - 1
        self._count = np.zeros(bins, np.int64)
        self._total = np.zeros((bins, self._channels), np.int64)
        self._squares = np.zeros((bins, self._channels), np.int64)
        self._first, self._samples = first, 0

    def _spectrum(self, *, rising: bool, whole: bool) -> Spectrum:
        return Spectrum(self._count, self._total, self._squares, self._first, self._samples, rising, whole)


@kernel
def _sort(
    samples: Array, positions: Array, start: int, edges: Array, hysteresis: float, state: Array,
    count: Array, total: Array, squares: Array,
) -> tuple[int, bool]:  # fmt: skip
    """Sort samples from `start` on until the encoder turns; tells where it ended, and whether by a turn."""
    channels = samples.shape[1]
    last = edges.size - 2
    direction, low, high, b = state[0], state[1], state[2], int(state[3])
    turned = False
    at = start
    while at < positions.size:
        position = np.float64(positions[at])
        if direction > 0 and position < high - hysteresis:
            direction, low, high, turned = -1.0, position, position, True
            break
        if direction < 0 and position > low + hysteresis:
            direction, low, high, turned = 1.0, position, position, True
            break
        if np.isfinite(position):
            low, high = min(low, position), max(high, position)
            if direction == 0 and position > low + hysteresis:
                direction = 1.0
            elif direction == 0 and position < high - hysteresis:
                direction = -1.0
        if position >= edges[0] and position <= edges[last + 1]:
            for _ in range(8):
                if b < last and position >= edges[b + 1]:
                    b += 1
                elif position < edges[b]:
                    b -= 1
                else:
                    break
            if position < edges[b] or (b < last and position >= edges[b + 1]):
                b = min(int(np.searchsorted(edges, position, side="right")) - 1, last)
            count[b] += 1
            for channel in range(channels):
                value = np.int64(samples[at, channel])
                total[b, channel] += value
                squares[b, channel] += value * value
        at += 1
    state[0], state[1], state[2], state[3] = direction, low, high, b
    return at, turned
