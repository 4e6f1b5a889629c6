"""Publishing results: each point once, in order, also by a pipeline that was started again in the middle of a scan."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np

from ronda.framework.analysis.pipeline import EVENT_BYTES, Prepared, events_of
from ronda.framework.analysis.runner import Found
from ronda.framework.errors import RondaError
from ronda.framework.stream.answers import HeldBack, NoLongerInMemory
from ronda.framework.stream.scan import Scan

MOST_EVENTS = 1000
"""Events of a scan that are kept."""


class Publishing:
    """The sources of a pipeline's results in a scan.

    Args:
        held: called about once a second while the buffer is full; it may raise.

    Raises:
        ScanOver, ScanGone: the results are complete, or there is no scan.
    """

    def __init__(self, scan: Scan, prepared: Prepared, held: Callable[[HeldBack], None]) -> None:
        self._name = prepared.name
        self._publishers = {
            device.name: scan.publisher(device.name, wait=None, on_held=held) for device in prepared.devices
        }
        self.errors = 0
        self._events = self._publishers[events_of(self._name)]
        before = self._told_before(scan)
        self._told = set(before)
        self._latest = before[-1][1].decode() if before else ""
        self._own = [name for name in self._publishers if name != events_of(self._name)]

    @property
    def index(self) -> int:
        """The first point without results of all that are published."""
        return min(self._publishers[name].index for name in self._own)

    def publish(self, found: Found) -> None:
        """Publish results; those that are published already are left out."""
        publisher = self._publishers.get(found.device)
        if publisher is not None and found.data:
            done = max(publisher.index - found.first, 0)
            count = len(found.times)
            if done < count:
                arrays = {name: array[done:] for name, array in found.data.items()}
                pulses = None if found.pulses is None else found.pulses[done:]
                publisher.publish_block(arrays, times=found.times[done:], pulses=pulses, first=found.first + done)
        for problem in found.problems:
            self.errors += problem.stop - problem.first or 1
            who = f"{problem.step}: " if problem.step else ""
            if (sentence := f"{who}{problem.sentence}") != self._latest:
                self._latest = sentence
                self.tell(problem.first, sentence)

    def tell(self, point: int, sentence: str) -> None:
        """Publish that something happened, from a point on; not again what was published before this one began."""
        text = sentence.encode()[:EVENT_BYTES].decode(errors="ignore").encode()
        if (point, text) not in self._told and self._events.index < MOST_EVENTS:
            self._events.publish({f"{self._name}_event_point": point, f"{self._name}_event": np.bytes_(text)})

    def ordered(self, order: str) -> bool:
        """Whether an order was given before this one began, by the sentence with which it was told."""
        text = order.encode()[:EVENT_BYTES].decode(errors="ignore").encode()
        return any(text == known for _, known in self._told)

    def _told_before(self, scan: Scan) -> list[tuple[int, bytes]]:
        """The events of a pipeline that was at this scan before us."""
        if not self._events.index:
            return []
        while True:
            first, stop = scan.extent(events_of(self._name)).first, self._events.index
            with contextlib.suppress(NoLongerInMemory):  # they left in this moment
                points = scan.read(f"{self._name}_event_point", first, stop)
                events = scan.read(f"{self._name}_event", first, stop)
                return [(int(point), bytes(text)) for point, text in zip(points, events, strict=True)]

    def seal(self) -> None:
        """No more results will come."""
        for publisher in self._publishers.values():
            publisher.seal()

    def fail(self, sentence: str) -> None:
        """No more results will come, and why."""
        for publisher in self._publishers.values():
            with contextlib.suppress(RondaError):
                publisher.fail(sentence)
