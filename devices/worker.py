"""All calls to an instrument, one after the other: in a thread of its own, or in that of who needs one meanwhile."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog
import tango

T = TypeVar("T")

AFTER_A_BUG = 1.0
"""Seconds to the next poll after one that raised."""

LONGEST_SLEEP = 3600.0
"""Seconds after which the thread looks again though nobody called it."""


class Worker:
    """Runs calls in a thread: urgent ones first, then the poll when it is due, then the others in their order.

    A change of thread costs as much as the question to an instrument, there and back. So who would wait for the answer
    anyway may `enter` while the worker has nothing to do, make the call itself, and `leave`.
    """

    def __init__(self, name: str, poll: Callable[[], float]) -> None:
        """The thread begins with `start`.

        Args:
            name: whose calls these are.
            poll: called again and again in the thread; returns the seconds until it wants to be called next.
        """
        self.name = name
        self._poll = poll
        self._urgent: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._later: deque[tuple[float, Callable[[], Any]]] = deque()
        self._changed = threading.Condition()
        self._next_poll = 0.0
        self._wakes = float("-inf")  # when the thread looks again by itself
        self._taken = False  # whether a call runs, in whatever thread
        self._closed = False
        self._since: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"worker {name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def submit(self, call: Callable[[], T], *, urgent: bool = False) -> Future[T]:
        """Put a call in the queue.

        Args:
            call: what to do.
            urgent: before everything else that waits; a stop.
        """
        future: Future[T] = Future()
        with self._changed:
            (self._urgent if urgent else self._waiting).append((future, call))
            if not self._taken:  # else it is looked for afterwards
                self._changed.notify()
        return future

    def submit_later(self, call: Callable[[], object], delay: float) -> None:
        """Put a call in the queue that is urgent in `delay` s, and comes before the next poll in any case.

        Unlike other ways to wake the thread this one also does so while somebody is inside, for whom it is better to
        have it set its clock meanwhile than when he leaves. The calls come in their order; the worker may be closed
        before.
        """
        with self._changed:
            self._later.append((time.monotonic() + delay, call))
            if self._later[0][0] < self._wakes:
                self._changed.notify()

    def enter(self) -> bool:
        """Take the worker's place for one call, if it has nothing to do; it does nothing then until `leave`.

        Whoever enters must leave, and may not wait for the worker in between.
        """
        with self._changed:
            now = time.monotonic()
            if self._taken or self._closed or self._urgent or self._waiting or self._due() <= now:
                return False
            self._taken = True
            self._since = now
            return True

    def leave(self) -> None:
        """Give the worker its place back."""
        with self._changed:
            self._since = None
            self._taken = False
            if self._closed or self._urgent or self._waiting or self._due() < self._wakes:
                self._changed.notify_all()  # besides the thread, somebody may wait to close it

    def poll_within(self, delay: float) -> None:
        """Let the next poll come in at most `delay` seconds."""
        with self._changed:
            self._next_poll = min(self._next_poll, time.monotonic() + delay)
            if not self._taken and self._next_poll < self._wakes:
                self._changed.notify()

    def busy_for(self) -> float:
        """Seconds that the call in hand has been running; 0 if none is."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """What the call in hand does inside is ours, as compiling, and no time that the instrument takes."""
        self._since = None
        try:
            yield
        finally:
            self._since = time.monotonic()

    def inside(self) -> bool:
        """Whether the caller is the worker's own thread."""
        return threading.current_thread() is self._thread

    def close(self, patience: float) -> bool:
        """Take no more calls, cancel the waiting ones and end; a call that hangs is left behind.

        Args:
            patience: how long to wait for the call in hand, in s.

        Returns:
            Whether no call runs any more, and none will.
        """
        deadline = time.monotonic() + patience
        with self._changed:
            self._closed = True
            for future, _ in [*self._urgent, *self._waiting]:
                future.cancel()
            self._changed.notify_all()
            ended = self._changed.wait_for(lambda: not self._taken, patience)
        if ended and self._thread.is_alive():
            self._thread.join(max(deadline - time.monotonic(), 0.0))
        return ended and not self._thread.is_alive()

    def _run(self) -> None:
        with tango.EnsureOmniThread():
            while True:
                task = self._next()
                if task is None:
                    return
                try:
                    task()
                finally:
                    self.leave()

    def _next(self) -> Callable[[], None] | None:
        """Wait for the next task, and take the place for it."""
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                left = self._due() - now
                if self._taken:
                    left = left if left > 0 else float("inf")  # whoever leaves says so
                elif self._urgent or left <= 0 or self._waiting:
                    self._taken = True
                    self._since = now
                    if self._urgent:
                        return _task(*self._urgent.popleft())
                    if left <= 0:
                        return _task(Future(), self._later.popleft()[1]) if self._later else self._run_poll
                    return _task(*self._waiting.popleft())
                self._wakes = now + left
                self._changed.wait(min(left, LONGEST_SLEEP))
                self._wakes = float("-inf")
            return None

    def _due(self) -> float:
        """When the next poll, or what must come before it, should run."""
        return min(self._next_poll, self._later[0][0]) if self._later else self._next_poll

    def _run_poll(self) -> None:
        with self._changed:
            self._next_poll = float("inf")  # an earlier time that is asked for during the poll counts
        try:
            delay = self._poll()
        except Exception:  # noqa: BLE001 - the thread must live, whatever it is
            structlog.get_logger().exception("poll failed", device=self.name)
            delay = AFTER_A_BUG
        self.poll_within(delay)


def _task(future: Future[Any], call: Callable[[], Any]) -> Callable[[], None]:
    def task() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - it belongs to the one who asked
            future.set_exception(error)
        else:
            future.set_result(result)

    return task
