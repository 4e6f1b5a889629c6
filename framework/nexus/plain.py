"""Reading files that others may have touched: numbers and texts alone, no references and nothing of variable length."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from ronda.framework.errors import ServiceFailed


def is_plain(dtype: np.dtype[Any]) -> bool:
    """Whether a type holds numbers or text, itself or in its fields."""
    if dtype.fields is not None:
        return all(is_plain(field[0]) for field in dtype.fields.values())
    if dtype.subdtype is not None:
        return is_plain(dtype.subdtype[0])
    return dtype.kind in "biufcSV" or (dtype.kind == "O" and h5py.check_string_dtype(dtype) is not None)


def require_plain(file: h5py.Group) -> None:
    """Refuse a file that holds references, or arrays of variable length, anywhere.

    Raises:
        ServiceFailed: it does.
    """

    def look(name: str, thing: Any) -> None:
        if isinstance(thing, h5py.Dataset) and not is_plain(thing.dtype):
            raise ServiceFailed(_refused(file, name))
        for attribute in thing.attrs:
            if not is_plain(thing.attrs.get_id(attribute).dtype):
                raise ServiceFailed(_refused(file, f"{name}, attribute {attribute},"))

    file.visititems(look)


def read_values(
    file: h5py.Group, path: str, dtype: np.dtype[Any], shape: tuple[int, ...], start: int, stop: int
) -> npt.NDArray[Any]:
    """Points with start ≤ index < stop of a dataset that must have the type and the shape of a point that we wrote.

    Raises:
        KeyError: there is no such dataset.
        ServiceFailed: it is something else.
    """
    dataset = file[path]
    if not isinstance(dataset, h5py.Dataset) or not is_plain(dataset.dtype):
        raise ServiceFailed(_refused(file, path))
    if dataset.dtype != dtype or dataset.shape[1:] != shape or dataset.ndim != 1 + len(shape):
        raise ServiceFailed(
            f"{file.file.filename}: {path} has the type {dataset.dtype} and the shape {dataset.shape}; points of this "
            f"channel are {dtype} of the shape {shape}: the file was changed"
        )
    return np.asarray(dataset[start:stop])


def read_text(file: h5py.Group, path: str) -> str:
    """A single text.

    Raises:
        KeyError: there is no such dataset.
        ServiceFailed: it is something else.
    """
    dataset = file[path]
    if not isinstance(dataset, h5py.Dataset) or dataset.shape != () or h5py.check_string_dtype(dataset.dtype) is None:
        raise ServiceFailed(f"{file.file.filename}: {path} is not a text as it was written: the file was changed")
    return str(dataset[()].decode(errors="replace"))


def _refused(file: h5py.Group, what: str) -> str:
    return (
        f"{file.file.filename}: {what} holds references or objects, which are not read: only numbers and texts are; "
        "the file was not made so by a writer of ours"
    )
