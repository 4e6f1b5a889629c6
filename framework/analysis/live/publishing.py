"""Publishing results: each point once, in order, also by a pipeline that was started again in the middle of a scan."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np

from ronda.framework.analysis.pipeline import EVENT_BYTES, Prepared, events_of
from ronda.framework.analysis.runner import Found
from ronda.framework.errors import RondaError
from ronda.framework.stream.answers import HeldBack
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
        self._latest = ("", "")
        self._events = self._publishers[events_of(self._name)]
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
            if (problem.step, problem.sentence) != self._latest:
                self._latest = (problem.step, problem.sentence)
                who = f"{problem.step}: " if problem.step else ""
                self.tell(problem.first, f"{who}{problem.sentence}")

    def tell(self, point: int, sentence: str) -> None:
        """Publish that something happened, from a point on."""
        if self._events.index < MOST_EVENTS:
            text = sentence.encode()[:EVENT_BYTES].decode(errors="ignore").encode()
            values = {f"{self._name}_event_point": point, f"{self._name}_event": np.bytes_(text)}
            self._events.publish(values)

    def seal(self) -> None:
        """No more results will come."""
        for publisher in self._publishers.values():
            publisher.seal()

    def fail(self, sentence: str) -> None:
        """No more results will come, and why."""
        for publisher in self._publishers.values():
            with contextlib.suppress(RondaError):
                publisher.fail(sentence)
