"""Opening a scan to read it, wherever it is: in memory, in its file, or partly in both."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np
import numpy.typing as npt

from ronda.framework.errors import NotFound, ServiceFailed
from ronda.framework.nexus.layout import channel_path, entry_name, nexus_layout, times_path
from ronda.framework.nexus.plain import read_values, require_plain
from ronda.framework.nexus.words import CONSUMER
from ronda.framework.stream import Description, Scan, Stream
from ronda.framework.stream.blocks import TIME_TYPE
from ronda.framework.stream.layout import GroupNode

T = TypeVar("T")

ATTEMPTS = 5
"""How often a file that is being written is opened before its failure counts."""


class SavedScan:
    """The points of a scan that have left memory, read from its file; the file is open only while it is read.

    Args:
        path: of the scan's file.
    """

    def __init__(self, path: Path, number: int, description: Description) -> None:
        self._path = path
        self._entry = f"/{entry_name(number)}"
        self._description = description

    def length(self, device: str) -> int:
        """Number of points of a device in the file.

        Raises:
            ServiceFailed: the file cannot be read.
        """
        where = times_path(self._entry, self._description.device(device))
        return self._read(lambda file: int(file[where].shape[0]))

    def read(self, device: str, channel: str | None, start: int, stop: int) -> npt.NDArray[Any]:
        """Points of a channel with start ≤ index < stop; the times of the device if channel is None.

        Raises:
            NotFound: the file does not hold them.
            ServiceFailed: the file cannot be read.
        """
        found = self._description.device(device)
        dtype: np.dtype[Any] = TIME_TYPE
        shape: tuple[int, ...] = ()
        if channel is None:
            where = times_path(self._entry, found)
        else:
            described = self._description.channel(channel)[1]
            where = channel_path(self._entry, found, described)
            dtype, shape = described.numpy_dtype, described.shape
        values = self._read(lambda file: read_values(file, where, dtype, shape, start, stop))
        if len(values) != stop - start:
            raise NotFound(
                f"{device}: the points {start} to {stop - 1} have left memory, and {self._path} has only "
                f"{start + len(values)}"
            )
        return values

    def _read(self, take: Callable[[h5py.File], T]) -> T:
        import hdf5plugin  # noqa: F401 - images are compressed with what it brings

        for attempt in range(ATTEMPTS):
            try:
                with h5py.File(self._path, "r", locking=False) as file:
                    return take(file)
            except (OSError, KeyError, RuntimeError) as error:
                if attempt == ATTEMPTS - 1:
                    raise ServiceFailed(f"{self._path}: cannot be read: {error}") from error
                time.sleep(0.02)
        raise AssertionError("unreachable")


def open_scan(which: int | str | Path, stream: Stream | None = None, file: Path | None = None) -> Any:
    """The entry of a scan, to be used like an h5py group: the same tree while it runs, when it has ended, in its file.

    Args:
        which: number, id or `last` of a scan in memory, or the path of a file.
        stream: where the scan is; not needed for a file.
        file: path of the scan's file, from which comes what has left memory; where the writer says it is if None.

    Returns:
        The stream's Group, or the h5py.Group of an open file; `.file` is the root.

    Raises:
        NotFound: there is no such scan or file.
        ServiceFailed: the file cannot be read, or holds references or objects.
    """
    if isinstance(which, Path) or (isinstance(which, str) and which.endswith((".h5", ".hdf5", ".nxs"))):
        return _open_file(Path(which))
    if stream is None:
        raise NotFound(f"scan {which}: no stream was given to look for it; give one, or the path of its file")
    return tree(stream.scan(which), file)


def tree(scan: Scan, file: Path | None = None) -> Any:
    """The entry of a scan in memory, with the tree of its NeXus file.

    Args:
        file: where the points are that have left memory; where the writer says it is if None.
    """
    if file is None and (told := scan.note(CONSUMER)):
        file = Path(told)
    record = scan.record()

    def layout(identifier: str, number: int, description: Description) -> GroupNode:
        return nexus_layout(identifier, number, description, record)

    saved = SavedScan(file, scan.number, scan.description) if file is not None else None
    return scan.tree(layout, saved)[entry_name(scan.number)]


def _open_file(path: Path) -> h5py.Group:
    import hdf5plugin  # noqa: F401 - images are compressed with what it brings

    if not path.exists():
        raise NotFound(f"{path}: there is no such file")
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise ServiceFailed(f"{path}: cannot be read: {error}") from error
    try:
        require_plain(file)
    except ServiceFailed:
        file.close()
        raise
    default = str(file.attrs.get("default", ""))
    if not isinstance(file.get(default), h5py.Group):
        raise NotFound(f"{path}: names no default entry; it is no file of a scan")
    return file[default]
