"""Reading points by index from what memory holds of a scan, with three different answers for what it does not hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ronda.framework.errors import OutOfRange
from ronda.framework.stream import keys, scripts
from ronda.framework.stream.answers import Hole, NeverWillBe, NoLongerInMemory, NotYet, ScanGone
from ronda.framework.stream.blocks import (
    Block,
    End,
    FrameReference,
    cut_references,
    decode_entry,
    describe_end,
)
from ronda.framework.stream.connection import Server
from ronda.framework.stream.description import Channel, Device

READ_BYTES = 4_000_000
"""About how much one command asks for, so that a slow reader never makes Redis hold large answers."""


class Extent(NamedTuple):
    """Which points of a device there are.

    Attributes:
        first: index of the oldest point in memory.
        length: number of points published.
        held: bytes that memory holds of it, as the accounting counts them.
        end: the news that nothing more comes, None while more may come.
    """

    first: int
    length: int
    held: int
    end: End | None


def extents(server: Server, scan: str, devices: Sequence[str]) -> dict[str, Extent]:
    """Which points of some devices there are now.

    Raises:
        ScanGone: Redis does not know the scan.
    """
    answer = server.script(scripts.EXTENT, scan, *devices)
    if answer == b"gone":
        raise ScanGone(f"scan {scan}: is not in Redis; it left memory, or Redis has lost its data")
    found = {}
    for device, (first, length, size, _, released, end, _) in zip(devices, answer, strict=True):
        known = None if end is None else json.loads(end)
        news = None if known is None else End(device, known["kind"], known["length"], known["sentence"])
        found[device] = Extent(first, length, size - released, news)
    return found


def read_blocks(
    server: Server, scan: str, device: Device, channels: Sequence[Channel], start: int, stop: int
) -> list[Block]:
    """The points with start ≤ index < stop, as the blocks they came in, cut to the range.

    Raises:
        OutOfRange: start is negative.
        NotYet: some are not published yet.
        NoLongerInMemory: some have left memory.
        NeverWillBe: some will never exist.
        Hole: some are missing in the middle.
        ScanGone: Redis does not know the scan.
    """
    if start < 0:
        raise OutOfRange(f"{device.name}: point {start} of scan {scan}: indices start at 0")
    if stop <= start:
        return []
    known = extents(server, scan, [device.name])[device.name]
    if start < known.first:
        raise _left_memory(scan, device, start, known.first)
    if stop > known.length:
        if known.end is None:
            raise NotYet(
                f"{device.name}: point {stop - 1} of scan {scan} is not there yet, {known.length} points are; "
                "wait for it"
            )
        raise NeverWillBe(
            f"{device.name}: point {stop - 1} of scan {scan} will never be ({describe_end(known.end)})", known.length
        )
    found: list[Block] = []
    position, count = start, 1
    while position < stop:
        entries = server.call("XRANGE", keys.blocks(scan, device.name), f"{position + 1}-0", "+", "COUNT", count)
        size = 0
        for identifier, fields in entries:
            block = decode_entry(device, identifier, fields, channels)
            if isinstance(block, End) or block.first > position:
                break
            size += sum(map(len, fields))
            position = block.first + block.count
            found.append(block.part(max(block.first, start), stop))
            if position >= stop:
                return found
        else:
            if entries:
                count = max(1, min(2 * count, READ_BYTES // (size // len(entries) + 1)))
                continue
        now = extents(server, scan, [device.name])[device.name]
        if position < now.first:
            raise _left_memory(scan, device, position, now.first)
        raise Hole(f"{device.name}: point {position} of scan {scan} is missing in Redis; take the scan again")
    return found


def read(server: Server, scan: str, device: Device, channel: Channel, start: int, stop: int) -> Any:
    """The values of one channel with start ≤ index < stop.

    Returns:
        An array of shape (stop - start, *shape of a point), or a list of FrameReference for a channel stored by
        reference.

    Raises:
        as `read_blocks`.
    """
    parts = [block.data[channel.name] for block in read_blocks(server, scan, device, [channel], start, stop)]
    if channel.storage == "reference":
        references: list[FrameReference] = [reference for part in parts for reference in part]
        return cut_references(references, range(max(stop - start, 0)))
    return np.concatenate(parts) if parts else channel.empty(0)


def _left_memory(scan: str, device: Device, point: int, first: int) -> NoLongerInMemory:
    return NoLongerInMemory(
        f"{device.name}: point {point} of scan {scan} is no longer in memory, which begins at {first}; "
        "read it from the file",
        first,
    )
