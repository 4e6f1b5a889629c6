"""Sends what the loops of a server do to the stream, all together about once a second."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

import structlog

from ronda.framework.errors import RondaError
from ronda.framework.stream.connection import Server
from ronda.framework.stream.live import LiveDescription, publish_live

PERIOD = 1.0
"""Seconds between two blocks."""

MOST = 5000
"""Rows of a loop that wait for Redis; older ones are let go of."""


class LivePublisher:
    """One for each server process. Without a stream it does nothing."""

    def __init__(self, _name: str) -> None:
        """Its thread begins with the first row."""
        self._url = os.environ.get("RONDA_REDIS_URL")
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[LiveDescription, deque[Sequence[float]]]] = {}
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def add(self, loop: str, keys: Any, row: Sequence[float]) -> None:
        """Take a row of a loop: time, input, setpoint, working setpoint, output, and the parts of the PID."""
        if not self._url:
            return
        found = self._waiting.get(loop)
        if found is None:
            found = self._begin(loop, keys)
        found[1].append(row)

    def let_go(self) -> None:
        """The server ends."""
        self._ended.set()

    def _begin(self, loop: str, keys: Any) -> tuple[LiveDescription, deque[Sequence[float]]]:
        units = {"time": "s"}
        units |= dict.fromkeys(("input", "setpoint", "working_setpoint"), keys.unit)
        units |= dict.fromkeys(("output", "proportional", "integral", "derivative"), keys.output_unit)
        with self._lock:
            self._waiting = {**self._waiting, loop: (LiveDescription(loop, units), deque(maxlen=MOST))}
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live channels", daemon=True)
                self._thread.start()
            return self._waiting[loop]

    def _run(self) -> None:
        log, told = structlog.get_logger(), False
        server = Server(
            str(self._url),
            user=os.environ.get("RONDA_REDIS_USER"),
            password=os.environ.get("RONDA_REDIS_PASSWORD"),
            patience=0.0,
        )
        while not self._ended.wait(PERIOD):
            try:
                for description, rows in list(self._waiting.values()):
                    taken = [rows.popleft() for _ in range(len(rows))]
                    if taken:
                        publish_live(server, description, taken)
                told = False
            except RondaError as error:
                if not told:
                    log.warning(f"live channels are not sent: {error}")
                told = True
