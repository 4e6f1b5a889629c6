"""Following all scans for the page: one thread for the catalogue, and one for each scan that somebody looks at.

Viewers never read the stream themselves, so thirty cost Redis no more than one.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from ronda.framework.errors import RondaError
from ronda.framework.stream import Record, Scan, ScanGone, Stream
from ronda.framework.stream.answers import NeverWillBe
from ronda.framework.stream.frames.reader import FrameReader
from ronda.shell.view.shown_scan import MemoryFull, ShownScan

LOOK = 0.5
"""Seconds after which a thread that waits for news looks whether it shall end."""

PAUSE = 1.0
"""Seconds until Redis is asked again after it did not answer."""

BATCH_PERIOD = 0.02
"""Seconds in which blocks are gathered: a scan of 1000 points per second need not wake anybody for each."""

ROOM = 256_000_000
"""Bytes of scans that are kept though nobody looks at them; the ones looked at last stay."""

LISTED = 500
"""Scans in the list, the newest ones."""


class Following:
    """The scans in memory, and the data of those that were asked for.

    Args:
        stream: where.

    Attributes:
        version: another number after each change of the list.
        trouble: why the stream cannot be followed now, as a sentence; empty if it can.
        frames: reads large frames.
    """

    def __init__(self, stream: Stream) -> None:
        self.version = 0
        self.trouble = ""
        self.frames = FrameReader()
        self._stream = stream
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}
        self._shown: dict[str, ShownScan] = {}
        self._called = ""
        self._last = (-1, "")
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._kept_up, args=(self._catalogue,), daemon=True)]

    def start(self) -> None:
        """Begin to follow."""
        self._threads[0].start()

    def stop(self) -> None:
        """End all threads."""
        self._end.set()
        for thread in list(self._threads):
            thread.join(2 * LOOK)

    def records(self) -> list[Record]:
        """The newest scans in memory, by start time."""
        with self._lock:
            return sorted(self._records.values(), key=lambda record: record.started)[-LISTED:]

    def call(self, identifier: str) -> None:
        """Somebody plots a scan: it counts as the newest, until another one begins."""
        with self._lock:
            self._called = identifier if identifier in self._records else ""
        self.version += 1

    def newest(self) -> str:
        """Id of the scan that began last, or was plotted since; empty if there is none."""
        if self._called:
            return self._called
        version = self.version
        if self._last[0] != version:  # each page asks twenty times a second
            records = self.records()
            self._last = (version, records[-1].identifier if records else "")
        return self._last[1]

    def show(self, identifier: str) -> ShownScan | None:
        """A scan, followed from now on if it is not yet; None if memory does not have it.

        Raises:
            CommunicationFailed: Redis does not answer.
        """
        with self._lock:
            found = self._shown.pop(identifier, None)
            if found is not None:
                self._shown[identifier] = found  # the last one looked at is the last one to go
                return found
        try:
            scan = self._stream.scan(identifier)
            shown = ShownScan(scan.record(), scan.description)
        except ScanGone:
            return None
        with self._lock:
            known = self._shown.setdefault(identifier, shown)
            self._make_room()
        if known is not shown:  # somebody else looked at it at the same moment
            return known
        thread = threading.Thread(target=self._read, args=(scan, shown), daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()
        return shown

    def _make_room(self) -> None:
        used = sum(one.nbytes for one in self._shown.values())
        for identifier, one in list(self._shown.items())[:-1]:
            if used <= ROOM and len(self._shown) <= LISTED:
                return
            if one.over:
                used -= one.nbytes
                del self._shown[identifier]

    def _kept_up(self, work: Callable[[], None]) -> None:
        """Do what may fail whenever Redis is away, again and again."""
        while not self._end.is_set():
            try:
                work()
            except Exception as error:  # noqa: BLE001 - whatever it is, the page says so and it is tried again
                self.trouble = told(error)
                self.version += 1
                self._end.wait(PAUSE)

    def _catalogue(self) -> None:
        place = self._stream.place()
        records = {record.identifier: record for record in self._stream.scans()}
        with self._lock:
            self._records = records
            self._shown = {name: one for name, one in self._shown.items() if name in records}
        self.trouble = ""
        self.version += 1
        while not self._end.is_set():
            for news in self._stream.news(after=place, timeout=LOOK):
                place = news.place
                self._note(news.identifier, gone=news.state == "GONE")
                if self._end.is_set():
                    return

    def _note(self, identifier: str, *, gone: bool) -> None:
        try:
            record = None if gone else self._stream.scan(identifier).record()
        except ScanGone:
            record = None
        with self._lock:
            shown = self._shown.get(identifier)
            if record is None:
                self._records.pop(identifier, None)
                self._called = self._called if self._called != identifier else ""
            else:
                if identifier not in self._records:
                    self._called = ""
                self._records[identifier] = record
        if record is not None and shown is not None:
            shown.change(record)
        self.version += 1

    def _read(self, scan: Scan, shown: ShownScan) -> None:
        """Follow the data of a scan to its end."""
        reached: dict[str, int] = {}
        while not self._end.is_set():
            try:
                cursor = scan.follow(shown.channels(), start=reached or "oldest")
                while not cursor.exhausted and not self._end.is_set():
                    for block in cursor.read(timeout=LOOK):
                        shown.put(block)
                    reached = cursor.positions
                    time.sleep(BATCH_PERIOD)
                if cursor.exhausted:
                    shown.end()
                return
            except (ScanGone, NeverWillBe) as error:
                shown.end(str(error))
                return
            except MemoryFull as error:
                shown.end(str(error))
                return
            except Exception as error:  # noqa: BLE001 - as above
                shown.interrupt(told(error))
                self._end.wait(PAUSE)
                with contextlib.suppress(RondaError):
                    reached = {name: max(at, scan.extent(name).first) for name, at in reached.items()}


def told(error: Exception) -> str:
    """What is said of an error."""
    return str(error) if isinstance(error, RondaError) else f"live view: {type(error).__name__}: {error}"
