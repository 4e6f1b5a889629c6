"""The loop over the points of a scan: move, trigger, publish what the engine knows, and see that all have measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ronda.framework.nexus import words
from ronda.framework.scan import motion
from ronda.framework.scan.chain import lasting
from ronda.framework.scan.choice import Found
from ronda.framework.scan.durations import Durations
from ronda.framework.scan.opening import ELAPSED
from ronda.framework.scan.plan import Plan, Point
from ronda.framework.scan.points import Points
from ronda.framework.scan.presets import Presets
from ronda.framework.scan.sources import Source
from ronda.framework.scan.steering import Steering
from ronda.framework.stream.publisher import Publisher
from ronda.framework.stream.trigger import TriggerLine

REST_SLICE = 0.05
"""Longest sleep in one piece, in s: so soon a stop is noticed."""

LAST_POINT = 0.2
"""Longest wait in s, after a scan was ended, for what the devices have published of the point in hand."""


class Measuring:
    """Measures the points of one scan, whose devices are armed.

    Without suspenders the n-th entry in the stream is the n-th point of the plan. With them a point that they spoil may
    be measured again, as the next entry.

    Args:
        plan: what is to be done.
        targets: for each point where to measure, absolute and checked; empty without axes.
        constants: numbers that are published with each point, by channel.
        own: publishes what the engine itself knows.
        line: triggers the devices.
        points: sees that they have measured.
        steering: lets it wait.
        presets: what is done around each point.
        measuring: the devices.

    Attributes:
        moved: whether an axis has been sent somewhere.
        durations: where the time went.
        remarks: what is missing though it went well; nothing, since a point that is missing makes a step scan fail.
        latest: values of the latest point, by channel, axes included.
        found: where the axes are left, if the scan looked for something and found it.
    """

    repeats_spoilt = False
    """Whether each point that a suspender spoils is measured again, also where the suspender does not ask for it."""

    def __init__(
        self,
        plan: Plan,
        targets: Sequence[Point],
        constants: Mapping[str, Sequence[int]],
        own: Publisher,
        line: TriggerLine,
        points: Points,
        steering: Steering,
        presets: Presets,
        measuring: Sequence[Source],
    ) -> None:
        self.moved = False
        self.durations = Durations()
        self.remarks: list[str] = []
        self.latest: dict[str, Any] = {}
        self.found: Found | None = None
        self._plan = plan
        self._targets = targets
        self._constants = constants
        self._known = plan.known()
        self._own = own
        self._line = line
        self._points = points
        self._steering = steering
        self._presets = presets
        self._lasts = lasting(measuring, plan)
        self._entry = 0
        self._published = False
        self._first = 0.0
        self._told_until = 0.0
        self._reached: dict[str, float] = {}
        self._at: Point = ()

    def run(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Measure all points; gives the index of each, and its values by channel, axes included, when it is done.

        Raises:
            HardwareFault: an axis stands elsewhere than at its target.
            DeviceFailed, NotReady, TimedOut, CommunicationFailed: as in `Points.collect`.
        """
        self._told_until = time.monotonic()
        for index in self.indices():
            if index and self._plan.sleep_time:
                rest(self._plan.sleep_time, self._steering.check)
            again = True
            while again:
                self.latest, again = self._measure(index)
            yield index, self.latest

    @property
    def latest_entry(self) -> int:
        """The entry of the stream with the latest point; entries before it may be of points that were spoilt."""
        return self._entry - 1

    def indices(self) -> Iterator[int]:
        """The index of each point."""
        return self._plan.indices()

    def end_motion(self) -> None:
        """The scan did not come to its own end, and the axes stand: nothing else is to be ended."""

    def collect_rest(self) -> int:
        """The devices have left it: number of points, if one is whole of which it had not heard when it was ended.

        With suspenders nobody knows whether that one is valid, so it does not count.
        """
        if self._steering.watched or not self._published or not self._points.there(self._entry, LAST_POINT):
            return 0
        return self._entry + 1

    def _measure(self, index: int) -> tuple[dict[str, Any], bool]:
        """Measure a point once; returns its values, and whether it is to be measured again."""
        steering, entry = self._steering, self._entry
        waited = steering.waited
        steering.wait_until_free()
        self._presets.prepare_point(index)
        begun = time.monotonic()
        own = self._move(index)
        arrived = time.monotonic()
        steering.wait_until_free()
        self._presets.start_point(index)
        fired = time.monotonic()
        steering.control.in_hand = True
        self._line.fire(entry, point=index)
        now = time.time()
        self._first = self._first or now
        own[ELAPSED] = now - self._first
        told: dict[str, Any] = {name: values[index] for name, values in self._constants.items()}
        own |= {name: values[index] for name, (_, values) in self._known.items()}
        again = False
        if steering.watched:
            values = self._points.collect(entry, self._line, index)
            collected = time.monotonic()
            again = steering.spoils(index, always=self.repeats_spoilt)
            flags = {words.PLANNED: index, words.VALID: int(not steering.wrong)}
            self._own.publish({**own, **told, **flags}, time=now, index=entry)
        else:
            self._own.publish({**own, **told}, time=now, index=entry)  # while the devices measure
            self._published = True
            values = self._points.collect(entry, self._line, index)
            collected = time.monotonic()
        steering.control.in_hand = False
        self._entry += 1
        self._published = False
        self._account(index, arrived - begun, collected - fired, steering.waited - waited, collected)
        self._presets.stop_point()
        return {**own, **values}, again

    def _move(self, index: int) -> dict[str, Any]:
        """Go to a point; returns where each axis stands. One that was sent there last stays as it is."""
        if not self._targets:
            return {}
        self.moved = True
        check, targets = self._steering.check, self._targets[index]
        moves = [
            (axis, target)
            for place, (axis, target) in enumerate(zip(self._plan.axes, targets, strict=True))
            if not self._at or self._at[place] != target
        ]
        if moves:
            axes, places = zip(*moves, strict=True)
            reached = motion.move(axes, places, check)
            self._reached |= {axis.name: position for axis, position in zip(axes, reached, strict=True)}
            self._at = targets
        if self._plan.stab_time:
            rest(self._plan.stab_time, check)
        return dict(self._reached)

    def _account(self, index: int, motion: float, measuring: float, waiting: float, now: float) -> None:
        """Add up where the time of a point went, all in s."""
        spent = self.durations
        exposure = min(self._lasts(index), measuring)
        spent.motion += motion
        spent.exposure += exposure
        spent.readout += measuring - exposure
        spent.waiting += waiting
        spent.setup += max(now - self._told_until - motion - measuring - waiting, 0.0)
        self._told_until = now


def rest(seconds: float, check: Callable[[], None]) -> None:
    """Wait; `check`, called now and then, raises to end it."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(left, REST_SLICE))
        check()
