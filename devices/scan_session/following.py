"""What a scan session knows of the latest scan, from the stream alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ronda.devices.driver import Driver
from ronda.devices.redis_of_server import connect_stream
from ronda.devices.scan_session.parameters import ScanSessionParameters
from ronda.framework.errors import CommunicationFailed, NotFound, RondaError
from ronda.framework.scan.opening import ELAPSED, OWN
from ronda.framework.stream import Stream
from ronda.framework.stream.answers import ScanGone
from ronda.framework.stream.catalogue import Record
from ronda.framework.stream.description import Device, State
from ronda.framework.stream.scan import Scan
from ronda.framework.tango.names import ScanSessionAttribute

QUIET = 0.5
"""Longest wait for news in one look, in s, while no scan runs."""

BUSY = 0.2
"""The same while one runs: so often the points are counted."""


@dataclass(frozen=True)
class Shown:
    """What clients see of a scan; the attributes of the device say more."""

    number: int = 0
    identifier: str = ""
    title: str = ""
    user: str = ""
    state: str = ""
    sentence: str = ""
    points_done: int = 0
    points: int = 0
    time_left: float = math.nan

    @property
    def progress(self) -> float:
        """Points done of all, in percent."""
        return 100.0 * min(self.points_done / self.points, 1.0) if self.points else math.nan

    def attributes(self) -> dict[str, Any]:
        """Values by the names of the Tango attributes."""
        return {
            ScanSessionAttribute.NUMBER: self.number,
            ScanSessionAttribute.IDENTIFIER: self.identifier,
            ScanSessionAttribute.TITLE: self.title,
            ScanSessionAttribute.USER: self.user,
            ScanSessionAttribute.SCAN_STATE: self.state,
            ScanSessionAttribute.SENTENCE: self.sentence,
            ScanSessionAttribute.POINTS_DONE: self.points_done,
            ScanSessionAttribute.POINTS: self.points,
            ScanSessionAttribute.PROGRESS: self.progress,
            ScanSessionAttribute.TIME_LEFT: self.time_left,
        }

    def told(self) -> str:
        """A clause for people."""
        if not self.state:
            return "there was no scan yet"
        of = f" of {self.points}" if self.points else ""
        why = f": {self.sentence}" if self.sentence else ""
        return f"scan {self.number} {self.title} {self.state} at {self.points_done}{of} points{why}"


NO_SCAN = Shown()


class Following(Driver):
    """The stream in the place where other devices have their hardware."""

    parameters: ScanSessionParameters

    def __init__(self, name: str, parameters: Any, environment: Mapping[str, str]) -> None:
        super().__init__(name, parameters)
        self._environment = environment
        self._stream: Stream | None = None
        self._place = ""
        self._scan: Scan | None = None
        self._record: Record | None = None

    def connect(self) -> None:
        """Connect, and find the latest scan.

        Raises:
            ConfigurationError: nobody said where the stream is.
            ServiceFailed, NotAllowed: it cannot be used.
        """
        self._stream = connect_stream(self.name, self._environment, patience=0.5)
        self._place = self._stream.place()
        try:
            self._take(self._stream.scan("last", session=self.parameters.session or None))
        except NotFound:
            self._scan = self._record = None

    def disconnect(self) -> None:
        """Let go of the stream."""
        stream, self._stream, self._scan, self._record = self._stream, None, None, None
        if stream is not None:
            stream.close()

    def look(self) -> Shown:
        """Wait for news for a moment; returns what is to be seen now.

        Raises:
            CommunicationFailed: Redis does not answer.
        """
        stream = self._stream
        if stream is None:
            raise CommunicationFailed(f"{self.name}: is not connected to the stream")
        alive = self._record is not None and self._record.state in State.LIVE
        for news in stream.news(after=self._place, timeout=BUSY if alive else QUIET):
            self._place = news.place
            if news.state == State.PREPARING or (self._scan and news.identifier == self._scan.identifier):
                self._hear(stream, news.identifier)
                break
        return self._shown()

    def order(self, word: str, who: str) -> bool:
        """Give the running scan an order; returns whether there is one. Any thread.

        Raises:
            CommunicationFailed: Redis does not answer.
            ScanOver, ScanGone: it has ended.
        """
        scan, record = self._scan, self._record
        if scan is None or record is None or record.state not in State.LIVE:
            return False
        scan.order(word, who)
        return True

    def _hear(self, stream: Stream, identifier: str) -> None:
        try:
            self._take(stream.scan(identifier))
        except NotFound:
            if self._scan is not None and self._scan.identifier == identifier:
                self._scan = self._record = None  # it has left memory

    def _take(self, scan: Scan) -> None:
        record = scan.record()
        if self.parameters.session in ("", record.session):
            self._scan, self._record = scan, record

    def _shown(self) -> Shown:
        scan, record = self._scan, self._record
        if scan is None or record is None:
            return NO_SCAN
        try:
            names = [device.name for device in scan.description.devices if _measures(device)]
            done = min((scan.extent(name).length for name in names), default=0)
            left = self._time_left(scan, record, done)
        except ScanGone:
            return NO_SCAN
        return Shown(
            record.number,
            scan.identifier,
            record.title,
            record.user,
            record.state,
            record.sentence,
            done,
            record.points or 0,
            left,
        )

    def _time_left(self, scan: Scan, record: Record, done: int) -> float:
        if record.state in State.ENDED:
            return 0.0
        if not record.points or done < 2:
            return math.nan
        try:
            elapsed = float(scan.read(ELAPSED, done - 1, done)[0])
        except RondaError:  # it left memory in this moment
            return math.nan
        return elapsed / (done - 1) * max(record.points - done, 0)


def _measures(device: Device) -> bool:
    """Whether a source has an entry for each point, which the scan waits for."""
    return device.name == OWN or ("tango" in device.attributes and not device.derived)
