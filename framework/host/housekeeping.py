"""What an agent does every second beside supervising: its heartbeat, its keeper, the size of the logs."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

from ronda.framework.errors import ServiceFailed
from ronda.framework.host.keeper import start_keeper
from ronda.framework.host.logs import rotate
from ronda.framework.host.managed import HALTED_LIMIT
from ronda.framework.host.names import HEARTBEAT
from ronda.framework.host.process import Identity
from ronda.framework.services.folders import Folders

ROTATION = 60.0
"""Seconds between two looks at the size of the logs."""


class Housekeeping:
    """Called by the supervision as often as it likes; does its work once a second."""

    def __init__(self, folders: Folders, host: str, tell: Callable[[str], None]) -> None:
        """Nothing is done yet.

        Args:
            folders: of the host.
            host: its name in the YAML.
            tell: is told a sentence about the keeper.
        """
        self.keeper: Identity | None = None
        self._folders = folders
        self._host = host
        self._tell = tell
        self._next_beat = self._next_rotation = 0.0
        self._halted = 0

    def tick(self, *, keep_keeper: bool) -> None:
        """Give a sign of life, look after the logs, and after the keeper if wanted."""
        now = time.monotonic()
        if now < self._next_beat:
            return
        self._next_beat = now + 1.0
        with contextlib.suppress(OSError):  # a full disk must not end the supervision
            (self._folders.state / HEARTBEAT).touch()
        if now > self._next_rotation:
            self._next_rotation = now + ROTATION
            for log in self._folders.logs.glob("*.log"):
                with contextlib.suppress(OSError):
                    rotate(log)
        if keep_keeper:
            self._watch_keeper()

    def _watch_keeper(self) -> None:
        keeper = self.keeper
        if keeper is not None and keeper.alive():
            self._halted = self._halted + 1 if keeper.stopped() else 0
            if self._halted > HALTED_LIMIT:
                keeper.signal(signal.SIGKILL)
            return
        self._halted = 0
        gone = "the keeper was gone"
        if keeper is not None:
            gone = f"the keeper (process {keeper.pid}) was gone"
            with contextlib.suppress(ChildProcessError):
                os.waitpid(keeper.pid, os.WNOHANG)
        try:
            self.keeper = start_keeper(self._folders.state, self._folders.config, self._host)
            self._tell(f"{gone}, a new one started")
        except ServiceFailed as error:
            self.keeper = None
            self._tell(f"{gone}, and no new one could be started: {error}")
