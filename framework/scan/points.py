"""Seeing on the stream that a point is done, and finding out what happened if it is not in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ronda.framework.errors import NotReady, RondaError, TimedOut
from ronda.framework.scan.chain import seconds
from ronda.framework.scan.sources import Source
from ronda.framework.stream.answers import DeviceFailed, NoLongerInMemory
from ronda.framework.stream.scan import Scan
from ronda.framework.stream.trigger import TriggerLine

SLICE = 0.2
"""Longest wait in one read, in s: so soon a stop is noticed."""

IN_TIME = 1.0
"""Seconds after the exposure within which a point is expected; then the device is asked."""

AGAIN = 1.0
"""Seconds between two questions."""

SEAL_LIMIT = 1.0
"""Seconds that devices have after the last point to say that they are done."""

LATE_LIMIT = 30.0
"""Seconds after which a device that still measures is taken for broken."""


class Points:
    """The points of the devices of a scan, as they come in.

    Args:
        scan: in the stream.
        measuring: the devices.
        exposure: seconds for which the scan measures each point; the longest, if they differ.
        check: called often while waiting; raises to give up.
        waiting: told why the scan has to wait, and with an empty text when it goes on.
        needed: whether the scan fails when the last device is left out.

    Attributes:
        keep: whether values are kept for `collect`.
        left_out: why the scan goes on without a device that has failed and may be skipped, by its name.
    """

    def __init__(
        self,
        scan: Scan,
        measuring: Sequence[Source],
        exposure: float,
        check: Callable[[], None],
        waiting: Callable[[str], None],
        *,
        needed: bool = True,
    ) -> None:
        self._needed = needed
        self._scan = scan
        self._sources = {source.name: source for source in measuring}
        self._exposure = seconds(measuring, exposure, 0)  # all of them measure at the first point
        self._check = check
        self._waiting = waiting
        self._channels = [counter.name for source in measuring for counter in source.counters]
        self._numbers = {counter.name for source in measuring for counter in source.counters if counter.number}
        self._cursor = scan.follow(self._channels)
        self._points: dict[int, dict[str, Any]] = {}
        self._told = False
        self.keep = True
        self.left_out: dict[str, str] = {}

    def collect(self, index: int, line: TriggerLine, point: int) -> dict[str, Any]:
        """Wait until all devices have measured a point; returns the numbers among the values of their channels.

        A value that has left memory already, because memory is full and the writer was faster than we, is left out.

        Args:
            index: of the entry in the stream.
            line: on which it was fired.
            point: index in the plan.

        Raises:
            DeviceFailed: a device published that it failed.
            NotReady: a device does not take part in the scan any more.
            TimedOut: a device still measures, long after it should have ended.
            CommunicationFailed, TimedOut: a device that is late does not answer.
        """
        fired = time.monotonic()
        next_question = fired + self._exposure + IN_TIME
        while self._missing(index):
            left = next_question - time.monotonic()
            self._read(min(max(left, 0.0), SLICE))
            self._check()
            if left <= 0 and self._missing(index):
                self._ask(index, line, point, time.monotonic() - fired - self._exposure)
                next_question = time.monotonic() + AGAIN
        if self._told:
            self._tell("")
        return self._points.pop(index, {})

    def there(self, index: int, timeout: float) -> bool:
        """Whether all devices have measured a point; waits for more data for `timeout` seconds at most.

        Raises:
            CommunicationFailed: Redis does not answer.
        """
        if timeout and self._lacking(index):
            self._read(timeout)
        return not self._lacking(index)

    def _lacking(self, index: int) -> bool:
        reached = self._cursor.positions
        return any(reached[name] <= index for name in self._sources)

    def wait_for_seals(self, limit: float) -> None:
        """Wait until all devices have said that they are done, for `limit` seconds at most.

        Raises:
            DeviceFailed: one has said that it failed after its last point.
        """
        deadline = time.monotonic() + limit
        while not self._cursor.exhausted and time.monotonic() < deadline:
            self._read(min(SLICE, limit))
            self._check()
        for name, source in list(self._sources.items()):
            end = self._cursor.ends.get(name)
            if end is not None and end.kind == "failed":
                failure = DeviceFailed(end.sentence or f"{name}: failed after its last point", name, end.length)
                self._leave_out(source, end.length, failure)

    @property
    def expected(self) -> bool:
        """Whether there is a device that is not left out."""
        return bool(self._sources)

    def not_sealed(self) -> list[Source]:
        """The devices that have not said so."""
        return [source for name, source in self._sources.items() if name not in self._cursor.ends]

    def _missing(self, index: int) -> list[Source]:
        """The devices whose point is not there yet.

        Raises:
            DeviceFailed, NotReady: one will never come.
        """
        missing = []
        reached = self._cursor.positions
        for name, source in list(self._sources.items()):
            if reached[name] > index:
                continue
            end = self._cursor.ends.get(name)
            if end is None:
                missing.append(source)
            elif end.kind == "failed":
                failure = DeviceFailed(end.sentence or f"{name}: failed at point {index}", name, end.length)
                self._leave_out(source, index, failure)
            else:
                ended = NotReady(f"{name}: ended after {end.length} points, point {index} will never come")
                self._leave_out(source, index, ended)
        return missing

    def _leave_out(self, source: Source, index: int, failure: RondaError) -> None:
        """Go on without a device.

        Raises:
            RondaError: the failure, if the scan needs the device, or no other one is left.
        """
        if not source.skipped or (self._needed and len(self._sources) == 1):
            raise failure
        del self._sources[source.name]
        self.left_out[source.name] = f"{source.name} is left out from point {index} on: {failure}"
        self._tell(self.left_out[source.name])
        with suppress(RondaError):  # it may be dead
            source.disarm(self._scan.identifier)

    def _read(self, timeout: float) -> None:
        try:
            blocks = self._cursor.read(timeout)
        except NoLongerInMemory:
            positions = {
                name: max(position, self._scan.extent(name).first) for name, position in self._cursor.positions.items()
            }
            self._cursor = self._scan.follow(self._channels, start=positions)
            return
        for block in blocks if self.keep else ():
            for place, index in enumerate(block.indices):
                values = self._points.setdefault(index, {})
                for channel, data in block.data.items():
                    if channel in self._numbers:
                        values[channel] = data[place].item()

    def _ask(self, index: int, line: TriggerLine, point: int, late: float) -> None:
        """Ask the devices that are late what happened."""
        for source in self._missing(index):
            try:
                self._ask_one(source, index, line, point, late)
            except RondaError as error:
                self._read(0.0)  # it may have come while we asked
                if source in self._missing(index):
                    self._leave_out(source, index, error)

    def _ask_one(self, source: Source, index: int, line: TriggerLine, point: int, late: float) -> None:
        try:
            progress = source.progress()
        except RondaError as error:
            raise type(error)(
                f"{source.name}: point {index} of scan {self._scan.number} did not come, and the device does not "
                f"answer: {error}"
            ) from error
        if progress.scan != self._scan.identifier:
            why = progress.sentence or "its server was started again meanwhile, or another scan took it"
            raise NotReady(
                f"{source.name}: does not take part in scan {self._scan.number} any more, point {index} is missing: "
                f"{why}"
            )
        if progress.doing == "held":
            self._tell(progress.sentence)
        elif late > LATE_LIMIT + self._exposure and progress.doing != "waiting":  # for another one, which is asked too
            raise TimedOut(
                f"{source.name}: point {index} of scan {self._scan.number} is {late:.0f} s late, the device is "
                f"{progress.doing} ({source.remote.status()})"
            )
        elif progress.index == index and progress.doing == "armed":
            line.fire(
                index, point=point
            )  # lost with a Redis that was killed; a trigger that is there is not sent again
        if progress.doing != "held":
            self._tell(f"waiting for {source.name}, which is {progress.doing}")

    def _tell(self, sentence: str) -> None:
        self._told = bool(sentence)
        self._waiting(sentence)
