"""Bringing points of several devices together that have the same index, however they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.stream.blocks import Block
from ronda.framework.stream.description import Channel

BATCH_BYTES = 32_000_000
"""Points with large frames are brought together in batches of about this size at most."""

MOST_POINTS = 4096
"""Points of a batch at most, so that other work comes between."""

VALID, RAISED, SKIPPED, LOST = range(4)
"""Of a point: it has its results; a stage raised; it was left out, because the pipeline samples; its input was lost."""

Load = Callable[[Channel, Any], tuple[npt.NDArray[Any], Mapping[int, str]]]
"""Gives the frames behind references, and by their place why some are lost."""


@dataclass
class Batch:
    """Consecutive points with all that is known about them.

    Attributes:
        first: index of the first.
        data: by name an array of shape (count, *shape of a point).
        times, pulses: as `Points`.
        lost: by place among the points, why its inputs are not there.
        status: what those are.
    """

    first: int
    data: dict[str, npt.NDArray[Any]]
    times: npt.NDArray[np.float64]
    pulses: npt.NDArray[np.uint64] | None = None
    lost: dict[int, str] = field(default_factory=dict)
    status: int = 0

    @property
    def count(self) -> int:
        """How many."""
        return len(self.times)


class Aligner:
    """Takes blocks of some devices, each in order, and gives the points that all of them have.

    Args:
        channels: by device, the channels that are wanted.
        load: reads frames; for channels that are stored by reference.
        first: index of the first point.
        every: only each n-th point is wanted, counted from 0; the frames of others are not read.
    """

    def __init__(self, channels: Mapping[str, Sequence[Channel]], load: Load, first: int = 0, every: int = 1) -> None:
        self._every = every
        self._channels = channels
        self._load = load
        self._waiting: dict[str, deque[Block | _Gap]] = {device: deque() for device in channels}
        self._ends = dict.fromkeys(channels, first)
        self._next = first
        point = sum(each.point_bytes for known in channels.values() for each in known)
        self._most = max(1, min(MOST_POINTS, BATCH_BYTES // max(point, 1)))

    @property
    def waits(self) -> int:
        """How many points some devices have and others have not yet."""
        return max(self._ends.values(), default=self._next) - self._next

    def add(self, block: Block) -> None:
        """Take a block; what was taken before is passed over."""
        end = self._ends[block.device]
        block = block.part(end, block.first + block.count)
        if block.count:
            self._waiting[block.device].append(block)
            self._ends[block.device] = block.first + block.count

    def skip(self, device: str, stop: int, why: str, status: int) -> None:
        """Know that the points of a device up to `stop` will not come, and why."""
        first = self._ends[device]
        if stop > first:
            self._waiting[device].append(_Gap(first, stop, why, status))
            self._ends[device] = stop

    def batch(self) -> Batch | None:
        """The next points that all devices have; None if there are none."""
        if not self._channels:
            return None
        stop = min(min(self._ends.values()), self._next + self._most)
        parts = {device: waiting[0] for device, waiting in self._waiting.items() if waiting}
        if stop <= self._next or len(parts) < len(self._waiting):
            return None
        stop = min(
            [stop, *(part.stop if isinstance(part, _Gap) else part.first + part.count for part in parts.values())]
        )
        first = self._next
        left_out = None
        if self._every > 1:
            aside = first % self._every
            stop = min(stop, first + (self._every - aside if aside else 1))
            left_out = _Gap(first, stop, "", SKIPPED) if aside else None
        self._next = stop
        gap = left_out or next((part for part in parts.values() if isinstance(part, _Gap)), None)
        blocks = [part.part(first, stop) for part in parts.values() if isinstance(part, Block)]
        for device, part in parts.items():
            if (part.stop if isinstance(part, _Gap) else part.first + part.count) <= stop:
                self._waiting[device].popleft()
        times = blocks[0].times if blocks else np.full(stop - first, np.nan)
        pulses = next((block.pulses for block in blocks if block.pulses is not None), None)
        if gap is not None:
            why = dict.fromkeys(range(stop - first), gap.why)  # no word about what was left out on purpose
            return Batch(first, {}, times, pulses, why, gap.status)
        return self._filled(first, blocks, times, pulses)

    def _filled(self, first: int, blocks: Sequence[Block], times: Any, pulses: Any) -> Batch:
        data: dict[str, npt.NDArray[Any]] = {}
        lost: dict[int, str] = {}
        for block in blocks:
            for channel in self._channels[block.device]:
                values = block.data[channel.name]
                if channel.storage == "reference" and isinstance(values, list):
                    values, missing = self._load(channel, values)
                    lost |= missing
                data[channel.name] = values
        return Batch(first, data, times, pulses, lost)


@dataclass(frozen=True)
class _Gap:
    """Points that will not come."""

    first: int
    stop: int
    why: str
    status: int
