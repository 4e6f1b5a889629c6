"""Histograms of events, filled block after block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue
from ronda.framework.kernels.compiling import kernel
from ronda.framework.kernels.frames import DTYPES, Array, Floats
from ronda.framework.kernels.splitting import Grid

MOST_BINS = 1 << 30
"""A histogram has no more bins: counts of 4 bytes each have to fit into memory."""


class EventHistogram:
    """Counts events by one to three coordinates: position, time of flight, energy; not for several threads at a time.

    Bins are half open, [low, high), but the last holds its upper edge, as those of `numpy.histogramdd`. Coordinates
    that are not finite or outside are counted in `outside`. In which bin a value on an edge falls is computed as
    ⌊(value − low) · (bins / (high − low))⌋ in float64.

    Attributes:
        counts: uint32, shape (bins of the first axis, …); of all blocks since the start or `clear`.
        outside: events that fell in no bin.
    """

    def __init__(self, axes: Sequence[Grid], dtypes: Sequence[npt.DTypeLike] | None = None) -> None:
        """Prepare and compile.

        Args:
            axes: bins of each coordinate, one to three.
            dtypes: of the coordinates' arrays, each one of `frames.DTYPES`; None: float64.

        Raises:
            BadValue: too few or many axes or bins, a wrong edge or dtype.
        """
        self.axes = tuple(axes)
        if not 1 <= len(self.axes) <= 3:
            raise BadValue(f"event histogram: has one to three axes, not {len(self.axes)}")
        for axis in self.axes:
            if axis.bins < 1 or not axis.low < axis.high or not np.isfinite(axis.high - axis.low):
                raise BadValue(
                    f"event histogram: {axis.bins} bins from {axis.low:g} to {axis.high:g} are no axis; "
                    "it has at least one, and the lower edge first"
                )
        shape = tuple(axis.bins for axis in self.axes)
        if np.prod(shape, dtype=float) > MOST_BINS:
            raise BadValue(
                f"event histogram: {np.prod(shape, dtype=float):.3g} bins are more than {MOST_BINS}; take wider ones"
            )
        self.dtypes = tuple(np.dtype(each) for each in dtypes or [np.float64] * len(shape))
        if len(self.dtypes) != len(shape) or any(each.name not in DTYPES for each in self.dtypes):
            raise BadValue(
                f"event histogram: {len(shape)} axes need as many dtypes, each one of {', '.join(DTYPES)}; "
                f"given are {', '.join(map(str, self.dtypes))}"
            )
        self.counts = np.zeros(shape, np.uint32)
        self.outside = 0
        self._bins = np.zeros(3, np.int64)
        self._low, self._high, self._scale = np.zeros(3), np.zeros(3), np.zeros(3)
        for at, axis in enumerate(self.axes):
            self._bins[at], self._low[at], self._high[at] = axis.bins, axis.low, axis.high
            self._scale[at] = axis.bins / (axis.high - axis.low)
        self.add(*(np.zeros(0, each) for each in self.dtypes))

    def add(self, *coordinates: Any) -> None:
        """Count a block of events.

        Args:
            coordinates: an array for each axis, shape (events,), of the dtypes that were prepared for.

        Raises:
            BadValue: they are not, or not equally long; nothing of the block is counted then.
        """
        arrays = [np.asarray(each) for each in coordinates]
        if (
            len(arrays) != len(self.dtypes)
            or any(each.ndim != 1 or each.size != arrays[0].size for each in arrays)
            or any(each.dtype.newbyteorder("=") != dtype for each, dtype in zip(arrays, self.dtypes, strict=True))
        ):
            given = ", ".join(f"{each.dtype} of shape {each.shape}" for each in arrays) or "nothing"
            raise BadValue(
                f"event histogram: a block is one array for each of the {len(self.dtypes)} axes, equally long, of "
                f"{', '.join(map(str, self.dtypes))}; given is {given}"
            )
        ready = []
        for each, dtype in zip(arrays, self.dtypes, strict=True):
            view = np.require(each, dtype, ["C", "A"]).view()
            view.flags.writeable = False
            ready.append(view)
        fill: Any = (_fill1, _fill2, _fill3)[len(ready) - 1]
        self.outside += int(fill(*ready, self._low, self._high, self._scale, self._bins, self.counts))

    def clear(self) -> None:
        """Start anew."""
        self.counts[...] = 0
        self.outside = 0

    @property
    def centres(self) -> list[Floats]:
        """Middle of the bins of each axis."""
        return [axis.centres for axis in self.axes]


@kernel
def _place(value: float, low: float, high: float, scale: float, bins: int) -> int:
    if not (value >= low and value <= high):
        return -1
    return min(int((value - low) * scale), bins - 1)


@kernel
def _fill1(a: Array, low: Array, high: Array, scale: Array, bins: Array, counts: Array) -> int:
    outside = 0
    for at in range(a.size):
        i = _place(np.float64(a[at]), low[0], high[0], scale[0], bins[0])
        if i < 0:
            outside += 1
        else:
            counts[i] += np.uint32(1)
    return outside


@kernel
def _fill2(a: Array, b: Array, low: Array, high: Array, scale: Array, bins: Array, counts: Array) -> int:
    outside = 0
    for at in range(a.size):
        i = _place(np.float64(a[at]), low[0], high[0], scale[0], bins[0])
        j = _place(np.float64(b[at]), low[1], high[1], scale[1], bins[1])
        if i < 0 or j < 0:
            outside += 1
        else:
            counts[i, j] += np.uint32(1)
    return outside


@kernel
def _fill3(a: Array, b: Array, c: Array, low: Array, high: Array, scale: Array, bins: Array, counts: Array) -> int:
    outside = 0
    for at in range(a.size):
        i = _place(np.float64(a[at]), low[0], high[0], scale[0], bins[0])
        j = _place(np.float64(b[at]), low[1], high[1], scale[1], bins[1])
        k = _place(np.float64(c[at]), low[2], high[2], scale[2], bins[2])
        if i < 0 or j < 0 or k < 0:
            outside += 1
        else:
            counts[i, j, k] += np.uint32(1)
    return outside
