"""Bringing what was stored into Parquet files, again and again, beside the thread that stores."""

from __future__ import annotations

import threading
import time
from typing import Any

from ronda.devices.data_logger.storing import Storing
from ronda.framework.errors import RondaError

PERIOD = 60.0
"""Seconds between two compactions."""

FRESH = 60.0
"""Seconds for which events stay in the buffer, where the newest are found at once."""


class Compacting:
    """A thread that compacts the archive of a logger.

    Attributes:
        error: why it could not be done the last time; empty if it could.
    """

    def __init__(self, name: str, storing: Storing, log: Any, period: float = PERIOD) -> None:
        """It begins with `start`.

        Args:
            name: of the logger.
            storing: whose archive.
            log: for what goes wrong.
            period: seconds between two compactions.
        """
        self.error = ""
        self._storing = storing
        self._log = log
        self._period = period
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{name} compaction", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Begin no other compaction; one that runs may be broken off."""
        self._ending.set()

    def _run(self) -> None:
        while not self._ending.wait(self._period):
            store = self._storing.store
            if store is None:
                continue
            try:
                store.compact(older_than=time.time() - FRESH)
                self.error = ""
            except Exception as error:  # noqa: BLE001 - the thread must live, whatever it is
                if self._ending.is_set():
                    return  # the archive was closed meanwhile
                self._failed(error)

    def _failed(self, error: Exception) -> None:
        if isinstance(error, RondaError):
            sentence = str(error)
        else:
            self._log.exception("compaction failed")
            sentence = f"compaction failed by a mistake of ours ({type(error).__name__}: {error}); see the log"
        if sentence != self.error:
            self._log.warning(sentence)
        self.error = sentence
