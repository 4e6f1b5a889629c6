"""Results of live analysis of the point just taken, for scans that decide by them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from ronda.framework.errors import BadValue, NotFound, NotReady, TimedOut
from ronda.framework.nexus import words
from ronda.framework.stream.description import STATUS_ROLE, Channel, Device
from ronda.framework.stream.scan import Scan

SLICE = 0.2
"""Longest wait in one read, in s: so soon a stop is noticed."""

WHY = {
    1: "a stage raised; {0}.read('LastError') says why",
    2: "the pipeline leaves points out; with mode: lossless in its YAML it gives each one",
    3: "what was measured had left memory before its turn came",
}
"""Why a point has no result, by its status in the stream."""

LATE_LIMIT = 30.0
"""Seconds within which a result must come after its point was measured."""


class Awaited:
    """Results of one scan, as they come in.

    Args:
        scan: in the stream.
        channels: of results, each one number for each point.
        check: called often while waiting; raises to give up.

    Raises:
        NotFound: the scan has no such result.
        BadValue: it is not one number for each point.
    """

    def __init__(self, scan: Scan, channels: Sequence[str], check: Callable[[], None]) -> None:
        found = {channel.name: (one, channel) for one in scan.description.devices for channel in one.channels}
        results = [
            name
            for name, (one, channel) in found.items()
            if one.derived and not why_not(one, channel) and channel.attributes.get(words.ROLE) != STATUS_ROLE
        ]
        for name in channels:
            if name not in found:
                raise NotFound(f"{name}: is no result of this scan; {_why_none(scan, name, results)}")
            if why := why_not(*found[name]):
                raise BadValue(f"{name}: {why}; a scan can wait for one number of each of its points")
        self._devices = {name: found[name][0].name for name in channels}
        self._status = {
            one.name: channel.name
            for one in scan.description.devices
            if one.name in self._devices.values()
            for channel in one.channels
            if one.derived and channel.attributes.get(words.ROLE) == STATUS_ROLE
        }
        followed = [*channels, *self._status.values()]
        self._cursor = scan.follow(followed) if channels else None
        self._kept: dict[str, dict[int, float]] = {name: {} for name in channels}
        self._wrong: dict[str, dict[int, int]] = {name: {} for name in self._status.values()}
        self._check = check

    def collect(self, index: int, limit: float = LATE_LIMIT) -> dict[str, float]:
        """Wait for the results of an entry of the stream; returns them by channel.

        Args:
            index: of the entry.
            limit: longest wait in s.

        Raises:
            NotReady: one will never come.
            TimedOut: one is late; the sentence says whose.
        """
        deadline = time.monotonic() + limit
        while missing := [name for name, kept in self._kept.items() if index not in kept]:
            self._read()
            self._check()
            if all(index in self._kept[name] for name in missing):
                break
            for name in missing:
                self._ask(name, index, limit if time.monotonic() >= deadline else math.inf)
        found = {name: kept.pop(index) for name, kept in self._kept.items()}
        for name in found:
            self._require_valid(name, index)
        for kept in self._kept.values():
            kept.clear()  # of points before; those after it are not there yet
        for status in self._wrong.values():
            status.clear()
        return found

    def _require_valid(self, name: str, index: int) -> None:
        """See that a result was computed.

        Raises:
            NotReady: there is only what stands for none.
        """
        device = self._devices[name]
        if why := WHY.get(self._wrong.get(self._status.get(device, ""), {}).get(index, 0)):
            raise NotReady(f"{device}: there is no {name} of point {index}: {why.format(device)}")

    def _ask(self, name: str, index: int, waited: float) -> None:
        """See whether a result that is not there may still come."""
        assert self._cursor is not None  # noqa: S101 - there are channels
        device = self._devices[name]
        end, reached = self._cursor.ends.get(device), self._cursor.positions[device]
        if index in self._kept[name]:
            return
        if end is not None:
            why = end.sentence or "it has ended"
            raise NotReady(f"{device}: {name} of point {index} will never come: {why}")
        if math.isfinite(waited):
            raise TimedOut(
                f"{device}: {name} of point {index} has not come within {waited:g} s; "
                f"it has given {reached} points so far"
            )

    def _read(self) -> None:
        assert self._cursor is not None  # noqa: S101 - there are channels
        for block in [] if self._cursor.exhausted else self._cursor.read(SLICE):
            for place, index in enumerate(block.indices):
                for channel, data in block.data.items():
                    if channel in self._wrong:
                        self._wrong[channel][index] = int(data[place])
                    elif channel in self._kept:
                        self._kept[channel][index] = float(data[place])


def _why_none(scan: Scan, name: str, results: Sequence[str]) -> str:
    """Why a scan has no result of this name: what its pipeline said when it was opened, or what there is."""
    remarks = scan.description.attributes.get(words.REMARKS) or ()
    said = [one for one in remarks if name.startswith(f"{str(one).partition(' ')[0]}_")]
    return "; ".join(said) or (
        f"there are {', '.join(results)}" if results else "no pipeline at work takes what it measures"
    )


def why_not(device: Device, channel: Channel) -> str:
    """Why a channel is not one number for each point of the scan itself; empty if it is."""
    if channel.shape != ():
        return f"has {' x '.join(map(str, channel.shape))} numbers for a point"
    return "has points of its own, which are not those of the scan" if device.points_of != 1 else ""
