"""A block: consecutive points of one device, and how it stands in an entry of a Redis stream."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue
from ronda.framework.stream.answers import Hole
from ronda.framework.stream.description import Channel, Device
from ronda.framework.stream.lua import ENTRY_COST, FIELD_COST

COUNT = b".count"
TIMES = b".times"
PULSES = b".pulses"
BEFORE = b".before"
END = b".end"
LENGTH = b".length"
SENTENCE = b".sentence"

TIME_TYPE = np.dtype("<f8")
PULSE_TYPE = np.dtype("<u8")


@dataclass(frozen=True)
class FrameReference:
    """Where consecutive large frames lie that do not travel through Redis.

    Attributes:
        store: `file` for a file that the detector writes, `ring` for a ring in shared memory.
        address: path of the file below the data roots, or name of the ring.
        first: place of the first frame in the store.
        count: number of frames.
        path: dataset inside the file; empty for a ring.
        host: computer on which the store lies; empty if every host sees it.
    """

    store: str
    address: str
    first: int
    count: int = 1
    path: str = ""
    host: str = ""


@dataclass(frozen=True)
class Block:
    """Consecutive points of one device.

    Attributes:
        device: name of the device.
        first: index of the first point.
        count: number of points.
        data: by channel name, an array of shape (count, *shape of a point), read-only; for channels stored by
            reference the list of FrameReference that together hold `count` frames.
        times: when each point was measured, seconds since 1970, shape (count,).
        pulses: external pulse id of each point, shape (count,), None if the device has none.
        every: distance of the indices of neighbouring points; more than 1 when a cursor was asked for every n-th.
    """

    device: str
    first: int
    count: int
    data: Mapping[str, Any]
    times: npt.NDArray[np.float64]
    pulses: npt.NDArray[np.uint64] | None = None
    every: int = 1

    @property
    def indices(self) -> range:
        """The index of each point."""
        return range(self.first, self.first + self.count * self.every, self.every)

    def part(self, start: int, stop: int, every: int = 1) -> Block:
        """The points with start ≤ index < stop, only each n-th of them from `start` on; may be empty."""
        begin = start - self.first
        if begin < 0:
            begin %= every
        wanted = range(begin, min(stop - self.first, self.count), every)
        if len(wanted) == self.count:
            return self
        cut = slice(wanted.start, max(wanted.stop, wanted.start), every)
        return Block(
            self.device,
            self.first + begin,
            len(wanted),
            {
                name: cut_references(values, wanted) if isinstance(values, list) else values[cut]
                for name, values in self.data.items()
            },
            self.times[cut],
            None if self.pulses is None else self.pulses[cut],
            every,
        )


class End(NamedTuple):
    """The news that a device publishes nothing more.

    Attributes:
        device: name of the device.
        kind: `sealed` by its publisher, `failed`, or `over` because the scan ended before it was sealed.
        length: how many points it published.
        sentence: why, for people.
    """

    device: str
    kind: str
    length: int
    sentence: str = ""


def describe_end(end: End) -> str:
    """An end for people: `diode sealed after 131 points`."""
    return f"{end.device} {end.kind} after {end.length} points{': ' if end.sentence else ''}{end.sentence}"


def entry_id(end: int) -> str:
    """Id of the entry whose last point has index `end - 1`."""
    return f"{end}-0"


def entry_cost(fields: Sequence[bytes]) -> int:
    """Bytes that the accounting counts for an entry with these fields (names and values in turn)."""
    return sum(map(len, fields)) + FIELD_COST * (len(fields) // 2) + ENTRY_COST


def encode_references(references: Sequence[FrameReference], channel: Channel, count: int) -> bytes:
    """The JSON of frame references that together hold `count` frames.

    Raises:
        BadValue: they hold another number of frames.
    """
    if sum(reference.count for reference in references) != count:
        raise BadValue(
            f"channel {channel.name}: the references hold {sum(r.count for r in references)} frames, "
            f"the block has {count} points; give one frame for each point"
        )
    return json.dumps([asdict(reference) for reference in references], separators=(",", ":")).encode()


def decode_references(text: bytes, count: int) -> list[FrameReference]:
    """The frame references of a block of so many points.

    Raises:
        ValueError: they are none, or hold another number of frames.
    """
    try:
        references = [FrameReference(**reference) for reference in json.loads(text)]
    except TypeError as error:
        raise ValueError(str(error)) from error
    for one in references:
        words = (one.store, one.address, one.path, one.host)
        if not all(isinstance(word, str) for word in words) or type(one.first) is not int or type(one.count) is not int:
            raise ValueError(f"{one} is no reference")
        if one.first < 0 or one.count < 1:
            raise ValueError(f"{one} refers to no frame")
    if sum(one.count for one in references) != count:
        raise ValueError(f"the references hold {sum(one.count for one in references)} frames, not {count}")
    return references


def cut_references(references: Sequence[FrameReference], wanted: range) -> list[FrameReference]:
    """References to the frames at these places among those that `references` hold."""
    ends = list(accumulate(reference.count for reference in references))
    pieces: list[list[int]] = []  # which reference, first frame in its store, number of frames
    for place in wanted:
        which = bisect_right(ends, place)
        first = references[which].first + place - (ends[which] - references[which].count)
        if pieces and wanted.step == 1 and pieces[-1][0] == which:
            pieces[-1][2] += 1
        else:
            pieces.append([which, first, 1])
    return [replace(references[which], first=first, count=count) for which, first, count in pieces]


def cut_values(values: Any, start: int, stop: int) -> Any:
    """The values of the points start ≤ place < stop of a block: of an array, or of references."""
    return cut_references(values, range(start, stop)) if isinstance(values, list) else values[start:stop]


def decode_entry(
    device: Device, identifier: bytes, fields: Sequence[bytes], channels: Sequence[Channel]
) -> Block | End:
    """The block, or the end of the device, that an entry holds.

    Args:
        channels: those to decode.

    Raises:
        Hole: the entry is damaged.
    """
    entry = dict(zip(fields[::2], fields[1::2], strict=True))
    end, _, kind = identifier.partition(b"-")
    if kind != b"0":
        return End(device.name, entry[END].decode(), int(entry[LENGTH]), entry[SENTENCE].decode())
    try:
        count = int(entry[COUNT])
        pulses = entry.get(PULSES)
        return Block(
            device.name,
            int(end) - count,
            count,
            {channel.name: _decode(entry[channel.name.encode()], channel, count) for channel in channels},
            np.frombuffer(entry[TIMES], TIME_TYPE, count),
            None if pulses is None else np.frombuffer(pulses, PULSE_TYPE, count),
        )
    except (KeyError, ValueError) as error:
        raise Hole(
            f"{device.name}: entry {identifier.decode()} cannot be read ({error!r}); "
            "its publisher does not follow the description of the scan"
        ) from error


def _decode(raw: bytes, channel: Channel, count: int) -> npt.NDArray[Any] | list[FrameReference]:
    if channel.storage == "reference":
        return decode_references(raw, count)
    values = np.frombuffer(raw, channel.numpy_dtype)
    if channel.shape or len(values) != count:
        return values.reshape(count, *channel.shape)
    return values
