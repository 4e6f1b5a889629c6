"""The writer: finds the scans that are to be saved, shares them with other writers, and saves each in a thread."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from ronda.framework.errors import Busy, CommunicationFailed, NotAllowed, RondaError, ServiceFailed, TimedOut
from ronda.framework.nexus import words
from ronda.framework.nexus.checksum import checksum_file, intact
from ronda.framework.nexus.ownership import Ownership
from ronda.framework.nexus.paths import Paths
from ronda.framework.nexus.saving import Orders, Progress, Saving
from ronda.framework.stream import Channel, FrameLost, NoLongerInMemory, Scan, ScanGone, State, Stream
from ronda.framework.stream.frames.reader import FrameReader

LOOK_PERIOD = 1.0
"""Seconds between two looks for scans that have no writer, beside the news of the stream."""

ORPHAN_PATIENCE = 10.0
"""Seconds that the host agent has to end a scan whose owner died; then the writer does it."""

SHARING_DELAY = 0.03
"""Seconds by which a writer waits for each file it has open before it takes a new scan: others may have fewer."""

REMEMBERED = 50
"""How many finished scans the progress tells."""


@dataclass(frozen=True)
class Status:
    """What a writer tells of itself.

    Attributes:
        state: `starting`, `idle`, `writing`, `paused`, `held` or `unreachable` (Redis).
        sentence: for people.
        lag_seconds: since when something is waiting that is not in a file.
        lag_bytes: how much of it.
        open_files: number of files open.
        last_error: the last thing that went wrong, even if it is over.
        progress: JSON, one entry for each scan: those open, and the last ones closed.
    """

    state: str
    sentence: str
    lag_seconds: float
    lag_bytes: int
    open_files: int
    last_error: str
    progress: str


class Writer:
    """Saves every scan that names the consumer `writer` in its description. Its methods may be called by any thread.

    Args:
        connect: makes a connection to the stream.
        paths: where files go.
        minimum_free: bytes that must stay free on the disk.
        ownership: mode and group of the files; the system's if None.
        roots: further data roots, below which detectors write their own files.
        slow: whether files lead to what was archived during the scan.
        closed: called with the progress of each scan whose file was closed for good.
    """

    def __init__(
        self,
        connect: Callable[[], Stream],
        paths: Paths,
        *,
        minimum_free: int = 0,
        ownership: Ownership | None = None,
        roots: Sequence[Path] = (),
        slow: bool = False,
        closed: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self._connect = connect
        self._paths = paths
        self._closed = closed
        self._orders = Orders(
            minimum_free=minimum_free, ownership=ownership or Ownership(), roots=[paths.root, *roots], slow=slow
        )
        self._open: dict[str, _Job] = {}
        self._finished: deque[Progress] = deque(maxlen=REMEMBERED)
        self._ignored: set[str] = set()
        self._given_up: set[str] = set()
        self._orphans: dict[str, float] = {}
        self._lag = (0.0, 0)
        self._caught_up = time.monotonic()
        self._begun = False
        self._unreachable = ""
        self._last_error = ""
        self._stream: Stream | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        """Begin to follow the stream."""
        self._thread.start()

    def end(self) -> None:
        """Begin to end: flush, and leave the files so that they can be resumed."""
        self._orders.stop.set()

    @property
    def ended(self) -> bool:
        """Whether all files are closed and nothing more will be written."""
        return not self._thread.is_alive()

    def stop(self) -> None:
        """End, and wait for it."""
        self.end()
        if self._thread.ident is not None:
            self._thread.join()

    def pause(self) -> None:
        """Flush what is there and leave what comes in the stream."""
        self._orders.paused.set()

    def resume(self) -> None:
        """Go on after a pause."""
        self._orders.paused.clear()

    def flush(self, timeout: float = 10.0) -> None:
        """Flush all open files; returns when that is done.

        Raises:
            TimedOut: it was not done in time.
        """
        with self._lock:
            self._orders.flush += 1
            wished = self._orders.flush
        deadline = time.monotonic() + timeout
        while True:
            waiting = [job.saving.progress for job in self._jobs() if job.saving.flushed < wished]
            waiting = [progress for progress in waiting if progress.state in ("writing", "held")]
            if not waiting:
                return
            if time.monotonic() > deadline:
                raise TimedOut(
                    f"{waiting[0].file}: not flushed within {timeout:g} s; {waiting[0].error or 'it is still writing'}"
                )
            time.sleep(0.01)

    def rewrite(self, which: int | str) -> Path:
        """Begin to make the file of a scan again from memory; `status` tells when it is closed.

        Args:
            which: id, number, or `last`.

        Raises:
            NotFound: memory holds no such scan.
            NoLongerInMemory: memory no longer holds all of it.
            Busy: a writer has the scan.
            NotAllowed: its file is there and intact, or the scan is not to be saved.
            CommunicationFailed: Redis does not answer.
        """
        stream = self._stream
        if stream is None:
            raise CommunicationFailed(f"writer: cannot reach the stream: {self._unreachable or 'not connected yet'}")
        scan = stream.scan(which)
        _require_whole(scan, self._orders.roots)
        path = self._paths.scan_file(scan.identifier, scan.number, scan.description)
        for job in self._jobs():
            if job.saving.progress.identifier == scan.identifier and job.saving.progress.over:
                job.thread.join()
                self._collect()
        lock = self._claim(scan.identifier)
        if lock is None:
            raise Busy(f"scan {scan.number}: a writer is writing {path}; wait until it is closed")
        try:
            _make_way(path)
        except BaseException:
            lock.close()
            raise
        self._launch(scan, lock)
        return path

    def free_bytes(self) -> int:
        """What is free on the disk of the data root, less what must stay free; below 0 if that is used already."""
        folder = self._paths.root
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent  # it is made with the first file
        disk = os.statvfs(folder)
        return disk.f_bavail * disk.f_frsize - self._orders.minimum_free

    def status(self) -> Status:
        """What it does now."""
        jobs = self._jobs()
        told = [job.saving.progress for job in jobs]
        trouble = next((progress.error for progress in told if progress.state == "held"), "")
        if trouble:
            self._last_error = trouble
        count = len(told)
        scans = f"{count} scan{'' if count == 1 else 's'}"
        if not self._begun and not self._unreachable:
            state, sentence = "starting", "connecting to the stream"
        elif self._unreachable:
            state, sentence = "unreachable", self._unreachable
        elif trouble:
            state, sentence = "held", trouble
        elif self._orders.paused.is_set():
            state, sentence = "paused", f"paused with {scans} open; Resume goes on"
        elif count:
            state, sentence = "writing", f"writing {scans}"
        else:
            state, sentence = "idle", "waiting for scans"
        with self._lock:
            finished = list(self._finished)
        progress = json.dumps([asdict(one) for one in [*finished, *told]])
        return Status(state, sentence, self._lag[0], self._lag[1], count, self._last_error, progress)

    # -- the thread

    def _run(self) -> None:
        while not self._orders.stop.is_set():
            try:
                with self._connect() as stream:
                    self._stream = stream
                    self._attend(stream)
            except Exception as error:  # noqa: BLE001 - whatever it is, the writer goes on and tells
                known = isinstance(error, RondaError | OSError)
                self._unreachable = str(error) if known else f"a mistake of ours: {type(error).__name__}: {error}"
                self._last_error = self._unreachable
                self._orders.stop.wait(LOOK_PERIOD)
        for job in self._jobs():
            job.thread.join()
        self._collect()

    def _attend(self, stream: Stream) -> None:
        while not self._orders.stop.is_set():
            place = stream.place()
            self._look(stream)
            self._begun, self._unreachable = True, ""
            deadline = time.monotonic() + LOOK_PERIOD
            while (left := deadline - time.monotonic()) > 0 and not self._orders.stop.is_set():
                for news in stream.news(after=place, timeout=min(left, 0.2)):
                    place = news.place
                    if news.state == State.PREPARING:
                        self._consider(stream, news.identifier)
                self._collect()

    def _look(self, stream: Stream) -> None:
        """Take the scans that nobody writes, and see what is behind."""
        behind = [lag for lag in stream.behind() if lag.consumer == words.CONSUMER]
        live = [record.identifier for record in stream.scans(state=State.LIVE)]
        for identifier in dict.fromkeys([lag.scan for lag in behind] + live):
            self._consider(stream, identifier)
        self._ignored.intersection_update(live)
        waiting = sum(lag.memory for lag in behind if lag.points)
        now = time.monotonic()
        if not waiting:
            self._caught_up = now
        self._lag = (now - self._caught_up, waiting)
        self._end_orphans(stream)
        with suppress(ServiceFailed):  # the folder is not ours alone; whoever makes a ring says so
            stream.sweep_frames()

    def _consider(self, stream: Stream, identifier: str) -> None:
        """Take a scan if it is to be saved and nobody else has it."""
        with self._lock:
            if identifier in self._open or identifier in self._ignored | self._given_up:
                return
            delay = SHARING_DELAY * len(self._open)
        try:
            scan = stream.scan(identifier)
            if words.CONSUMER not in scan.description.consumers:
                self._ignored.add(identifier)
                return
        except ScanGone:
            return
        self._orders.stop.wait(delay)
        lock = self._claim(identifier)
        if lock is not None:
            self._launch(scan, lock)

    def _claim(self, identifier: str) -> IO[str] | None:
        """The lock on a scan, None if another writer has it; the system lets go of it if we die."""
        file = self._paths.lock(identifier)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            lock = file.open("a")
        except OSError as error:
            raise ServiceFailed(
                f"the data root {self._paths.root} cannot be written ({error.strerror}); make it writable, or name "
                "another one in the writer's configuration"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        return lock

    def _launch(self, scan: Scan, lock: IO[str]) -> None:
        job = _Job(Saving(scan, self._paths, self._orders, self._closed), lock)
        with self._lock:
            self._open[scan.identifier] = job
            kept = [one for one in self._finished if one.identifier != scan.identifier]
            self._finished = deque(kept, maxlen=REMEMBERED)
        job.thread.start()

    def _collect(self) -> None:
        """Put away the scans that are done."""
        for job in self._jobs():
            if job.thread.is_alive():
                continue
            progress = job.saving.progress
            with self._lock:
                if self._open.pop(progress.identifier, None) is not job:
                    continue
                self._finished.append(progress)
            if progress.state == "given up":
                self._last_error = f"scan {progress.number}: {progress.error}"
                self._given_up.add(progress.identifier)
            elif progress.state == "closed":
                self._paths.lock(progress.identifier).unlink(missing_ok=True)
            job.lock.close()

    def _end_orphans(self, stream: Stream) -> None:
        """Fail scans whose owner died, if the host agent did not do it in its time."""
        orphans = {scan.identifier: scan for scan in stream.orphans()}
        now = time.monotonic()
        self._orphans = {identifier: self._orphans.get(identifier, now) for identifier in orphans}
        for identifier, since in self._orphans.items():
            if now - since > ORPHAN_PATIENCE:
                scan = orphans[identifier]
                stream.fail_orphan(scan, f"scan {scan.number}: the program that ran it died; the writer closed it")

    def _jobs(self) -> list[_Job]:
        with self._lock:
            return list(self._open.values())


class _Job:
    """A scan that is being saved, its thread, and the lock that keeps other writers from it."""

    def __init__(self, saving: Saving, lock: IO[str]) -> None:
        self.saving = saving
        self.lock = lock
        self.thread = threading.Thread(target=saving.run, name=f"scan-{saving.progress.number}", daemon=True)


def _require_whole(scan: Scan, roots: Sequence[Path]) -> None:
    if words.CONSUMER not in scan.description.consumers:
        raise NotAllowed(
            f"scan {scan.number}: was not to be saved (the consumer {words.CONSUMER} is not in its description)"
        )
    for device in scan.description.devices:
        first = scan.extent(device.name).first
        if first:
            raise NoLongerInMemory(
                f"scan {scan.number}: memory no longer holds the points of {device.name} before {first}; "
                "its file cannot be made again",
                first,
            )
        for channel in device.channels:
            if channel.storage == "reference" and scan.extent(device.name).length:
                _require_frames(scan, channel, roots)


def _require_frames(scan: Scan, channel: Channel, roots: Sequence[Path]) -> None:
    """Refuse to make the file anew when frames are gone; a ring loses the oldest first."""
    reader = FrameReader(roots)
    try:
        reader.read(scan.read(channel.name, 0, 1), channel)
    except FrameLost as error:
        raise NoLongerInMemory(
            f"scan {scan.number}: the first frames of {channel.name} are gone ({error}); its file cannot be made again",
            1,
        ) from error
    finally:
        reader.close()


def _make_way(path: Path) -> None:
    """Move a damaged file away; one that is intact stays."""
    if path.exists():
        if intact(path):
            raise NotAllowed(
                f"{path}: is there and intact ({checksum_file(path).name}), and a closed file is final; "
                "move it away to write it again"
            )
        path.rename(path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}"))
    checksum_file(path).unlink(missing_ok=True)
