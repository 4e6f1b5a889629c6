"""A store: a folder that takes events of one logger and keeps them, in SQLite first, in Parquet files for good."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from ronda.framework.archive.buffer import Buffer
from ronda.framework.archive.record import Event
from ronda.framework.errors import NotAllowed, ServiceFailed

LOCK = "writer.lock"


class Store:
    """A store, as its one writer sees it; may be used by several threads. Readers: `questions.Archive`."""

    def __init__(self, folder: Path) -> None:
        """Open the store in a folder, which is made if it is not there.

        Raises:
            NotAllowed: another process writes there.
            ServiceFailed: the folder cannot be written, or its SQLite file is broken.
        """
        self.folder = folder
        self._lock = _lock(folder)
        self._buffer = Buffer(folder)

    def append(self, events: Sequence[Event]) -> None:
        """Store events; they survive `kill -9` and power loss when this returns. Many at a time are fast: each call
        waits for the disk once.

        Raises:
            BadValue: one of them cannot be stored; none is.
            ServiceFailed: the disk is full or fails; none is stored.
        """
        if events:
            self._buffer.append(events)

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
