"""A store: a folder that takes events of one logger and keeps them, in SQLite first, in Parquet files for good."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from ronda.framework.archive import check, coding, compaction, retention, rollup
from ronda.framework.archive.buffer import Buffer
from ronda.framework.archive.check import Fault
from ronda.framework.archive.record import Event
from ronda.framework.archive.retention import Keep
from ronda.framework.errors import NotAllowed, ServiceFailed

LOCK = "writer.lock"


class Compacted(NamedTuple):
    """What a compaction did.

    Attributes:
        rows: events that were brought into files.
        merged: files that were merged into larger ones.
        rolled: roll-ups that were made.
        thinned: files from which something was removed because of its age.
    """

    rows: int
    merged: int
    rolled: int
    thinned: int


class Store:
    """A store, as its one writer sees it; may be used by several threads. Readers: `questions.Archive`."""

    def __init__(self, folder: Path, keep: Sequence[Keep] = ()) -> None:
        """Open the store in a folder, which is made if it is not there.

        Args:
            folder: where it is.
            keep: for how long what is kept; the first that fits a name counts, without any all is kept.

        Raises:
            NotAllowed: another process writes there.
            ServiceFailed: the folder cannot be written, or its SQLite file is broken.
        """
        self.folder = folder
        self.keep = tuple(keep)
        self._compacting = threading.Lock()
        self._clean: set[tuple[str, str]] = set()
        self._lock = _lock(folder)
        try:
            self._buffer = Buffer(folder)
            try:
                compaction.sweep(folder, self._buffer)
            except BaseException:
                self._buffer.close()
                raise
        except BaseException:
            os.close(self._lock)
            raise

    def append(self, events: Sequence[Event]) -> None:
        """Store events; they survive `kill -9` and power loss when this returns. Many at a time are fast: each call
        waits for the disk once.

        Raises:
            BadValue: one of them cannot be stored; none is.
            ServiceFailed: the disk is full or fails; none is stored.
        """
        if events:
            self._buffer.append(events)

    def compact(self, older_than: float | None = None, now: float | None = None) -> Compacted:
        """Bring events into Parquet files, merge small files, roll up days that are over, and let go what is too old.

        May be called in a thread beside those that append, which are held up for milliseconds. May be killed anywhere.
        A logger calls it about every minute: questions read what is not compacted row by row.

        Args:
            older_than: events that were received until then, in s since 1970; None for all.
            now: the time by which days are over and ages are counted; None for the clock.

        Raises:
            ServiceFailed: the disk is full or fails; nothing is lost, call it again.
        """
        today = time.time() if now is None else now
        until = coding.LATEST if older_than is None else older_than
        with self._compacting, _disk(self.folder):
            compaction.sweep(self.folder, self._buffer)  # what a failure left
            rows = compaction.compact_rows(self.folder, self._buffer, until)
            merged = compaction.merge_files(self.folder, self._buffer, today)
            thinned = retention.apply(self.folder, self._buffer, self.keep, today, self._clean)
            youngest = min((one.readings for one in self.keep), default=retention.FOREVER)
            rolled = rollup.roll_up(self.folder, self._buffer, today, youngest)
            thinned += retention.apply(self.folder, self._buffer, self.keep, today, self._clean)
        return Compacted(rows, merged, rolled, thinned)

    def check(self) -> list[Fault]:
        """What is wrong with the files of this store; empty if nothing is. Reads all of them."""
        with self._compacting:
            return check.check_files(self.folder, self._buffer, repair=False)

    @property
    def last_time(self) -> float | None:
        """When the last event was received that is stored, in s since 1970; None if there is none. A logger that
        begins marks a gap from there."""
        return self._buffer.last_received()

    @property
    def buffered(self) -> int:
        """How many events wait for compaction."""
        return self._buffer.serial - self._buffer.compacted

    def close(self) -> None:
        """Let go of the folder; nothing more can be stored."""
        self._buffer.close()
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check_store(folder: Path, *, repair: bool = False) -> list[Fault]:
    """What is wrong with the store in a folder; empty if nothing is. Reads all of its files. Nothing is ever deleted:
    what is broken is set aside, in a folder `broken`.

    Args:
        folder: of a store to which nobody writes.
        repair: whether to put right what can be.

    Raises:
        NotAllowed: somebody writes to it.
        ServiceFailed: it cannot be written.
    """
    lock = _lock(folder)
    try:
        faults = check.check_buffer(folder, repair=repair)
        if faults and not repair:
            return faults
        with contextlib.closing(Buffer(folder)) as store:
            compaction.sweep(folder, store)
            found = faults + check.check_files(folder, store, repair=repair)
        if faults:
            with contextlib.closing(Buffer(folder)) as store:  # anew: it counts on from what the files have
                check.mark_lost(folder, store)
        return found
    finally:
        os.close(lock)


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Faults of the disk as sentences."""
    import duckdb

    try:
        yield
    except (OSError, sqlite3.Error, duckdb.Error) as error:
        raise ServiceFailed(
            f"the archive {folder} could not be compacted ({str(error).splitlines()[0]}); nothing is lost: make room "
            "on its disk, see `ronda archive check`, and compact again"
        ) from error


def _lock(folder: Path) -> int:
    """Be the one writer of a folder, until the file is closed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ServiceFailed(f"the archive {folder} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise NotAllowed(
            f"another process writes to the archive {folder}, its data logger perhaps; stop that first"
        ) from error
    return lock
