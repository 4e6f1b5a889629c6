"""Following a running scan: a cursor that waits for the next blocks of many devices with one blocking read."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from ronda.framework.stream import keys
from ronda.framework.stream.answers import DeviceFailed, Hole, NeverWillBe, NoLongerInMemory
from ronda.framework.stream.blocks import Block, End, decode_entry, describe_end, entry_id
from ronda.framework.stream.connection import Server
from ronda.framework.stream.description import Channel, Description
from ronda.framework.stream.memory import READ_BYTES, Extent, extents

Start = Literal["start", "oldest", "now"]

BLOCKING = 1.0
"""Longest wait in one command, in seconds; between two the cursor looks whether the scan is still there."""


class Cursor:
    """A place in each of some devices' streams, which moves forward as blocks are read.

    Args:
        channels: names of the channels to read; all of the scan if None.
        start: the index to begin with, for all devices or by device name. `start` is 0, `oldest` the oldest point in
            memory, `now` the next one to come.
        every: read only each n-th point, counted from the start.
        latest: skip to the newest point at each read, as a display does.

    Raises:
        BadValue: a channel is unknown.
        NoLongerInMemory: the start has left memory.
        ScanGone: Redis does not know the scan.
    """

    def __init__(
        self,
        server: Server,
        scan: str,
        description: Description,
        channels: Sequence[str] | None = None,
        *,
        start: Start | int | Mapping[str, int] = "start",
        every: int = 1,
        latest: bool = False,
    ) -> None:
        self._server = server
        self._scan = scan
        self._every = every
        self._latest = latest
        self._channels: dict[str, list[Channel]] = {}
        wanted = [c.name for d in description.devices for c in d.channels] if channels is None else channels
        for name in wanted:
            device, channel = description.channel(name)
            self._channels.setdefault(device.name, []).append(channel)
        self._devices = {name: description.device(name) for name in self._channels}
        self._count = 4
        self._ends: dict[str, End] = {}
        there = self._extents()
        if isinstance(start, Mapping):
            self._positions = {name: start.get(name, 0) for name in self._devices}
        elif isinstance(start, int):
            self._positions = dict.fromkeys(self._devices, start)
        else:
            self._positions = {
                name: {"start": 0, "oldest": extent.first, "now": extent.length}[start]
                for name, extent in there.items()
            }
        self._origins = dict(self._positions)
        self._check_in_memory(there)

    @property
    def positions(self) -> dict[str, int]:
        """By device, the index of the next point to read."""
        return dict(self._positions)

    @property
    def ends(self) -> dict[str, End]:
        """By device, the news that nothing more comes, once it was read."""
        return dict(self._ends)

    @property
    def exhausted(self) -> bool:
        """Whether every device has ended and everything was read."""
        return len(self._ends) == len(self._devices)

    def read(self, timeout: float | None = None) -> list[Block]:
        """The next blocks of any of the devices, in order for each; waits for the first.

        Args:
            timeout: seconds to wait; None for as long as it takes.

        Returns:
            Nothing if nothing came in time: it is not there *yet*. Also nothing if only the news came that a device
            has ended, which then stands in `ends`.

        Raises:
            NeverWillBe: every device has ended and all of it was read.
            NoLongerInMemory: this cursor was so slow that its next points have left memory.
            Hole: points are missing in the middle of a stream.
            ScanGone: the scan has left memory, or Redis has lost its data.
            CommunicationFailed: Redis does not answer.
        """
        if self.exhausted:
            raise NeverWillBe(self._why_over(), max((end.length for end in self._ends.values()), default=0))
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = BLOCKING if deadline is None else max(min(deadline - time.monotonic(), BLOCKING), 0.0)
            found, news = self._read_newest(left) if self._latest else self._read_next(left)
            if found or news:
                return found
            self._check_in_memory(self._extents())
            if deadline is not None and time.monotonic() >= deadline:
                return []

    def __iter__(self) -> Iterator[Block]:
        return self.follow()

    def follow(self) -> Iterator[Block]:
        """All blocks until every device has ended.

        Raises:
            DeviceFailed: at the end, if a device has failed.
            also as `read`.
        """
        while not self.exhausted:
            yield from self.read()
        for end in self._ends.values():
            if end.kind == "failed":
                raise DeviceFailed(
                    f"{end.device}: failed at point {end.length} of scan {self._scan}: {end.sentence}",
                    end.device,
                    end.length,
                )

    def _read_next(self, wait: float) -> tuple[list[Block], bool]:
        answer = self._wait(self._count, wait)
        found: list[Block] = []
        news = False
        size = entries = 0
        for name, device_entries in answer:
            for identifier, fields in device_entries:
                size += sum(map(len, fields))
                entries += 1
                block = self._accept(name, identifier, fields)
                news = news or block is None
                if block is not None and block.count:
                    found.append(block)
        if entries:
            most = READ_BYTES // (size // entries + 1) // len(self._devices)
            self._count = max(1, min(most, 2 * self._count, 1000))
        return found, news

    def _accept(self, name: str, identifier: bytes, fields: list[bytes]) -> Block | None:
        entry = decode_entry(self._devices[name], identifier, fields, self._channels[name])
        position = self._positions[name]
        if isinstance(entry, End):
            if position < entry.length:
                raise self._missing(name, position, entry.length)
            self._ends[name] = entry
            return None
        end = entry.first + entry.count
        if entry.first > position or (entry.first < position and position != self._origins[name]):
            raise self._missing(name, position, entry.first)
        self._positions[name] = end
        origin = self._origins[name]
        begin = max(position, entry.first)
        begin += (origin - begin) % self._every
        return entry.part(begin, end, self._every)

    def _read_newest(self, wait: float) -> tuple[list[Block], bool]:
        woken = [name for name, _ in self._wait(1, wait)]
        commands = [("XREVRANGE", keys.blocks(self._scan, name), "+", "-", "COUNT", 2) for name in woken]
        found: list[Block] = []
        for name, answer in zip(woken, self._server.calls(commands) if commands else [], strict=True):
            for identifier, fields in answer:
                entry = decode_entry(self._devices[name], identifier, fields, self._channels[name])
                if isinstance(entry, End):
                    self._ends[name] = entry
                    continue
                end = entry.first + entry.count
                if end > self._positions[name]:
                    self._positions[name] = end
                    found.append(entry.part(end - 1, end))
                break
        return found, bool(woken)

    def _wait(self, count: int, wait: float) -> list[tuple[str, list[tuple[bytes, list[bytes]]]]]:
        names = [name for name in self._devices if name not in self._ends]
        streams = [keys.blocks(self._scan, name) for name in names]
        blocking = ("BLOCK", max(int(wait * 1000), 1)) if wait > 0 else ()
        positions = [entry_id(self._positions[name]) for name in names]
        answer = self._server.call("XREAD", "COUNT", count, *blocking, "STREAMS", *streams, *positions)
        by_key = dict(zip(streams, names, strict=True))
        return [(by_key[key.decode()], entries) for key, entries in answer or []]

    def _extents(self) -> dict[str, Extent]:
        return extents(self._server, self._scan, list(self._devices))

    def _check_in_memory(self, there: Mapping[str, Extent]) -> None:
        if self._latest:
            return
        for name, extent in there.items():
            if self._positions[name] < extent.first:
                raise self._left_memory(name, self._positions[name], extent.first)

    def _missing(self, name: str, position: int, found: int) -> Exception:
        first = self._extents()[name].first
        if position < first:
            return self._left_memory(name, position, first)
        return Hole(
            f"{name}: point {position} of scan {self._scan} was to come, {found} came; its publisher is at fault, "
            "take the scan again"
        )

    def _left_memory(self, name: str, position: int, first: int) -> NoLongerInMemory:
        return NoLongerInMemory(
            f"{name}: point {position} of scan {self._scan} is no longer in memory, which begins at {first}; "
            "read it from the file",
            first,
        )

    def _why_over(self) -> str:
        told = "; ".join(describe_end(end) for end in self._ends.values())
        return f"scan {self._scan}: no more points will come ({told})"
