"""Where the datasets of a running scan get their points: from memory and, for what has left it, from the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import NotReady
from ronda.framework.stream import memory
from ronda.framework.stream.answers import NoLongerInMemory, ScanGone
from ronda.framework.stream.blocks import TIME_TYPE, Block, FrameReference
from ronda.framework.stream.connection import Server
from ronda.framework.stream.description import Channel, Device
from ronda.framework.stream.fill import fill_value

if TYPE_CHECKING:
    from ronda.framework.stream.frames.reader import FrameReader


class SavedData(Protocol):
    """What has left memory: the scan's file."""

    def length(self, device: str) -> int:
        """Number of points of a device in the file."""

    def read(self, device: str, channel: str | None, start: int, stop: int) -> npt.NDArray[Any]:
        """Points of a channel with start ≤ index < stop; the times of the device if channel is None."""


class Source:
    """The points of one scan.

    Args:
        in_step: names of the devices that have an entry for each point that a device has one for, see `Description`.
        saved: where the points are that have left memory, None if they are nowhere.
        frames: reads frames stored by reference; one that knows the data roots of the environment if None.
    """

    def __init__(
        self,
        server: Server,
        scan: str,
        saved: SavedData | None = None,
        frames: FrameReader | None = None,
        in_step: Callable[[str], Sequence[str]] = lambda _: (),
    ) -> None:
        self._server = server
        self._scan = scan
        self._saved = saved
        self._frames = frames
        self._in_step = in_step
        self._longest: dict[str, int] = {}
        self._ended: dict[str, int] = {}
        self._newest: dict[str, Block] = {}

    def length(self, device: Device) -> int:
        """Number of points there are now.

        Raises:
            ScanGone: neither Redis nor a file has the scan.
            CommunicationFailed: Redis does not answer.
        """
        known = self._ended.get(device.name)
        if known is not None:
            return known
        try:
            extent = memory.extents(self._server, self._scan, [device.name])[device.name]
        except ScanGone:
            if self._saved is None:
                raise
            return self._saved.length(device.name)
        if extent.end is not None:
            self._ended[device.name] = extent.length
        return extent.length

    def shown(self, device: Device, channel: Channel | None) -> int:
        """Number of points that a dataset shows: when the scan has ended, as many as the longest of its devices has.

        Raises:
            as `length`.
        """
        length = self.length(device)
        large = channel is not None and channel.storage == "reference"
        if large or device.name not in self._ended:
            return length
        if device.name not in self._longest:
            together = self._in_step(device.name)
            if not together:
                return length
            try:
                found = memory.extents(self._server, self._scan, together).values()
            except ScanGone:  # it has just left memory
                return length
            if any(extent.end is None for extent in found):
                return length
            self._longest |= dict.fromkeys(together, max(extent.length for extent in found))
        return self._longest[device.name]

    def read(self, device: Device, channel: Channel | None, start: int, stop: int) -> npt.NDArray[Any]:
        """Points with start ≤ index < stop, which must be shown; the times if channel is None.

        Raises:
            as `_measured`.
        """
        length = self._ended.get(device.name, stop)
        if stop <= length:
            return self._measured(device, channel, start, stop)
        missing = stop - max(start, length)
        behind = np.empty(missing, TIME_TYPE) if channel is None else channel.empty(missing)
        value = fill_value(behind.dtype)
        behind[...] = np.zeros((), behind.dtype) if value is None else value
        return np.concatenate([self._measured(device, channel, start, min(stop, length)), behind])

    def _measured(self, device: Device, channel: Channel | None, start: int, stop: int) -> npt.NDArray[Any]:
        """Points with start ≤ index < stop, which must exist; the times if channel is None.

        Raises:
            NoLongerInMemory, ScanGone: they have left memory and no file is known.
            CommunicationFailed: Redis, or a frame server, does not answer; a detector's file is not there.
            NotReady, NotAllowed: a detector's file cannot be read here.
        """
        if stop <= start:
            return np.empty(0, TIME_TYPE) if channel is None else channel.empty(0)
        if channel is not None and channel.storage == "reference":
            return self._read_frames(device, channel, start, stop)
        kept = self._newest.get(device.name)
        if kept is not None and kept.first <= start and stop <= kept.first + kept.count:
            return _values(kept.part(start, stop), channel)
        pieces = []
        while start < stop:
            try:
                found = memory.read_blocks(self._server, self._scan, device, _inline(device), start, stop)
            except NoLongerInMemory as error:
                if self._saved is None:
                    raise
                middle = min(error.first, stop)
            except ScanGone:
                if self._saved is None:
                    raise
                middle = stop
            else:
                self._newest[device.name] = found[-1]
                pieces += [_values(block, channel) for block in found]
                break
            pieces.append(self._saved.read(device.name, None if channel is None else channel.name, start, middle))
            start = middle
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _read_frames(self, device: Device, channel: Channel, start: int, stop: int) -> npt.NDArray[Any]:
        if self._frames is None:
            from ronda.framework.stream.frames.reader import FrameReader  # few scans have frames

            self._frames = FrameReader()
        try:
            references: list[FrameReference] = memory.read(self._server, self._scan, device, channel, start, stop)
        except NoLongerInMemory as error:
            if self._saved is None:
                raise
            middle = min(error.first, stop)
            saved = self._saved.read(device.name, channel.name, start, middle)
            return np.concatenate([saved, self._read_frames(device, channel, middle, stop)]) if middle < stop else saved
        except ScanGone:
            if self._saved is None:
                raise
            return self._saved.read(device.name, channel.name, start, stop)
        try:
            frames, lost = self._frames.read_some(references, channel)
        except NotReady:  # a detector's file, and no data root is known here: the scan's file shows it
            if self._saved is None:
                raise
            return self._saved.read(device.name, channel.name, start, stop)
        for one in lost:
            if self._saved is None:
                raise NoLongerInMemory(
                    f"{device.name}: frame {start + one.start} of scan {self._scan} is no longer in memory "
                    f"({one.error}); read it from the file",
                    start + one.stop,
                ) from one.error
            frames[one.start : one.stop] = self._saved.read(
                device.name, channel.name, start + one.start, start + one.stop
            )
        return frames

    def references(self, device: Device, channel: Channel, start: int, stop: int) -> list[FrameReference]:
        """Where the frames with start ≤ index < stop lie.

        Raises:
            as `memory.read`.
        """
        found: list[FrameReference] = memory.read(self._server, self._scan, device, channel, start, stop)
        return found


def _inline(device: Device) -> list[Channel]:
    return [channel for channel in device.channels if channel.storage == "inline"]


def _values(block: Block, channel: Channel | None) -> npt.NDArray[Any]:
    values: npt.NDArray[Any] = block.times if channel is None else block.data[channel.name]
    return values
