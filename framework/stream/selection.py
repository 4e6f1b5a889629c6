"""The index arithmetic of h5py: what stands between the brackets of `dataset[…]`, axis by axis."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.stream.answers import BadIndex, BadSelection

Rows = range | npt.NDArray[np.int64]


@dataclass(frozen=True)
class Selection:
    """A selection of a dataset.

    Attributes:
        rows: the wanted indices of the first axis, rising.
        others: what is wanted of each further axis.
        squeezed: the axes that an integer selects, which the result does not have.
        mask: a boolean array of the dataset's shape that selects single elements, None in all other cases.
    """

    rows: Rows
    others: tuple[slice | npt.NDArray[np.int64], ...]
    squeezed: tuple[int, ...]
    mask: npt.NDArray[np.bool_] | None = None

    def apply(self, points: npt.NDArray[Any]) -> Any:
        """The selected part of the selected rows; `points` has them as its first axis."""
        if self.mask is not None:
            return points[self.mask]
        for axis, wanted in enumerate(self.others, start=1):
            if not (isinstance(wanted, slice) and wanted == slice(None)):
                points = points[(slice(None),) * axis + (wanted,)]
        if self.squeezed:
            points = np.squeeze(points, self.squeezed)
        return points if points.ndim else points[()]


def select(arguments: Any, shape: tuple[int, ...], name: str) -> Selection:
    """What `dataset[arguments]` means for a dataset of that shape with at least one axis.

    Args:
        name: of the dataset, for errors.

    Raises:
        BadIndex: an index is outside the dataset.
        BadSelection: h5py does not support it either.
    """
    parts = arguments if isinstance(arguments, tuple) else (arguments,)
    if len(parts) == 1 and isinstance(parts[0], np.ndarray) and parts[0].dtype.kind == "b" and parts[0].ndim > 1:
        if parts[0].shape != shape:
            raise BadSelection(f"{name}: a mask of shape {parts[0].shape} does not fit the shape {shape}")
        return Selection(range(shape[0]), (), (), parts[0])
    wanted: list[slice | range | npt.NDArray[np.int64]] = []
    squeezed = []
    lists = 0
    for axis, part in enumerate(_expand(parts, len(shape), name)):
        if isinstance(part, slice):
            wanted.append(_slice(part, shape[axis], name))
        elif (index := _integer(part)) is not None:
            wanted.append(_single(index, shape[axis], name))
            squeezed.append(axis)
        else:
            wanted.append(_list(part, shape[axis], name))
            lists += 1
    if lists > 1:
        raise BadSelection(f"{name}: only one axis can be selected by a list, {lists} are")
    rows = wanted[0]
    return Selection(
        range(shape[0])[rows] if isinstance(rows, slice) else rows,
        tuple(slice(one.start, one.stop, one.step) if isinstance(one, range) else one for one in wanted[1:]),
        tuple(squeezed),
    )


def gather(rows: Rows, read: Callable[[int, int], npt.NDArray[Any]], near: int) -> npt.NDArray[Any]:
    """The wanted rows, read in pieces.

    Args:
        read: gives the rows with start ≤ index < stop.
        near: rows that are not further apart than this are read together.
    """
    if len(rows) == 0:
        return read(0, 0)
    if isinstance(rows, range) and rows.step <= near:
        return read(rows[0], rows[-1] + 1)[:: rows.step]
    indices = np.asarray(rows)
    cuts = np.flatnonzero(np.diff(indices) > near) + 1
    pieces = [read(int(piece[0]), int(piece[-1]) + 1)[piece - piece[0]] for piece in np.split(indices, cuts)]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _expand(parts: tuple[Any, ...], axes: int, name: str) -> list[Any]:
    """One part for each axis."""
    ellipses = sum(part is Ellipsis for part in parts)
    if ellipses > 1:
        raise BadSelection(f"{name}: only one ellipsis may be used")
    if len(parts) - ellipses > axes:
        raise BadSelection(f"{name}: {len(parts) - ellipses} indices for {axes} axes")
    place = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    filling = [slice(None)] * (axes - len(parts) + ellipses)
    return [*parts[:place], *filling, *parts[place + 1 :]]


def _slice(part: slice, length: int, name: str) -> slice:
    try:
        start, stop, step = part.indices(length)
    except (TypeError, ValueError) as error:
        raise BadSelection(f"{name}: {part} selects nothing ({error})") from error
    if step < 1:
        raise BadSelection(f"{name}: the step of a slice must be 1 or more, not {step}")
    if (start, stop, step) == (0, length, 1):
        return slice(None)
    return slice(start, max(stop, start), step)


def _integer(part: Any) -> int | None:
    try:
        return operator.index(part)
    except TypeError:
        return None


def _single(index: int, length: int, name: str) -> range:
    if not -length <= index < length:
        raise BadIndex(f"{name}: index {index} is outside the {length} points there are")
    place = index % length
    return range(place, place + 1)


def _list(part: Any, length: int, name: str) -> npt.NDArray[np.int64]:
    if part is None or isinstance(part, str | bytes | float | complex | dict | set):
        raise BadSelection(f"{name}: {part!r} selects nothing; use integers, slices, ..., or one list of integers")
    try:
        array = np.asarray(part)
    except ValueError as error:
        raise BadSelection(f"{name}: a list that selects must have one axis ({error})") from error
    if array.ndim != 1:
        raise BadSelection(f"{name}: a list that selects must have one axis, this has {array.ndim}")
    if array.dtype.kind == "b":
        if len(array) != length:
            raise BadSelection(f"{name}: a mask of {len(array)} elements does not fit the {length} there are")
        return np.flatnonzero(array)
    if len(array) == 0 and not isinstance(part, np.ndarray):
        return np.empty(0, np.int64)
    if array.dtype.kind not in "iu":
        raise BadSelection(f"{name}: a list that selects holds integers, not {array.dtype}")
    indices = array.astype(np.int64)
    outside = indices[(indices < -length) | (indices >= length)]
    if len(outside):
        raise BadIndex(f"{name}: index {outside[0]} is outside the {length} points there are")
    indices = np.where(indices < 0, indices + length, indices)
    if np.any(np.diff(indices) <= 0):
        raise BadSelection(f"{name}: the integers of a list that selects must rise")
    return indices
