"""Sub-scans: devices that timers trigger beside a scan; each has its own period, points, and entry in the file."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from ronda.framework.errors import BadValue
from ronda.framework.scan.background import Spawn
from ronda.framework.scan.chain import periods, seconds, subscan
from ronda.framework.scan.opening import timer_channel, timer_name
from ronda.framework.scan.points import SEAL_LIMIT, Points
from ronda.framework.scan.sources import Source, disarm
from ronda.framework.stream.answers import HeldBack
from ronda.framework.stream.scan import Scan

SLICE = 0.02
"""Longest sleep in one piece, in s: so soon the end of the scan is noticed."""

TELL_AFTER = 0.5
"""Seconds for which a scan waits for the last point of a sub-scan before it says so."""

LEAVE_LIMIT = 5.0
"""Seconds that a sub-scan which is broken off has to end."""


class SubScan:
    """One timer, and the devices that it triggers. It waits while the scan is paused, and ends with it.

    Args:
        number: from 2 on.
        period: of the timer, in s.
        measuring: the devices.
        exposure: of the scan, in s, for devices that have none of their own.

    Attributes:
        number, period: as above.
        points: how many are measured.
        missed: how many times the devices were not done when the timer was to trigger them.
        latest: the latest numbers by channel.
        failure: what ended it before the scan.

    Raises:
        BadValue: the devices need longer than the period.
    """

    def __init__(self, number: int, period: float, measuring: Sequence[Source], exposure: float) -> None:
        needed = seconds(measuring, exposure, 0)
        if needed > period:
            names = ", ".join(source.name for source in measuring)
            raise BadValue(
                f"{names}: measuring takes {needed:g} s, which does not fit into period={period:g} s; give a longer "
                "period= or a shorter time="
            )
        self.number = number
        self.period = period
        self.points = 0
        self.missed = 0
        self.latest: dict[str, Any] = {}
        self.failure: Exception | None = None
        self._measuring = measuring
        self._exposure = exposure
        self._finish = threading.Event()
        self._over = threading.Event()
        self._ended = threading.Event()
        self._ended.set()
        self._paused: Callable[[], bool] = lambda: False
        self._coming: Points | None = None

    @property
    def channels(self) -> list[str]:
        """Names of what it measures."""
        return [counter.name for source in self._measuring for counter in source.counters]

    @property
    def without(self) -> list[str]:
        """A sentence about each device that it went on without."""
        return [] if self._coming is None else list(self._coming.left_out.values())

    @property
    def runs(self) -> bool:
        """Whether it measures."""
        return not self._ended.is_set()

    def begin(self, scan: Scan, paused: Callable[[], bool], spawn: Spawn) -> None:
        """Begin to trigger the devices, which are armed.

        Args:
            scan: in the stream.
            paused: whether the scan waits.
            spawn: begins what goes on beside.
        """
        self._paused = paused
        self._ended.clear()
        try:
            spawn(lambda: self._run(scan))
        except BaseException:
            self._ended.set()
            raise

    def finish(self) -> None:
        """Let it end after the point in hand; returns at once."""
        self._finish.set()

    def break_off(self) -> None:
        """Let it end now; returns at once."""
        self._finish.set()
        self._over.set()

    def seal(self, scan: str) -> list[Source]:
        """Let the devices leave the scan after its last point; returns those that have not said that they did."""
        if self._coming is None:
            return []
        disarm(self._coming.not_sealed(), scan)
        self._coming.wait_for_seals(SEAL_LIMIT)
        return self._coming.not_sealed()

    # -- in its own thread or greenlet

    def _run(self, scan: Scan) -> None:
        try:
            self._measure(scan)
        except _BrokenOff:
            pass
        except Exception as error:  # noqa: BLE001 - the scan raises it
            self.failure = error
        finally:
            self._ended.set()

    def _measure(self, scan: Scan) -> None:
        name, elapsed = timer_name(self.number), timer_channel(self.number)
        line = scan.trigger_line(self.number)
        own = scan.publisher(name, wait=None, on_held=self._held)
        coming = Points(scan, self._measuring, self._exposure, self._check, lambda _: None, needed=False)
        self._coming = coming
        first, due = 0.0, time.monotonic()
        while (due := self._await(due)) and coming.expected:
            line.fire(self.points)
            fired = time.time()
            first = first or fired
            own.publish({elapsed: fired - first}, time=fired, index=self.points)
            self.latest = coming.collect(self.points, line, self.points)
            self.points += 1
            late = int((time.monotonic() - due) // self.period)
            self.missed += late
            due += self.period * (1 + late)
        own.seal()

    def _await(self, due: float) -> float:
        """Wait until it is time for the next point; returns when that was, 0 if there is to be none."""
        while not self._finish.is_set():
            if self._paused():
                due = time.monotonic() + SLICE
            left = due - time.monotonic()
            if left <= 0:
                return due
            time.sleep(min(left, SLICE))
        self._check()
        return 0.0

    def _check(self) -> None:
        if self._over.is_set():
            raise _BrokenOff

    def _held(self, _: HeldBack) -> None:
        self._check()


class _BrokenOff(Exception):
    """The scan is over."""


class SubScans:
    """All sub-scans of one scan; none if nothing has a timer of its own.

    Attributes:
        all: each of them.
    """

    def __init__(self, found: Sequence[SubScan] = ()) -> None:
        self.all = found
        self._scan: Scan | None = None
        self._not_sealed: list[Source] = []

    @classmethod
    def of(cls, measuring: Sequence[Source], exposure: float) -> SubScans:
        """Those of devices that have a timer.

        Args:
            measuring: all devices of the scan.
            exposure: of the scan, in s.

        Raises:
            BadValue: devices need longer than their period.
        """
        numbered = sorted(periods(measuring).items())
        return cls([SubScan(number, period, subscan(measuring, number), exposure) for number, period in numbered])

    @property
    def remarks(self) -> list[str]:
        """What is missing though all went well."""
        return [
            f"sub-scan {one.number}: its devices were not done in time, {one.missed} of {one.missed + one.points} "
            f"triggers each {one.period:g} s were left out"
            for one in self.all
            if one.missed
        ]

    @property
    def left_out(self) -> list[str]:
        """A sentence about each device that one of them went on without."""
        return [sentence for one in self.all for sentence in one.without]

    def begin(self, scan: Scan, paused: Callable[[], bool], spawn: Spawn) -> None:
        """Begin all, as `SubScan.begin`."""
        self._scan = scan
        for one in self.all:
            one.begin(scan, paused, spawn)

    def check(self) -> None:
        """See that none has failed.

        Raises:
            RondaError: what made one fail.
        """
        for one in self.all:
            if one.failure is not None:
                raise one.failure

    def finish(self, check: Callable[[], None], waiting: Callable[[str], None]) -> None:
        """Let all end after the point in hand, which is waited for, and the devices leave the scan.

        Args:
            check: called often; raises to give up.
            waiting: told for what it waits, if that takes longer, and with an empty text afterwards.

        Raises:
            RondaError: what made one fail.
        """
        for one in self.all:
            one.finish()
        begun, told = time.monotonic(), False
        while running := [one for one in self.all if one.runs]:
            check()
            if not told and time.monotonic() > begun + TELL_AFTER:
                told = True
                waiting(f"waiting for the last point of {', '.join(running[0].channels)}")
            time.sleep(SLICE)
        if told:
            waiting("")
        self.check()
        if self._scan is not None:
            self._not_sealed = [source for one in self.all for source in one.seal(self._scan.identifier)]

    def not_sealed(self) -> list[Source]:
        """The devices that have not said that they left the scan after `finish`."""
        return self._not_sealed

    def break_off(self) -> None:
        """Let all end now; returns at once."""
        for one in self.all:
            one.break_off()

    def wait(self) -> None:
        """Wait until all that were broken off have ended, for a bounded time."""
        deadline = time.monotonic() + LEAVE_LIMIT
        while any(one.runs for one in self.all) and time.monotonic() < deadline:
            time.sleep(SLICE)


def points_of(measuring: Sequence[Source], duration: float) -> dict[int, int]:
    """How many points sub-scans measure in a time in s, by their number."""
    return {number: int(duration // period) + 1 for number, period in periods(measuring).items()}
