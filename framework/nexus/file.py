"""The file of one scan while it is written: complete in structure from its first moment, readable at any other."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from h5py import h5s

from ronda.framework.errors import ServiceFailed
from ronda.framework.nexus import words
from ronda.framework.nexus.chunk_index import create_file, index_bytes
from ronda.framework.nexus.closing import leave, shorten
from ronda.framework.nexus.grids import FilledGrid
from ronda.framework.nexus.late_text import write_late_texts
from ronda.framework.nexus.layout import entry_name, entry_names, nexus_layout
from ronda.framework.nexus.plain import read_text
from ronda.framework.nexus.space import Reserve, require_free
from ronda.framework.nexus.structure import (
    CLOSED,
    DRAFT,
    WRITER_GROUP,
    build,
    columns_of,
    is_elsewhere,
    note_writer,
    times_of,
)
from ronda.framework.stream.description import Description
from ronda.framework.stream.layout import ChannelNode, GridNode, GroupNode, TimesNode

META_BLOCK_BYTES = 4 << 20
SHORT_META_BLOCK_BYTES = 1 << 20
"""Metadata are written in blocks of so many bytes, away from the data: one holds the index of 80 000 chunks, or of
20 000, enough for scans known to be short."""

SHORT_SCAN = 1000
"""Points of a scan that has at most that many chunks in each channel."""

EMPTY: Mapping[str, tuple[str, str]] = MappingProxyType({})

MESSAGE_BYTES = 1000
"""The longest sentence about the end of a scan that is kept."""


class ScanFile:
    """The open file of a scan; `create` and `resume` make it. For one thread.

    Stock readers may open the file at any moment: the structure never changes after the file has its name, the end
    moves rarely (see `Reserve`), nothing leaves the metadata cache between two flushes, HDF5 does not lock.

    Attributes:
        path: where it is.
        positions: by device, the index up to which the file was flushed.
        missing: by channel, the ranges of points below that which are lost, as (first, index after the last); where
            the whole points are lost, also by `times_of` the device.
    """

    def __init__(self, path: Path, file: h5py.File, number: int, description: Description, minimum_free: int) -> None:
        self.path = path
        self._file = file
        self._number = number
        self._entry: h5py.Group = file[entry_name(number)]
        self._description = description
        self._devices = [device.name for device in description.devices]
        noted: h5py.Dataset = self._entry[f"{WRITER_GROUP}/positions"]
        self._positions = noted
        self.positions = dict(zip(self._devices, map(int, noted[:]), strict=True))
        self._columns = columns_of(description)
        self._losses: h5py.Dataset = self._entry[f"{WRITER_GROUP}/missing"]
        self.missing: dict[str, list[tuple[int, int]]] = {}
        for number_of, first, stop in self._losses[:].tolist():
            self.missing.setdefault(self._columns[number_of], []).append((first, stop))
        self._missing_noted = True
        self._datasets: dict[tuple[str, str | None], h5py.Dataset] = {}
        self._lengths: dict[tuple[str, str | None], int] = {}
        self._origins: dict[tuple[str, str | None], tuple[int, ...]] = {}
        """By dataset, where the chunk of a point begins in it, without the point's own place."""
        found: dict[str, GridNode] = {}
        self._find(nexus_layout("", number, description), "", found)
        self._grids = [FilledGrid(file[where], self._datasets, node) for where, node in found.items()]
        self._reserve = Reserve(
            file,
            path,
            largest=max(map(_chunk_bytes, self._datasets.values()), default=0),
            metadata=_meta_block(description),
            minimum_free=minimum_free,
        )

    @classmethod
    def create(
        cls,
        path: Path,
        identifier: str,
        number: int,
        description: Description,
        *,
        minimum_free: int = 0,
        give: Callable[[Path], None] = lambda _: None,
        links: Mapping[str, tuple[str, str]] = EMPTY,
    ) -> ScanFile:
        """Build the whole tree beside the path and give it its name when it is readable.

        Args:
            minimum_free: bytes that must stay free on the disk.
            give: sets mode and group of the new file.
            links: to other files that the entry has, file and path in it by name; they may come later.

        Raises:
            DiskFull: there is no room for it.
            OSError: it cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        part.unlink(missing_ok=True)
        meta_block = _meta_block(description)
        require_free(part, meta_block, minimum_free)
        file = create_file(part, description, meta_block)
        try:
            _keep_metadata(file)
            layout = nexus_layout(identifier, number, description)
            build(file, layout, description, path)
            note_writer(file[entry_name(number)], description)
            for name, place in links.items():
                file[entry_name(number)][name] = h5py.ExternalLink(*place)
            made = cls(part, file, number, description, minimum_free)
            made._reserve.ensure(made._first_room())
            give(part)
            part.rename(path)
        except BaseException:
            file.close()
            part.unlink(missing_ok=True)
            raise
        made.path = made._reserve.path = path
        return made

    @classmethod
    def resume(cls, path: Path, number: int, description: Description, *, minimum_free: int = 0) -> ScanFile:
        """Go on with a file whose writer died.

        Raises:
            DiskFull: there is no room to go on.
            OSError: it cannot be opened.
        """
        file = h5py.File(path, "r+", locking=False, meta_block_size=_meta_block(description))
        try:
            _keep_metadata(file)
            made = cls(path, file, number, description, minimum_free)
            made._reserve.ensure(made._first_room())
        except BaseException:
            os.close(leave(file))  # somebody may be reading it
            raise
        return made

    def write(
        self, device: str, first: int, data: Mapping[str, npt.NDArray[Any]], times: npt.NDArray[np.float64]
    ) -> None:
        """Write consecutive points of a device at their absolute index; writing them again changes nothing.

        Args:
            first: index of the first point.
            data: by channel name, an array of shape (count, *shape of a point).
            times: seconds since 1970, shape (count,).

        Raises:
            DiskFull: there is no room; nothing was written.
            OSError: the disk failed; write the same again.
        """
        arrays = [(None, times), *data.items()]
        self._reserve.ensure(sum(self._room(device, name, first, array) for name, array in arrays))
        for name, array in arrays:
            self._write(device, name, first, array)

    def write_chunk(self, device: str, name: str, index: int, chunk: npt.NDArray[np.uint8]) -> None:
        """Write a frame that is compressed already, as a chunk of its own; writing it again changes nothing.

        Args:
            index: index of its point.
            chunk: what the filter of the dataset would have made of it.

        Raises:
            DiskFull: there is no room; nothing was written.
            OSError: the disk failed; write the same again.
        """
        dataset = self._datasets[device, name]
        self._reserve.ensure(len(chunk) + 64)
        self._grow(device, name, dataset, index + 1)
        dataset.id.write_direct_chunk((index, *self._origins[device, name]), chunk)

    def write_frame(self, device: str, name: str, index: int, frame: npt.NDArray[Any]) -> None:
        """Write a frame that HDF5 compresses.

        Raises:
            as `write_chunk`.
        """
        frames = frame[np.newaxis]
        self._reserve.ensure(self._room(device, name, index, frames))
        self._write(device, name, index, frames)

    def lose(self, device: str, name: str | None, first: int, stop: int) -> None:
        """Note with the next flush that first ≤ index < stop are lost of a channel, or of the times if it is None.

        They hold the fill value. Losing them again changes nothing.
        """
        dataset = self._datasets.get((device, name))
        if dataset is not None:
            self._grow(device, name, dataset, stop)
        column = times_of(device) if name is None else name
        self.missing[column] = _joined([*self.missing.get(column, []), (first, stop)])
        self._missing_noted = False

    @property
    def unnoted(self) -> bool:
        """Whether losses were told that no flush has noted yet."""
        return not self._missing_noted

    def flush(self, positions: Mapping[str, int]) -> None:
        """Bring everything to the operating system, then note how far the file is.

        Args:
            positions: by device, the index up to which all points were written.

        Raises:
            DiskFull: there is no room for the index of what was written; flush again.
            OSError: the disk failed; flush again.
        """
        if not self._missing_noted:
            self._note_missing()
        reached = {**self.positions, **positions}
        for grid in self._grids:
            grid.fill(reached)
        self._reserve.cover()
        self._file.flush()
        # Only now: whoever finds a position in the file finds the points below it too.
        self._positions[...] = [reached[device] for device in self._devices]
        self._positions.id.flush()
        self.positions = reached

    def close(self, end_time: str, reason: str, message: str, marks: str = "") -> None:
        """Close the file for good.

        Args:
            end_time: ISO time with zone.
            reason: state in which the scan ended.
            message: why, for people.
            marks: what people marked, as `ronda.framework.stream.pointed.to_text` gives it.

        Raises:
            OSError: the disk failed; the file may be resumed.
        """
        for (device, name), dataset in self._datasets.items():
            length = self._final_length(device, name)
            if dataset.shape[0] != length:
                dataset.resize(length, axis=0)
        texts = {"end_time": end_time, "end_reason": reason, "end_message": _cut(message, MESSAGE_BYTES).decode()}
        entries = entry_names(self._number, self._description)
        told = {f"/{entry}/{name}": text for entry in entries for name, text in texts.items()}
        if marks and words.MARKS in self._entry:
            told[f"{self._entry.name}/{words.MARKS}"] = marks
        write_late_texts(self._file, self.path, self._entry[f"{WRITER_GROUP}/{DRAFT}"], told)
        self._entry[f"{WRITER_GROUP}/state"][()] = CLOSED.encode()
        self._file.flush()
        end = self._leave()
        with suppress(OSError):  # it is only longer then than it need be
            shorten(self.path, end)
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _final_length(self, device: str, name: str | None) -> int:
        """Points of a dataset in the closed file: as many as the longest has of the devices that measure each point."""
        large = name is not None and self._description.channel(name)[1].storage == "reference"
        together = [] if large else self._description.in_step(device)
        return max(self.positions[one] for one in together or [device])

    def abandon(self) -> None:
        """Close the file as it is; it can be resumed."""
        os.close(self._leave())

    def _leave(self) -> int:
        end = leave(self._file)
        self._datasets.clear()
        self._grids.clear()
        self._reserve.release()
        return end

    def _write(self, device: str, name: str | None, first: int, array: npt.NDArray[Any]) -> None:
        dataset = self._datasets[device, name]
        self._grow(device, name, dataset, first + len(array))
        space = dataset.id.get_space()
        space.select_hyperslab((first, *[0] * (array.ndim - 1)), array.shape)
        dataset.id.write(h5s.create_simple(array.shape), space, np.ascontiguousarray(array))

    def _grow(self, device: str, name: str | None, dataset: h5py.Dataset, stop: int) -> None:
        if stop > self._lengths[device, name]:
            dataset.id.set_extent((stop, *dataset.shape[1:]))
            self._lengths[device, name] = stop

    def _note_missing(self) -> None:
        rows = [
            (self._columns.index(name), first, stop) for name, ranges in self.missing.items() for first, stop in ranges
        ]
        if len(rows) > len(self._losses):
            self._reserve.ensure(_chunk_bytes(self._losses))
            self._losses.resize(len(rows), axis=0)
        self._losses[: len(rows)] = np.array(rows, "<i8").reshape(-1, 3)
        if len(rows) < len(self._losses):  # ranges that grew together
            self._losses.resize(len(rows), axis=0)
        self._missing_noted = True

    def _room(self, device: str, name: str | None, first: int, array: npt.NDArray[Any]) -> int:
        """Bytes that writing an array may take in the file: those of the chunks that it begins."""
        dataset = self._datasets[device, name]
        points = dataset.chunks[0]
        begun = -(-max(first + len(array), self._lengths[device, name]) // points)
        chunks: int = begun - -(-self._lengths[device, name] // points)
        return chunks * (_chunk_bytes(dataset) * 65 // 64 + 64)

    def _first_room(self) -> int:
        return max(sum(map(_chunk_bytes, self._datasets.values())), 1 << 20)

    def _find(self, node: GroupNode, path: str, grids: dict[str, GridNode]) -> None:
        for name, child in node.children.items():
            where = f"{path}/{name}"
            if isinstance(child, GroupNode):
                self._find(child, where, grids)
            elif isinstance(child, GridNode):
                grids[where] = child
            elif isinstance(child, ChannelNode | TimesNode) and not is_elsewhere(child):
                key = (child.device.name, child.channel.name if isinstance(child, ChannelNode) else None)
                self._datasets[key] = self._file[where]
                self._lengths[key] = self._datasets[key].shape[0]
                self._origins[key] = (0,) * (self._datasets[key].ndim - 1)


def identity(path: Path) -> tuple[str, str] | None:
    """Id of the scan that a file holds and the state of its writing; None if it is no file of ours.

    Raises:
        OSError: it cannot be read.
        ServiceFailed: these are not texts.
    """
    with h5py.File(path, "r", locking=False) as file:
        entry = file.get(str(file.attrs.get("default", "")))
        if not isinstance(entry, h5py.Group) or f"{WRITER_GROUP}/state" not in entry:
            return None
        return read_text(entry, "entry_identifier"), read_text(entry, f"{WRITER_GROUP}/state")


def _keep_metadata(file: h5py.File) -> None:
    """Nothing leaves the metadata cache between two flushes: readers never see a half-written tree."""
    config = file.id.get_mdc_config()
    config.incr_mode = config.flash_incr_mode = config.decr_mode = 0
    config.evictions_enabled = False
    file.id.set_mdc_config(config)


def _meta_block(description: Description) -> int:
    short = description.points is not None and description.points <= SHORT_SCAN
    return (SHORT_META_BLOCK_BYTES if short else META_BLOCK_BYTES) + index_bytes(description)


def _chunk_bytes(dataset: h5py.Dataset) -> int:
    size: int = math.prod(dataset.chunks) * dataset.dtype.itemsize
    return size


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same points in as few ranges as can be, in order."""
    joined: list[tuple[int, int]] = []
    for first, stop in sorted(ranges):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((first, stop))
    return joined


def _cut(text: str, room: int) -> bytes:
    """Text as UTF-8 in so many bytes, no character cut in two."""
    return text.encode()[:room].decode(errors="ignore").encode()


def require_ours(path: Path, identifier: str) -> str:
    """The state of the writing of a file that must hold this scan.

    Raises:
        ServiceFailed: it holds something else, or cannot be read.
    """
    try:
        found = identity(path)
    except (OSError, KeyError) as error:
        raise ServiceFailed(f"{path}: cannot be read ({error}); move it away") from error
    if found is None or found[0] != identifier:
        raise ServiceFailed(f"{path}: holds another scan than {identifier}; move it away")
    return found[1]
