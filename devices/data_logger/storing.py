"""The way from those who receive to the disk: a bounded buffer, and the one thread that stores what is in it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ronda.devices.data_logger.logged import Logged
from ronda.framework.archive.record import Event
from ronda.framework.archive.store import Store
from ronda.framework.errors import BadValue, RondaError, ServiceFailed

PERIOD = 0.2
"""Seconds after which what came is stored at the latest: what a `kill -9` costs."""

BATCH = 5000
"""Events that are stored at once, at most, and those that are not let wait for the period."""

RETRY = 1.0
"""Seconds between attempts to store what the disk did not take."""

ELEMENTS = 8
"""So many elements of a spectrum take the place of one value."""


class Appending(Protocol):
    """What is needed of a store."""

    def append(self, events: list[Event]) -> None:
        """Store events; they are on the disk when this returns."""

    def close(self) -> None:
        """Let go of it."""


class Storing:
    """Takes events from any thread and stores them in one of its own, in the order in which they came.

    When the buffer is full, what comes is dropped and counted; as soon as there is place again, a mark says for each
    attribute from when on something is missing.

    Attributes:
        dropped, refused, stored: events that found no place, that had an absurd time stamp, that are on the disk.
        refused_of: the attribute whose time stamp was refused last.
        error: why the disk does not take anything now; empty if it does.
        store: where the events go; None until it is open.
    """

    def __init__(
        self, folder: Path, limit: int, log: Any, open_store: Callable[[Path], Any] = Store, name: str = "store"
    ) -> None:
        """Nothing is opened before `start`.

        Args:
            folder: of the archive.
            limit: values that wait in memory, at most.
            log: for what goes wrong.
            open_store: opens the archive, `Store`.
            name: of the thread.
        """
        self.folder = folder
        self.store: Any = None
        self.dropped = self.refused = self.stored = 0
        self.refused_of = ""
        self.error = "the archive is being opened"
        self._limit = limit
        self._log = log
        self._open = open_store
        self._events: deque[Event] = deque()
        self._weight = 0
        self._lost: dict[str, float] = {}
        self._waiting: list[Logged] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._opened = threading.Event()
        self.last_time: float | None = None
        """When the last event was received that was there at the opening, in s since 1970."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Store what is there, and end; does not wait."""
        self._ending = True
        self._wake.set()

    @property
    def ended(self) -> bool:
        """Whether everything is stored and the archive closed."""
        return not self._thread.is_alive()

    def opened(self, limit: float) -> bool:
        """Wait for the archive to be open, `limit` s at most."""
        return self._opened.wait(limit)

    # -- any thread

    def put(self, event: Event) -> None:
        """Take an event, or drop it."""
        weight = _weight(event)
        with self._lock:
            if self._weight + weight > self._limit:
                self.dropped += 1
                self._lost.setdefault(event.attribute, event.time)
                return
            if self._lost:
                self._mark_lost(event.received)
            self._events.append(event)
            self._weight += weight
            many = len(self._events) >= BATCH
        if many:
            self._wake.set()

    def wait(self, attribute: Logged) -> None:
        """Store what an attribute holds back as soon as its rate allows."""
        with self._lock:
            self._waiting.append(attribute)

    def refuse(self, attribute: str) -> None:
        """Count a time stamp that makes no sense."""
        with self._lock:
            self.refused += 1
            self.refused_of = attribute

    @property
    def lag(self) -> float:
        """Since when the oldest event waits that is not on the disk, in s."""
        try:
            oldest = self._events[0].received
        except IndexError:
            return 0.0
        return max(0.0, time.time() - oldest)

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return len(self._events)

    # -- the thread

    def _run(self) -> None:
        while not self._ending and self.store is None:
            try:
                self.store = self._open(self.folder)
                self.last_time = getattr(self.store, "last_time", None)
                self.error = ""
                self._opened.set()
            except RondaError as error:
                self._failed(str(error))
                self._pause()
            except Exception as error:  # noqa: BLE001 - the thread must live, whatever it is
                self._failed_by_mistake("opening", error)
                self._pause()
        while self.store is not None:
            self._wake.wait(PERIOD)
            self._wake.clear()
            ending = self._ending  # before the last look: what came until then is stored
            self._flush_waiting()
            while batch := self._next():
                if not self._append(batch):
                    break
            if ending:
                break
        if self.store is not None:
            self.store.close()

    def _next(self) -> list[Event]:
        """What is stored next; it stays in the buffer until it is on the disk."""
        with self._lock:
            if self._lost and self._weight < self._limit:
                self._mark_lost(time.time())
            return list(islice(self._events, BATCH))

    def _append(self, batch: list[Event]) -> bool:
        try:
            try:
                self.store.append(batch)
                self._done(len(batch))
            except RondaError as error:
                if not isinstance(error, BadValue):
                    raise
                self._append_singly(batch)
            except Exception as error:  # noqa: BLE001 - the thread must live, whatever it is
                self._failed_by_mistake("storing", error)
                self._append_singly(batch)
        except RondaError as error:
            self._failed(str(error))
            self._pause()
            return False
        self.error = ""
        return True

    def _append_singly(self, batch: list[Event]) -> None:
        """One of them cannot be stored: the others are, and where it was is marked.

        Raises:
            RondaError: nothing can be stored now; what was is out of the buffer.
        """
        for event in batch:
            refused = ""
            try:
                self.store.append([event])
            except RondaError as error:
                if not isinstance(error, BadValue):
                    raise
                refused = str(error)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it
                refused = f"{event.attribute} has what cannot be stored ({type(error).__name__}: {error})"
            if refused:
                self._log.warning(refused)
                self._mark_refused(event, refused)
            self._done(1, refused=bool(refused))

    def _mark_refused(self, event: Event, why: str) -> None:
        """Store a mark in place of an event; if that fails too, nothing can be stored.

        Raises:
            ServiceFailed: nothing can be stored.
        """
        for attribute in dict.fromkeys((event.attribute, "*")):  # its name may be what is wrong
            with contextlib.suppress(Exception):
                self.store.append(
                    [Event(attribute, event.time, event.received, kind="gap", text="a value could not be stored")]
                )
                return
        raise ServiceFailed(self.error or f"nothing can be stored: {why}")

    def _done(self, number: int, *, refused: bool = False) -> None:
        """Take the first events out of the buffer, which are on the disk, or never will be."""
        with self._lock:
            for _ in range(number):
                self._weight -= _weight(self._events.popleft())
            if refused:
                self.dropped += number
            else:
                self.stored += number

    def _pause(self) -> None:
        """Wait before it is tried again; more events do not make that sooner."""
        until = time.monotonic() + RETRY
        while not self._ending and (left := until - time.monotonic()) > 0:
            self._wake.wait(min(left, PERIOD))
            self._wake.clear()
            time.sleep(0.01)

    def _failed_by_mistake(self, what: str, error: Exception) -> None:
        sentence = f"{what} failed by a mistake of ours ({type(error).__name__}: {error}); see the log"
        if sentence != self.error:
            self._log.exception(f"{what} failed")
        self._failed(sentence)

    def _flush_waiting(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for attribute in waiting:
            if not attribute.flush():
                self.wait(attribute)

    def _mark_lost(self, now: float) -> None:
        """Say from when on events of which attribute are missing; for that there is place beyond the limit."""
        lost, self._lost = self._lost, {}
        sentence = "values came faster than they could be stored, and were dropped"
        for attribute, since in lost.items():
            self._events.append(Event(attribute, since, now, kind="gap", text=sentence))
            self._weight += 1

    def _failed(self, sentence: str) -> None:
        if sentence != self.error:
            self._log.warning(sentence)
        self.error = sentence


def _weight(event: Event) -> int:
    value = event.value
    return 1 + len(value) // ELEMENTS if isinstance(value, np.ndarray | list) else 1
