"""How well a logger does: its numbers as they are now, and a test value that goes the way of all others and back."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ronda.devices.data_logger.logger import Logger
from ronda.framework.errors import RondaError

SHOWN = 1000
"""Names in Missing and TooFast at most."""

RATE_TIME = 5.0
"""Seconds over which the rate is counted."""

LATE = 10.0
"""Seconds after which a test value that did not come back counts as lost; a subscription takes three."""

LAG_LIMIT = 10.0
"""Seconds that values may wait for the disk before the State is ALARM."""


@dataclass(frozen=True)
class Health:
    """What a logger shows of itself; see docs/reference/tango-interface.md."""

    subscribed: int = 0
    missing: tuple[str, ...] = ()
    too_fast: tuple[str, ...] = ()
    rate: float = 0.0
    stored: int = 0
    waiting: int = 0
    lag: float = 0.0
    dropped: int = 0
    refused: int = 0
    disk_free: int = 0
    self_test: str = ""


class Watch:
    """Looks at a logger, about once a second."""

    def __init__(
        self, logger: Logger, period: float, send: Callable[[int], None], ask: Callable[[], Any | None]
    ) -> None:
        """Nothing is known yet.

        Args:
            logger: which.
            period: seconds between two test values.
            send: pushes an event with a test value.
            ask: reads the newest test value that the archive has; None if it has none.
        """
        self.signal = int(time.time())  # rises also over restarts
        self._logger = logger
        self._period = period
        self._send = send
        self._ask = ask
        self._counts: deque[tuple[float, int]] = deque()
        self._sent: float | None = None
        self._begun = time.monotonic()
        self._next = 0.0
        self._told = "not made yet"

    def look(self) -> Health:
        """How it does now."""
        storing = self._logger.storing
        missing, too_fast = self._logger.missing(), self._logger.too_fast()
        return Health(
            subscribed=self._logger.subscribed,
            missing=tuple(missing[:SHOWN]),
            too_fast=tuple(too_fast[:SHOWN]),
            rate=self._rate(storing.stored),
            stored=storing.stored,
            waiting=storing.waiting,
            lag=storing.lag,
            dropped=storing.dropped,
            refused=storing.refused,
            disk_free=self._free(),
            self_test=self._test(),
        )

    def _rate(self, stored: int) -> float:
        now = time.monotonic()
        self._counts.append((now, stored))
        while len(self._counts) > 2 and now - self._counts[0][0] > RATE_TIME:
            self._counts.popleft()
        since, count = self._counts[0]
        return (stored - count) / (now - since) if now > since else 0.0

    def _free(self) -> int:
        try:
            return shutil.disk_usage(self._logger.storing.folder).free
        except OSError:
            return 0

    def _test(self) -> str:
        """Send a test value when it is time; ask for the last one until it is there."""
        now = time.monotonic()
        if self._sent is not None:
            try:
                found = self._ask()
            except RondaError as error:
                self._told = f"the archive cannot be asked: {error}"
                found = None
            took = now - self._sent
            if found is not None and int(found) >= self.signal:
                self._told, self._sent = f"ok, after {took:.1f} s", None
            elif took > max(LATE, self._period):
                self._told, self._sent = f"failed: the value {self.signal} did not come back in {took:.0f} s", None
        if self._sent is None and now >= self._next:
            self._next, self._sent = now + self._period, now
            self.signal += 1
            self._send(self.signal)
        return self._told


def trouble(health: Health, logger: Logger, before: Health, minimum_free: float) -> str:
    """What is wrong, as a clause, the worst first; empty if all is well.

    Args:
        health, before: as it is, and as it was a look before.
        logger: whose.
        minimum_free: space that should be free, in bytes.
    """
    if logger.storing.error:
        return logger.storing.error
    if health.dropped > before.dropped:
        return f"{health.dropped} values were dropped, for they came faster than they could be stored"
    if health.lag > LAG_LIMIT:
        return f"values wait {health.lag:.0f} s for the disk"
    if health.disk_free < minimum_free:
        return f"the disk of {logger.storing.folder} has {health.disk_free / 1e6:.0f} MB left"
    if behind := logger.behind(LAG_LIMIT):
        return behind
    if health.self_test.startswith(("failed", "the archive")):
        return f"the self-test {health.self_test}"
    return logger.compacting.error or logger.problem
