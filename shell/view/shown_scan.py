"""A scan as the page shows it: what it is, its numbers so far, and the latest of each array."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import NotFound, OutOfRange
from ronda.framework.nexus import words
from ronda.framework.stream import Record
from ronda.framework.stream.blocks import Block, FrameReference
from ronda.framework.stream.description import Channel, Description, Device
from ronda.framework.stream.frames.reader import FrameReader
from ronda.shell.view.growing import Growing
from ronda.shell.view.messages import encode
from ronda.shell.view.waterfall import Waterfall

NUMBERS = "biuf"
"""Kinds of numpy types that are drawn."""

LARGEST = 500_000_000
"""Bytes that the numbers of one scan may take here; its file has all of them."""

MOST_POINTS = 20_000
"""Points of a device in one message: a page that comes late gets several, and hinders nobody meanwhile."""

TIMES = "epoch"
"""What the time of each point is called, behind the name of its device: `ct1 epoch`."""


WATERFALL = "waterfall"
"""What the image of all spectra is kept as, behind the name of their channel."""


class MemoryFull(OutOfRange):
    """The scan is too large to be kept here."""


class ShownScan:
    """One scan. A thread puts blocks into it, others take messages from it.

    Attributes:
        version: another number after each change.
        over: whether nothing more comes.
        trouble: why its data cannot be read, now or to the end, as a sentence; empty if they can.
    """

    def __init__(self, record: Record, description: Description) -> None:
        self.record = record
        self.version = 0
        self.over = False
        self.trouble = ""
        self._lock = threading.Lock()
        self._plot: Mapping[str, Any] = description.attributes.get("plot", {})
        self._grid: Any = description.attributes.get("grid")
        self._devices: dict[str, Device] = {device.name: device for device in description.devices}
        self._columns: dict[str, dict[str, Growing]] = {}
        self._arrays: dict[str, tuple[int, npt.NDArray[Any] | FrameReference]] = {}
        self._images: dict[str, tuple[int, bytes]] = {}
        self._waterfalls: dict[str, Waterfall] = {}
        self._kept: dict[Any, bytes] = {}
        self._kept_version = -1
        self._headings: dict[Any, bytes] = {}
        for device in description.devices:
            drawn = [channel.name for channel in device.channels if _is_number(channel)]
            self._columns[device.name] = {name: Growing() for name in (*drawn, f"{device.name} {TIMES}")}

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, about."""
        columns = sum(one.nbytes for device in self._columns.values() for one in device.values())
        arrays = sum(one.nbytes for _, one in self._arrays.values() if isinstance(one, np.ndarray))
        waterfalls = sum(one.nbytes for one in self._waterfalls.values())
        return columns + arrays + waterfalls + sum(len(message) for _, message in self._images.values())

    def channels(self) -> list[str]:
        """Names of the channels that are kept: numbers, and arrays of which the latest is."""
        return [
            channel.name
            for device in self._devices.values()
            for channel in device.channels
            if _is_number(channel) or _is_array(channel)
        ]

    def put(self, block: Block) -> None:
        """Take a block of one device.

        Raises:
            MemoryFull: the scan is too large.
        """
        if self.nbytes > LARGEST:
            raise MemoryFull(
                f"scan {self.record.number}: is too large for the live view after {block.first} points; see its file"
            )
        with self._lock:
            columns = self._columns[block.device]
            for channel in self._devices[block.device].channels:
                values = block.data.get(channel.name)
                if values is None:
                    continue
                if channel.name in columns:
                    columns[channel.name].put(block.first, np.asarray(values, np.float64))
                elif len(values):
                    self._arrays[channel.name] = (block.first + block.count - 1, values[-1])
                    if len(channel.shape) == 1 and channel.storage == "inline":
                        fall = self._waterfalls.setdefault(channel.name, Waterfall(channel.shape[0]))
                        fall.put(block.first, np.asarray(values))
            columns[f"{block.device} {TIMES}"].put(block.first, block.times)
            self.trouble = ""
            self.version += 1

    def change(self, record: Record) -> None:
        """Take a new state."""
        with self._lock:
            self.record = record
            self.version += 1

    def end(self, trouble: str = "") -> None:
        """Nothing more comes; because of `trouble`, if that is said."""
        with self._lock:
            self.over = True
            self.trouble = trouble
            self.version += 1

    def interrupt(self, trouble: str) -> None:
        """The data cannot be read for the moment."""
        with self._lock:
            self.trouble = trouble
            self.version += 1

    def heading(self) -> dict[str, Any]:
        """What the page must know to draw it."""
        return {
            **summary(self.record),
            "over": self.over,
            "trouble": self.trouble,
            "plot": dict(self._plot),
            "grid": self._grid,
            "channels": [
                {
                    "name": channel.name,
                    "device": device.name,
                    "unit": channel.unit,
                    "shape": channel.shape,
                    "number": _is_number(channel),
                    "role": channel.attributes.get("role", ""),
                    "subscan": device.subscan,
                    "about": channel.attributes.get("description", ""),
                    "at_end": bool(channel.attributes.get("positioner")),
                    "energy": channel.attributes.get("fields", {}).get("energy", {}).get("polynomial"),
                }
                for device in self._devices.values()
                for channel in device.channels
                if _is_number(channel) or _is_array(channel)
            ],
        }

    def heading_message(self, *, whole: bool) -> bytes:
        """A message with the heading; the same bytes until something in it changes.

        Args:
            whole: whether the viewer has all points, so that it may be told that the scan is over.
        """
        told = (self.record, self.over and whole, self.trouble)
        message = self._headings.get(told)
        if message is None:
            heading = {**self.heading(), **summary(told[0]), "over": told[1], "trouble": told[2]}
            message = encode({"type": "scan", **heading})
            self._headings = {**dict(list(self._headings.items())[-3:]), told: message}
        return message

    def lengths(self) -> dict[str, int]:
        """By device, how many points there are."""
        with self._lock:
            return {name: columns[f"{name} {TIMES}"].length for name, columns in self._columns.items()}

    def points(self, sent: Mapping[str, int]) -> tuple[bytes | None, dict[str, int]]:
        """A message with what has come since, and what is sent then.

        Args:
            sent: by device, how many points the viewer has.

        Returns:
            No message if nothing came. The same bytes for all viewers that have the same. Of very many points the
            first of those that are missing.
        """
        with self._lock:
            wanted = tuple(sorted(sent.items()))
            if self._kept_version != self.version:
                self._kept, self._kept_version = {}, self.version
            parts: list[tuple[str, npt.NDArray[Any]]] = []
            firsts: list[int] = []
            now = {}
            for device, columns in self._columns.items():
                first = sent.get(device, 0)
                end = min(columns[f"{device} {TIMES}"].length, first + MOST_POINTS)
                now[device] = end
                if end > first:
                    parts += [(name, column.part(first, end)) for name, column in columns.items()]
                    firsts += [first] * len(columns)
            if not parts:
                return None, now
            if wanted not in self._kept:
                header = {"type": "points", "scan": self.record.identifier, "firsts": firsts}
                self._kept[wanted] = encode(header, parts)
            return self._kept[wanted], now

    def must_be_read(self, channel: str, beyond: int) -> bool:
        """Whether the latest point of an array is newer, and lies where it must be read first."""
        with self._lock:
            index, values = self._arrays.get(channel, (-1, None))
            kept = self._images.get(channel)
        return index > beyond and isinstance(values, FrameReference) and (kept is None or kept[0] != index)

    def read_before(self, channel: str, beyond: int) -> tuple[bytes | None, int]:
        """As `latest`, of what has been read for another viewer, or before."""
        with self._lock:
            kept = self._images.get(channel)
        return (None, beyond) if kept is None or kept[0] <= beyond else (kept[1], kept[0])

    def latest(self, channel: str, beyond: int, frames: FrameReader) -> tuple[bytes | None, int]:
        """A message with the latest point of an array, and its index.

        Args:
            beyond: index of the point that the viewer has.
            frames: reads large frames.

        Returns:
            No message if nothing newer came. The same bytes for all viewers.

        Raises:
            RondaError: a large frame is not to be had (any more).
        """
        with self._lock:
            index, values = self._arrays.get(channel, (-1, np.empty(0)))
            kept = self._images.get(channel)
        if index <= beyond:
            return None, beyond
        if kept is None or kept[0] != index:
            if isinstance(values, FrameReference):
                last = replace(values, first=values.first + values.count - 1, count=1)
                values = frames.read([last], self._channel(channel))[0]
            header = {"type": "array", "scan": self.record.identifier, "channel": channel, "index": index}
            kept = (index, encode(header, [(channel, _for_browsers(values))]))
            with self._lock:
                self._images[channel] = kept
        return kept[1], index

    def waterfall(self, channel: str, beyond: int) -> tuple[bytes | None, int]:
        """A message with all spectra of a channel as an image, and the index of the latest.

        Args:
            beyond: index of the point that the viewer has.

        Returns:
            No message if nothing newer came, or if it is no channel of spectra that pass through the stream.
        """
        with self._lock:
            index, _ = self._arrays.get(channel, (-1, None))
            fall = self._waterfalls.get(channel)
            if fall is None or index <= beyond:
                return None, beyond
            kept = self._images.get(f"{channel} {WATERFALL}")
            if kept is None or kept[0] != index:
                header = {"type": "waterfall", "scan": self.record.identifier, "channel": channel, "index": index}
                header |= {"every": fall.every, "merged": fall.merged}
                kept = (index, encode(header, [(channel, fall.image())]))
                self._images[f"{channel} {WATERFALL}"] = kept
        return kept[1], index

    def judged(self, names: Sequence[str]) -> bool:
        """Whether a channel says which points of these channels are good; sub-scans have a time line of their own."""
        devices = {channel.name: device for device in self._devices.values() for channel in device.channels}
        return words.VALID in devices and all(devices[name].subscan == 1 for name in names if name in devices)

    def column(self, channel: str) -> npt.NDArray[np.float64]:
        """The numbers of a channel so far.

        Raises:
            NotFound: it has no such channel of numbers.
        """
        with self._lock:
            for columns in self._columns.values():
                if channel in columns:
                    return columns[channel].part(0, columns[channel].length)
        raise NotFound(f"scan {self.record.number}: has no channel {channel!r} of numbers")

    def _channel(self, name: str) -> Channel:
        return next(one for device in self._devices.values() for one in device.channels if one.name == name)


def summary(record: Record) -> dict[str, Any]:
    """A line of the list of scans."""
    return {
        "scan": record.identifier,
        "number": record.number,
        "state": record.state,
        "sentence": record.sentence,
        "title": record.title,
        "command": record.command,
        "user": record.user,
        "session": record.session,
        "sample": record.sample,
        "dataset": record.dataset,
        "started": record.started.timestamp(),
        "ended": None if record.ended is None else record.ended.timestamp(),
        "points": record.points,
    }


def _is_number(channel: Channel) -> bool:
    return not channel.shape and channel.storage == "inline" and channel.numpy_dtype.kind in NUMBERS


def _is_array(channel: Channel) -> bool:
    return len(channel.shape) in (1, 2) and channel.numpy_dtype.kind in NUMBERS


def _for_browsers(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array in a type that typed arrays of a browser have; integers of 64 bits become numbers."""
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype.itemsize >= 8 or values.dtype == np.float16 or values.dtype.kind not in "iuf":
        return values.astype(np.float64)
    return values
