"""The software trigger line: one entry triggers all armed devices of a scan, on any host, each exactly once."""

from __future__ import annotations

import time
from dataclasses import dataclass

import redis

from ronda.framework.errors import TimedOut
from ronda.framework.stream import keys, scripts
from ronda.framework.stream.answers import Hole, ScanGone, ScanOver
from ronda.framework.stream.connection import Server

EXPIRY = 10.0
"""Seconds after which a trigger that nobody took is too old to be taken."""

KEPT = 1000
"""About so many triggers stay on the line."""

BLOCKING = 1.0
"""Longest wait in one command, in seconds."""


@dataclass(frozen=True)
class Trigger:
    """A trigger that was taken.

    Attributes:
        scan: id of the scan.
        index: index of the point to measure.
        fired: when it was fired, seconds since 1970 by the clock of Redis.
        point: index in the plan of the scan, smaller than `index` once a point has been measured again.
    """

    scan: str
    index: int
    fired: float
    point: int


class TriggerLate(TimedOut):
    """A trigger came after its expiry: measuring now would give a value that belongs to another moment.

    Attributes:
        index: index of the point.
    """

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.index = index


class TriggerLine:
    """The end of the line at which the scan fires.

    Args:
        subscan: 1 for the scan itself; each of its sub-scans, from 2 on, has a line of its own.
    """

    def __init__(self, server: Server, scan: str, subscan: int = 1) -> None:
        self._server = server
        self._scan = scan
        self._subscan = subscan
        self._offset: float | None = None

    def fire(self, index: int, *, expiry: float = EXPIRY, attempt: int = 0, point: int | None = None) -> None:
        """Trigger all armed devices for a point.

        Sent twice after an interruption it triggers once. To measure a point again, arm the devices for it again and
        fire with the next `attempt`.

        Args:
            index: index of the point.
            expiry: seconds within which a device may take it.
            attempt: 0 the first time, then 1, 2, …
            point: index of the point in the plan of the scan, which says how long to expose; `index` if None.

        Raises:
            ScanOver: the scan has ended.
            ScanGone: Redis does not know the scan.
            CommunicationFailed: Redis does not answer.
        """
        if self._offset is None:
            self._offset = clock_offset(self._server)
        fired, expires = f"{time.time() + self._offset:.6f}", f"{expiry:.6f}"
        # One plain command, which Redis refuses if the trigger is there, the scan has ended, or its memory is full.
        planned = index if point is None else point
        entry = ("scan", self._scan, "index", index, "fired", fired, "expiry", expires, "point", planned)
        line = keys.line(self._scan, self._subscan)
        command = ("XADD", line, "NOMKSTREAM", "MAXLEN", "~", KEPT, f"{index + 1}-{attempt}", *entry)
        try:
            if self._server.call(*command) is not None:
                return
        except redis.ResponseError:
            pass  # the script says which, and gets through a full memory
        answer = self._server.script(scripts.FIRE, self._scan, index, attempt, fired, expires, planned, self._subscan)
        if answer == b"gone":
            raise ScanGone(f"scan {self._scan}: is not in Redis, trigger {index} was not sent; take the scan again")
        if answer == b"over":
            raise ScanOver(f"scan {self._scan}: has ended, trigger {index} was not sent")


class Listener:
    """The end of the line at which an armed device waits; takes only the next index, once.

    Arming is making one: it notes the line's last entry, so that a trigger fired right after is not missed.

    Args:
        first: index of the first point to take.
        subscan: whose line it is, see `TriggerLine`.

    Raises:
        ScanGone: Redis does not know the scan.
    """

    def __init__(self, server: Server, scan: str, device: str, *, first: int = 0, subscan: int = 1) -> None:
        self.index = first
        self._server = server
        self._scan = scan
        self._line = keys.line(scan, subscan)
        self._device = device
        self._offset = clock_offset(server)
        last = server.call("XREVRANGE", self._line, "+", "-", "COUNT", 1)
        if not last:
            raise ScanGone(f"{device}: scan {scan} has no trigger line in Redis; it left memory")
        self._last: bytes = last[0][0]

    def wait(self, timeout: float | None = None) -> Trigger | None:
        """The next trigger; None if none came in time.

        Args:
            timeout: seconds; None for as long as it takes.

        Raises:
            TriggerLate: it came after its expiry; the point counts as not taken.
            Hole: a later index came: one was missed.
            ScanGone, ScanOver: no trigger will come any more.
            CommunicationFailed: Redis does not answer.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = BLOCKING if deadline is None else max(min(deadline - time.monotonic(), BLOCKING), 0.0)
            blocking = ("BLOCK", max(int(left * 1000), 1)) if left > 0 else ()
            answer = self._server.call("XREAD", "COUNT", 1, *blocking, "STREAMS", self._line, self._last)
            for identifier, fields in answer[0][1] if answer else []:
                self._last = identifier
                trigger = self._accept(dict(zip(fields[::2], fields[1::2], strict=True)))
                if trigger is not None:
                    return trigger
            if not answer:
                self._check_scan()
                if deadline is not None and time.monotonic() >= deadline:
                    return None

    def _accept(self, entry: dict[bytes, bytes]) -> Trigger | None:
        index = int(entry.get(b"index", b"-1"))
        if entry[b"scan"].decode() != self._scan or index < self.index:
            return None
        if index > self.index:
            raise Hole(
                f"{self._device}: trigger {index} of scan {self._scan} came, {self.index} was to come; "
                "arm the device again"
            )
        late = time.time() + self._offset - float(entry[b"fired"]) - float(entry[b"expiry"])
        if late > 0:
            raise TriggerLate(
                f"{self._device}: trigger {index} of scan {self._scan} came {late:.3g} s after its expiry of "
                f"{float(entry[b'expiry']):g} s; the point was not measured",
                index,
            )
        self.index += 1
        return Trigger(self._scan, index, float(entry[b"fired"]), int(entry.get(b"point", index)))

    def _check_scan(self) -> None:
        state = self._server.call("HGET", keys.scan(self._scan), "state")
        if state is None:
            raise ScanGone(f"{self._device}: scan {self._scan} is not in Redis; no trigger will come")
        if state.decode() in ("COMPLETED", "ABORTED", "FAILED"):
            raise ScanOver(f"{self._device}: scan {self._scan} is {state.decode()}; no trigger will come")


def clock_offset(server: Server) -> float:
    """Seconds by which the clock of Redis is ahead of ours; hosts compare times by it.

    Raises:
        CommunicationFailed: Redis does not answer.
    """
    before = time.time()
    seconds, micros = server.call("TIME")
    return int(seconds) + int(micros) / 1e6 - (before + time.time()) / 2
