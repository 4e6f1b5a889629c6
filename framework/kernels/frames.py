"""Which arrays a kernel is prepared for, and which of their pixels count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

DTYPES = ("uint8", "uint16", "uint32", "int16", "int32", "float32", "float64")
"""What frames may consist of."""


def told(shape: Sequence[int]) -> str:
    """A shape for people: `1024 x 512`."""
    return " x ".join(map(str, shape)) or "a single value"


@dataclass(frozen=True)
class Frames:
    """Arrays of one shape and dtype.

    Attributes:
        who: the kernel, for messages.
        shape: of each array; of a frame rows and columns.
        dtype: of its values, in the machine's order of bytes.
    """

    who: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, who: str, shape: Sequence[int], dtype: npt.DTypeLike, dimensions: int = 2) -> Frames:
        """Check a shape and a dtype.

        Raises:
            BadValue: there are too few or too many dimensions, or values of this dtype are not computed with.
        """
        try:
            sides = tuple(int(side) for side in shape)
        except (TypeError, ValueError) as error:
            raise BadValue(f"{who}: a shape is {dimensions} whole numbers, not {shape!r}") from error
        if len(sides) != dimensions or min(sides, default=0) < 0:
            raise BadValue(f"{who}: takes arrays of {dimensions} dimensions, not {told(sides)}")
        try:
            known = np.dtype(dtype).newbyteorder("=")
        except TypeError as error:
            raise BadValue(f"{who}: {dtype!r} is no dtype; there are {', '.join(DTYPES)}") from error
        if known.name not in DTYPES:
            raise BadValue(f"{who}: does not compute with {known}; convert the frames to one of {', '.join(DTYPES)}")
        return cls(who, sides, known)

    @property
    def size(self) -> int:
        """Values of an array."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def sum_dtype(self) -> np.dtype[Any]:
        """What sums of values are exact in, or as good as can be."""
        return np.dtype(np.int64 if self.dtype.kind in "iu" else np.float64)

    def take(self, array: Any) -> Array:
        """The array as the compiled code wants it; copied only if its values do not lie one after the other.

        Returns:
            A view that cannot be written to, so that there is one kind of argument whatever was given.

        Raises:
            BadValue: it has another shape or dtype.
        """
        given = np.asarray(array)
        if given.shape != self.shape or given.dtype.newbyteorder("=") != self.dtype:
            raise BadValue(
                f"{self.who}: is prepared for {self.dtype} of {told(self.shape)}, not for {given.dtype} of "
                f"{told(given.shape)}; prepare another one for these"
            )
        view = np.require(given, self.dtype, ["C", "A"]).view()
        view.flags.writeable = False
        return view

    def zeros(self) -> Array:
        """An array to compile the code with."""
        return self.take(np.zeros(self.shape, self.dtype))

    def per_pixel(self, what: str, values: Any) -> Floats:
        """Numbers for each pixel, as float64 of this shape.

        Raises:
            BadValue: they have another shape.
        """
        found = np.ascontiguousarray(values, np.float64)
        if found.shape != self.shape:
            raise BadValue(
                f"{self.who}: the {what} is {told(found.shape)}, it must be as the frames, {told(self.shape)}"
            )
        return found

    def mask(self, mask: Any | None) -> npt.NDArray[np.bool_]:
        """Which pixels are left out: those that are not 0 in a mask, as in NeXus and pyFAI.

        Raises:
            BadValue: the mask has another shape.
        """
        if mask is None:
            return np.zeros(self.shape, bool)
        found = np.asarray(mask)
        if found.shape != self.shape:
            raise BadValue(f"{self.who}: the mask is {told(found.shape)}, it must be as the frames, {told(self.shape)}")
        return np.ascontiguousarray(found != 0)

    def limits(self, limits: tuple[float, float] | None) -> Limits:
        """Which values count.

        Args:
            limits: least and largest value that count; None: all finite values.

        Raises:
            BadValue: they are not in order.
        """
        if self.dtype.kind == "f":
            information = np.finfo(self.dtype)
            least, most = information.min, information.max
        else:
            whole = np.iinfo(self.dtype)
            least, most = self.dtype.type(whole.min), self.dtype.type(whole.max)
        if limits is None:
            return Limits(least, most, self.dtype.kind == "f")
        low, high = limits
        if not low <= high:
            raise BadValue(f"{self.who}: values from {low:g} to {high:g} are none; give the lower limit first")
        convert = self.dtype.type
        if self.dtype.kind == "f":
            return Limits(convert(max(low, float(least))), convert(min(high, float(most))), checked=True)
        first, last = np.ceil(max(low, float(least))), np.floor(min(high, float(most)))
        if first > last:
            raise BadValue(
                f"{self.who}: none of the values of {self.dtype} lies from {low:g} to {high:g}; choose other limits"
            )
        return Limits(convert(int(first)), convert(int(last)), checked=True)


@dataclass(frozen=True)
class Limits:
    """Which values count: from `least` to `most`, both of the frames' dtype. NaN and infinite ones never do.

    Attributes:
        least: the least.
        most: the largest. For a detector that marks dead and saturated pixels with its largest value, one less.
        checked: whether other values can occur at all.
    """

    least: Any
    most: Any
    checked: bool
