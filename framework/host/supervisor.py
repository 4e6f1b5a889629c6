"""Watches the processes of one host: one thread that waits for ends, ready pipes, requests and the clock."""

from __future__ import annotations

import contextlib
import os
import queue
import selectors
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from ronda.framework.host.managed import Managed
from ronda.framework.host.status import State

LONGEST_WAIT = 1.0
"""Seconds after which the agent gives a sign of life, whatever happens or does not."""

Result = TypeVar("Result")


class Supervisor:
    """Steps its processes whenever something happened to one of them. Only the thread in `run` touches them; other
    threads go through `request`."""

    def __init__(self, changed: Callable[[], None], tick: Callable[[], None]) -> None:
        """Begin with no process.

        Args:
            changed: called after the status of a process changed.
            tick: called at least once a second, the sign of life of the agent itself.
        """
        self.processes: dict[str, Managed] = {}
        self._changed = changed
        self._tick = tick
        self._selector = selectors.DefaultSelector()
        self._watched: dict[int, str] = {}
        self._requests: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)

    @property
    def wake_fd(self) -> int:
        """A byte written here ends the wait; for `signal.set_wakeup_fd`."""
        return self._wake_write

    def request(self, action: Callable[[], Result]) -> Future[Result]:
        """Have `action` called in the supervisor's thread; for all other threads."""
        future: Future[Result] = Future()

        def call() -> None:
            try:
                future.set_result(action())
            except Exception as error:  # noqa: BLE001 it belongs to whoever asked
                future.set_exception(error)

        self._requests.put(call)
        self.wake()
        return future

    def wake(self) -> None:
        """End the wait in hand."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"x")

    def run(self, until: Callable[[], bool]) -> None:
        """Supervise until `until()` is true."""
        while not until():
            self.turn()

    def turn(self) -> None:
        """Wait for the next thing to do and do it."""
        now = time.monotonic()
        wait = min((process.next_step(now) for process in self.processes.values()), default=LONGEST_WAIT)
        self._watch()
        for key, _ in self._selector.select(min(wait, LONGEST_WAIT)):
            if key.fd == self._wake_read:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 65536)
        self._unwatch()
        changed = False
        while not self._requests.empty():
            self._requests.get()()
            changed = True
        for process in list(self.processes.values()):
            changed |= process.step(time.monotonic(), self.processes)
        if changed:
            self._changed()
        self._tick()

    def stop_all(self, within: float, order: list[list[str]]) -> None:
        """Stop the processes, group after group; within a group side by side.

        Args:
            within: seconds for all of it; what is left then is killed.
            order: groups of names.
        """
        deadline = time.monotonic() + within
        for group in order:
            present = [self.processes[name] for name in group if name in self.processes]
            for process in present:
                process.want(False)

            def gone(present: list[Managed] = present) -> bool:
                return all(process.identity is None for process in present) or time.monotonic() > deadline

            self.run(gone)
            for process in present:
                if process.identity is not None:
                    process.identity.signal(signal.SIGKILL)

    def all_running(self) -> bool:
        """Whether each wanted process runs."""
        return all(process.status.state == State.RUNNING for process in self.processes.values() if process.wanted)

    def failures(self) -> list[str]:
        """A sentence for each process that failed and is not back."""
        return [
            f"{process.plan.name}: {process.failure}"
            for process in self.processes.values()
            if process.failure and process.status.state not in (State.RUNNING, State.STOPPED)
        ]

    def _watch(self) -> None:
        """Have the kernel tell us the end of each process (also one that is not our child) and words on its pipe."""
        for process in self.processes.values():
            if process.identity is not None:
                with contextlib.suppress(OSError):  # it is gone, or too many files are open: the clock finds it too
                    fd = os.pidfd_open(process.identity.pid)
                    self._watched[fd] = process.plan.name
                    self._selector.register(fd, selectors.EVENT_READ)
            if process.ready_pipe is not None:
                self._selector.register(process.ready_pipe, selectors.EVENT_READ)

    def _unwatch(self) -> None:
        for fd in list(self._selector.get_map()):
            if fd != self._wake_read:
                self._selector.unregister(fd)
        for fd in self._watched:
            os.close(fd)
        self._watched.clear()
