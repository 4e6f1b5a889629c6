"""The thread that looks after publishers: flushes aged batches, and makes sure that Redis still has what was sent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol


class Turn:
    """Lets one caller in at a time.

    Nobody ever blocks on the lock itself, so a greenlet that waits for Redis inside does not stop the others of its
    thread: they sleep, which switches.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def try_enter(self) -> bool:
        """Enter if nobody is inside; leave with `leave`."""
        return self._lock.acquire(blocking=False)

    def leave(self) -> None:
        """Let the next one in."""
        self._lock.release()

    def __enter__(self) -> None:
        while not self._lock.acquire(blocking=False):
            time.sleep(0.0005)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


class Tended(Protocol):
    """What the keeper looks after."""

    def due(self) -> float | None:
        """When it wants to be tended, in seconds of time.monotonic; None if it does not."""

    def tend(self) -> None:
        """Do what is due; never raises."""


class Keeper:
    """One daemon thread for all publishers of a process; it runs only while one of them wants it.

    Args:
        leave: called by the thread when it ends.
    """

    def __init__(self, leave: Callable[[], None]) -> None:
        self._leave = leave
        self._tended: set[Tended] = set()
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False

    def look_after(self, tended: Tended) -> None:
        """Look after it until it wants nothing; call again when it does, or is due earlier than it said."""
        with self._lock:
            if self._closed:
                return
            self._tended.add(tended)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ronda-stream-keeper", daemon=True)
                self._thread.start()
        self._changed.set()

    def close(self) -> None:
        """Stop the thread and wait for it."""
        with self._lock:
            self._closed = True
            thread = self._thread
        self._changed.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        try:
            self._tend()
        finally:
            self._leave()

    def _tend(self) -> None:
        while True:
            self._changed.clear()
            with self._lock:
                times = {} if self._closed else {one: one.due() for one in self._tended}
                self._tended = {one for one, due in times.items() if due is not None}
                if not self._tended:
                    self._thread = None
                    return
            due = {one: moment for one, moment in times.items() if moment is not None}
            now = time.monotonic()
            for one in due:
                if due[one] <= now:
                    one.tend()
            wait = min(due.values()) - now
            if wait > 0:
                self._changed.wait(wait)
