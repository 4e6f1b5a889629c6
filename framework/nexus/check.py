"""Comparing the file of a scan with the stream, point by point."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from ronda.framework.errors import CommunicationFailed, NotFound, NotReady, ServiceFailed
from ronda.framework.nexus.checksum import intact
from ronda.framework.nexus.file import identity
from ronda.framework.nexus.layout import channel_path, entry_name, nexus_layout, times_path
from ronda.framework.nexus.plain import read_text, require_plain
from ronda.framework.nexus.structure import CLOSED, WRITER_GROUP, times_of
from ronda.framework.stream import NoLongerInMemory, Scan, Stream

PIECE = 1 << 22
"""Bytes compared at once."""


@dataclass
class Comparison:
    """What a check found.

    Attributes:
        file: the file.
        identifier: id of the scan that it holds.
        closed: whether it is closed for good.
        intact: whether it is what it was when it was closed; None if no checksum was noted.
        in_memory: whether memory still has the scan.
        compared: by device, the range of points that memory has and that were compared.
        faults: a sentence for each thing that is wrong.
    """

    file: Path
    identifier: str
    closed: bool
    intact: bool | None
    in_memory: bool = False
    compared: dict[str, tuple[int, int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def check(path: Path, stream: Stream | None) -> Comparison:
    """Compare a file with what memory holds of its scan.

    Args:
        stream: None to look at the file alone.

    Raises:
        NotFound: there is no such file, or it is none of ours.
        ServiceFailed: it cannot be read, or holds references or objects.
    """
    import hdf5plugin  # noqa: F401 - images are compressed with what it brings

    try:
        found = identity(path)
    except FileNotFoundError as error:
        raise NotFound(f"{path}: there is no such file") from error
    except OSError as error:
        raise ServiceFailed(f"{path}: cannot be read: {error}") from error
    if found is None:
        raise NotFound(f"{path}: is no file of a scan that this writer made")
    result = Comparison(path, found[0], found[1] == CLOSED, intact(path))
    if result.intact is False:
        result.faults.append("its checksum is not the one noted when it was closed: it was changed or damaged")
    if stream is None:
        return result
    try:
        scan = stream.scan(result.identifier)
    except NotFound:
        return result
    result.in_memory = True
    with h5py.File(path, "r", locking=False) as file:
        require_plain(file)
        try:
            _compare(file, scan, result)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            result.faults.append(f"its tree is not the one that was written ({error})")
    return result


def _compare(file: h5py.File, scan: Scan, result: Comparison) -> None:
    entry = f"/{entry_name(scan.number)}"
    reached = dict(
        zip(
            (d.name for d in scan.description.devices),
            map(int, file[f"{entry}/{WRITER_GROUP}/positions"][:]),
            strict=True,
        )
    )
    if result.closed:
        said = read_text(file, f"{entry}/end_reason")
        if said != scan.state:
            result.faults.append(f"the file says {said}, the stream {scan.state}")
    told = file[f"{entry}/{WRITER_GROUP}/missing"]
    missing: dict[str, list[tuple[int, int]]] = {}
    for column, first, after in told[:].tolist():
        missing.setdefault(str(told.attrs["channels"][column]), []).append((first, after))
    live = scan.tree(nexus_layout)
    for device in scan.description.devices:
        extent = scan.extent(device.name)
        if result.closed and reached[device.name] != extent.length:
            result.faults.append(
                f"{device.name}: the file has {reached[device.name]} points, the stream {extent.length}"
            )
        stop = min(reached[device.name], extent.length)
        result.compared[device.name] = (min(extent.first, stop), stop)
        paths = {times_of(device.name): times_path(entry, device)}
        paths |= {channel.name: channel_path(entry, device, channel) for channel in device.channels}
        frames = {channel.name for channel in device.channels if channel.storage == "reference"}
        for name, path in paths.items():
            start = extent.first
            for first, after in [*missing.get(name, []), (stop, stop)]:
                if first < after:
                    result.faults.append(
                        f"{name}: the points {first} to {after - 1} are missing in the file, which says so"
                    )
                if name in frames:
                    _compare_frames(file[path], live[path], result, name, range(start, min(first, stop)))
                else:
                    _compare_dataset(file[path], live[path], result, name, start, min(first, stop))
                start = max(start, after)


def _compare_frames(saved: Any, live: Any, result: Comparison, name: str, indices: range) -> None:
    """Compare the frames that are still in their store; the others are in the file alone."""
    for index in indices:
        try:
            frame = live[index]
        except (NoLongerInMemory, NotReady, CommunicationFailed):
            continue
        if len(_different(np.asarray(saved[index])[np.newaxis], frame[np.newaxis])):
            result.faults.append(f"{name}: frames differ, the first is {index}")
            return


def _compare_dataset(saved: Any, live: Any, result: Comparison, name: str, first: int, stop: int) -> None:
    step = max(PIECE // max(live.dtype.itemsize * int(np.prod(live.shape[1:], dtype=np.int64)), 1), 1)
    for start in range(first, stop, step):
        end = min(start + step, stop)
        mine, theirs = np.asarray(saved[start:end]), np.asarray(live[start:end])
        different = _different(mine, theirs)
        if len(different):
            result.faults.append(f"{name}: {len(different)} points differ, the first is {start + int(different[0])}")
            return


def _different(mine: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Indices of the points that are not bit for bit the same."""
    if mine.shape != theirs.shape:
        return np.arange(max(len(mine), len(theirs)))
    if mine.dtype.kind == "S":
        unlike = mine != theirs
    else:
        size = mine.dtype.itemsize
        same_bits = np.ascontiguousarray(mine).view(f"V{size}") == np.ascontiguousarray(theirs).view(f"V{size}")
        unlike = ~same_bits
    return np.flatnonzero(unlike.reshape(len(mine), -1).any(axis=1))
