"""The link to an instrument: its driver in a worker, connected again and again until it answers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

import structlog

from ronda.devices.driver import Driver
from ronda.devices.worker import Worker
from ronda.framework.errors import CommunicationFailed, HardwareFault, NotReady, RondaError, TimedOut

T = TypeVar("T")

ANSWER_LIMIT = 2.0
"""Seconds that a Tango call waits for the instrument; Tango clients give up after 3."""

STOP_LIMIT = 0.5
"""Seconds that Stop waits; the stop itself stays first in the queue."""

HANG_LIMIT = 3.0
"""Seconds after which a call in hand is called a hang."""

FIRST_RETRY, LAST_RETRY = 0.1, 5.0
"""Seconds between attempts to connect: doubled from the first to the last."""

EXCHANGES = 2
"""So many questions that are not answered in time may add up in one call, at most, that is made without the worker."""

HARDWARES_OWN = (HardwareFault, CommunicationFailed, TimedOut)
"""Errors whose sentence says what the instrument did; who wanted what is put before it."""


class LinkUser(Protocol):
    """Who uses a link. Unless said otherwise, everything is called in the worker's thread."""

    def connected(self) -> None:
        """The driver has just connected: give the instrument its settings."""

    def poll(self) -> float:
        """Look at the instrument; returns the seconds until it should be looked at again."""
        ...

    def lost(self, error: RondaError) -> None:
        """The instrument cannot be reached, or does not answer; any thread."""

    def halt(self) -> None:
        """Begin to stop whatever runs, the server ends; any thread, must not wait."""

    def at_rest(self) -> bool:
        """Whether nothing runs that `halt` should end; any thread."""
        ...


