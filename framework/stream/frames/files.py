"""Frames in files that a detector writes itself; h5py is imported when one is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ronda.framework.errors import CommunicationFailed, NotAllowed, NotReady
from ronda.framework.stream.answers import FrameLost
from ronda.framework.stream.blocks import FrameReference
from ronda.framework.stream.description import Channel

ROOTS = "RONDA_DATA_ROOTS"
"""Environment variable that names the data roots, separated as in PATH."""


def roots_from_environment() -> list[Path]:
    """The data roots that the environment names."""
    return [Path(part) for part in os.environ.get(ROOTS, "").split(os.pathsep) if part]


def locate(reference: FrameReference, roots: Sequence[Path]) -> Path:
    """The file of a reference: the first below a data root that is there, else where it will be below the first root.

    Symbolic links are followed before it is looked where the file lies.

    Raises:
        NotReady: no data root is known.
        NotAllowed: it is not below a data root.
    """
    if not roots:
        raise NotReady(
            f"{reference.address}: is a detector's file, and no data root is known below which it lies; name them in "
            f"{ROOTS}, or give them"
        )
    allowed = []
    for root in roots:
        whole = root.expanduser().resolve()
        path = (whole / reference.address).resolve()
        if path.is_relative_to(whole) and path != whole and "\0" not in reference.address:
            allowed.append(path)
    if not allowed:
        raise NotAllowed(
            f"{reference.address}: a detector's file must lie below a data root ({', '.join(map(str, roots))}), also "
            "after links are followed; it is not read"
        )
    return next((path for path in allowed if path.exists()), allowed[0])


@contextmanager
def opened_dataset(reference: FrameReference, channel: Channel, roots: Sequence[Path]) -> Iterator[Any]:
    """The dataset that a reference names.

    Raises:
        NotReady, NotAllowed: as `locate`.
        FrameLost: its file has no such dataset, or one of other frames.
        CommunicationFailed: the file is not there or cannot be opened; it may come.
    """
    import h5py
    import hdf5plugin  # noqa: F401 - detectors compress with what it brings

    path = locate(reference, roots)
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise CommunicationFailed(f"{path}: the detector's file cannot be opened: {error}") from error
    with file:
        dataset = file.get(reference.path)
        if not isinstance(dataset, h5py.Dataset):
            raise FrameLost(f"{path}: has no dataset {reference.path}")
        if dataset.shape[1:] != channel.shape or dataset.dtype.newbyteorder("<") != channel.numpy_dtype:
            raise FrameLost(
                f"{path}: {reference.path} holds frames of {dataset.shape[1:]} {dataset.dtype}, the scan's description "
                f"says {channel.shape} {channel.numpy_dtype}"
            )
        yield dataset