class Link:
    """Keeps one driver connected, and runs all its calls in one thread."""

    def __init__(self, driver: Driver, user: LinkUser) -> None:
        """Nothing happens before `start`."""
        self.name = driver.name
        self._driver = driver
        self._user = user
        self._worker = Worker(self.name, self._look)
        self._retry = FIRST_RETRY
        self._hang_told = False
        self._owed: dict[str, Callable[[], Any]] = {}
        self._closed = False
        self._log = structlog.get_logger().bind(device=self.name)
        self.error: RondaError | None = NotReady(f"{self.name}: connecting")
        """Why the driver is not connected; None while it is."""

    def start(self) -> None:
        """Begin to connect."""
        self._worker.start()

    def close(self, patience: float = 1.0) -> None:
        """Disconnect and end. A call that hangs longer than `patience` (s) is left to itself."""
        self._closed = True
        self.error = NotReady(f"{self.name}: its connection is being closed")
        if self._worker.close(patience):
            self._disconnect()

    def poll_within(self, delay: float) -> None:
        """Look at the instrument in at most `delay` seconds."""
        self._worker.poll_within(delay)

    def busy_for(self) -> float:
        """Seconds that the driver has been in its present call; 0 if it is in none."""
        return self._worker.busy_for()

    def preparing(self) -> AbstractContextManager[None]:
        """What the call in hand does inside is ours, as compiling, and no hang of the instrument however long it takes.

        For calls that the worker makes.
        """
        return self._worker.preparing()

    def silence(self) -> str:
        """A clause about a driver that takes long to answer, else empty."""
        busy = self.busy_for()
        return f"{self.name} has not answered for {busy:.1f} s" if busy > STOP_LIMIT else ""

    def submit(self, call: Callable[[], T], *, urgent: bool = False) -> Future[T]:
        """Let the worker make a call; it fails with CommunicationFailed while the driver is not connected."""
        return self._worker.submit(lambda: self._guarded(call), urgent=urgent)

    def submit_later(self, call: Callable[[], object], delay: float) -> None:
        """Let the worker make a call in `delay` s, or before its next poll; see `Worker.submit_later`."""
        self._worker.submit_later(call, delay)

    def run(self, who: str, what: str, call: Callable[[], T], *, limit: float = ANSWER_LIMIT) -> T:
        """Let the worker make a call and wait for it.

        Args:
            who: the device that asks, for messages.
            what: what it wants, as in `cannot <what>`.
            call: makes the driver's calls.
            limit: longest wait in s, the time that the driver is already silent included.

        Raises:
            CommunicationFailed: the instrument is not connected.
            TimedOut: no answer in time; the sentence says whether the call may still take effect.
        """
        self._require_connection(who, what)
        try:
            if EXCHANGES * self._driver.bound() <= limit and self._worker.enter():
                try:
                    return self._guarded(call)
                finally:
                    self._worker.leave()
            future = self.submit(call)
            return future.result(max(limit - self.busy_for(), 0.0))
        except HARDWARES_OWN as error:
            raise type(error)(f"{who}: cannot {what}: {error}") from error
        except CancelledError as error:
            raise NotReady(f"{who}: cannot {what}: {self.name} is being initialised; try again") from error
        except TimeoutError as error:
            if future.cancel():
                silence = self.silence() or f"{self.name} is busy with other calls"
                raise TimedOut(f"{who}: cannot {what}: {silence}; nothing was done") from error
            raise TimedOut(
                f"{who}: {self.name} did not answer within {limit:g} s whether it could {what}; it may still happen"
            ) from error

    def run_first(self, who: str, what: str, call: Callable[[], T]) -> T:
        """Like `run`, for a stop: before all other calls, and not given up when the answer does not come in time.

        An instrument that cannot be reached gets it as the first thing after it is connected again.
        """
        later = f"it will as soon as {self.name} answers"
        if self.error is not None:
            self._owed[who] = call
            raise CommunicationFailed(f"{who}: cannot {what} yet: {self.error}; {later}")
        future = self._worker.submit(lambda: self._first(who, call), urgent=True)
        try:
            return future.result(max(STOP_LIMIT - self.busy_for(), 0.0))
        except HardwareFault as error:
            raise HardwareFault(f"{who}: cannot {what}: {error}") from error
        except (CommunicationFailed, TimedOut) as error:
            raise type(error)(f"{who}: cannot {what} yet: {error}; {later}") from error
        except CancelledError as error:
            raise NotReady(f"{who}: cannot {what}: {self.name} is being initialised; try again") from error
        except TimeoutError as error:
            silence = self.silence() or f"{self.name} does not answer"
            raise TimedOut(f"{who}: cannot {what} yet: {silence}; {later}") from error

    def check(self) -> None:
        """Tell the user of a call that hangs; called about every second from another thread."""
        busy = self.busy_for()
        if busy < HANG_LIMIT:
            self._hang_told = False
        elif not self._hang_told:
            self._hang_told = True
            error = TimedOut(f"{self.name} has not answered for {busy:.1f} s")
            self._log.warning(str(error))
            self._user.lost(error)

    def halt(self) -> None:
        """Begin to stop whatever runs; any thread, does not wait."""
        if self.error is None:
            self._user.halt()

    def at_rest(self) -> bool:
        """Whether nothing runs any more, as far as can be known."""
        return self.error is not None or self._user.at_rest()

    # -- in the worker's thread

    def _look(self) -> float:
        try:
            if self.error is not None:
                self._guarded(self._connect, connecting=True)
            delay = self._guarded(self._user.poll)
        except RondaError as error:
            if self.error is None:  # the instrument answered with an error: it is there, though not well
                self._user.lost(error)
            return self._retry_later()
        self._retry = FIRST_RETRY
        return delay

    def _connect(self) -> None:
        self._driver.connect()
        for who, call in list(self._owed.items()):
            call()
            del self._owed[who]
        self._user.connected()
        if not self._closed:
            self.error = None
            self._log.info("connected")

    def _first(self, who: str, call: Callable[[], T]) -> T:
        try:
            return self._guarded(call)
        except RondaError:
            if self.error is not None:
                self._owed[who] = call
            raise

    def _guarded(self, call: Callable[[], T], *, connecting: bool = False) -> T:
        """Make driver calls; whatever says that the other side is out of step breaks the link."""
        if self.error is not None and not connecting:
            raise CommunicationFailed(str(self.error))
        try:
            return call()
        except (CommunicationFailed, TimedOut) as error:
            self._lost(error)
            raise
        except TimeoutError as error:
            raise self._lost(TimedOut(f"{self.name}: no answer in time ({error})")) from error
        except OSError as error:
            raise self._lost(CommunicationFailed(f"{self.name}: {error.strerror or error}")) from error
        except RondaError as error:
            if connecting:
                self._lost(error)
            raise
        except Exception as error:
            self._log.exception("the driver failed")
            failure = RondaError(f"{self.name}: its driver failed ({type(error).__name__}: {error}); see the log")
            raise self._lost(failure) from error

    def _lost(self, error: RondaError) -> RondaError:
        if self._closed:  # a call that hung has come back too late: somebody else uses the instrument by now
            return error
        if self.error is None or str(self.error) != str(error):
            self._log.warning(str(error))
        self.error = error
        self._disconnect()
        self._user.lost(error)
        self._worker.poll_within(self._retry)
        return error

    def _retry_later(self) -> float:
        delay = self._retry
        self._retry = min(2 * delay, LAST_RETRY)
        return delay

    def _disconnect(self) -> None:
        # a driver must be able to disconnect in any state; one that cannot shall not stop us from trying again
        with contextlib.suppress(Exception):
            self._driver.disconnect()

    def _require_connection(self, who: str, what: str) -> None:
        if self.error is not None:
            raise CommunicationFailed(f"{who}: cannot {what}: {self.error}")
