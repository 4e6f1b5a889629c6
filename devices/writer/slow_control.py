"""After a scan's file is closed: what the data logger kept meanwhile goes into a file beside it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tango

from ronda.framework.clients.data_logger import DataLogger
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import BadValue, NotFound, RondaError
from ronda.framework.nexus.paths import Paths
from ronda.framework.nexus.saving import Progress
from ronda.framework.nexus.slow import Ended, Told, ended_scan, write_slow

SETTLED = 2.0
"""Seconds after the end of a scan until the logger has all of it on its disk."""

PATIENCE = 60.0
"""Seconds after its end for which a logger that does not answer is asked again."""

RETRY = 3.0
"""Seconds between two attempts."""

POINTS = 10_000
"""Values of an attribute at most; minima and maxima of more are kept."""


class SlowControl:
    """Adds what was archived to scans, in a thread of its own: no scan and no file of one ever waits for it.

    What is still to be done stands in small files in the writer's own folder, so that a restart goes on with it.
    """

    def __init__(self, name: str, paths: Paths, attributes: Sequence[str], logger: str, log: Any) -> None:
        """It begins with `start`.

        Args:
            name: of the writer, for messages.
            paths: where files go.
            attributes: `DEVICE/ATTRIBUTE` of each.
            logger: Tango name or alias of the data logger.
            log: for what goes wrong.
        """
        self._folder = paths.lock("x").parent
        self._attributes = list(dict.fromkeys(attributes))
        self._logger = logger
        self._log = log
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._failed: set[Path] = set()
        self._warned: set[Path] = set()
        self._thread = threading.Thread(target=self._run, name=f"{name} slow control", daemon=True)

    def start(self) -> None:
        """Begin, with what an earlier writer left."""
        self._thread.start()

    def end(self) -> None:
        """End soon; what is not done is left to the next writer."""
        self._ending.set()
        self._wake.set()

    def closed(self, progress: Progress) -> None:
        """The file of a scan was closed: note that it is to be done. Any thread; never raises."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            note = self._folder / f"slow-{progress.identifier.replace('/', '_')}.json"
            part = note.with_suffix(".part")
            part.write_text(json.dumps({"file": progress.file}))
            part.rename(note)
        except OSError as error:
            self._log.warning(f"scan {progress.number}: what was archived is not added to it: {error}")
        self._wake.set()

    def _run(self) -> None:
        with tango.EnsureOmniThread():
            while not self._ending.is_set():
                self._wake.clear()
                try:
                    left = self._look()
                except Exception:  # noqa: BLE001 - the thread must live, whatever it is
                    self._log.exception("adding what was archived failed by a mistake of ours")
                    left = True
                if not self._ending.is_set():
                    self._wake.wait(RETRY if left else None)

    def _look(self) -> bool:
        """Do what is due; returns whether some is left."""
        left = False
        for note in sorted(self._folder.glob("slow-*.json")):
            if self._ending.is_set():
                return True
            if note not in self._failed and not self._done(note):
                left = True
        return left

    def _done(self, note: Path) -> bool:
        try:
            path = Path(json.loads(note.read_text())["file"])
            about = ended_scan(path)
        except FileNotFoundError:  # another writer has done it, or somebody has moved the scan
            note.unlink(missing_ok=True)
            return True
        except (OSError, KeyError, TypeError, ValueError, StopIteration) as error:
            self._log.warning(f"what was archived is not added to the scan of {note}: {type(error).__name__}: {error}")
            self._failed.add(note)
            return True
        wait = about.end.timestamp() + SETTLED - time.time()
        if 0 < wait <= SETTLED and self._ending.wait(wait):
            return False
        message = ""
        try:
            found = [self._told(name, about) for name in self._attributes]
        except RondaError as error:
            if time.time() < about.end.timestamp() + PATIENCE:
                return False
            found, message = [], f"what was archived is not known: {error}"
            self._log.warning(f"scan {about.number}: {message}")
        try:
            write_slow(path, about, found, message)
        except OSError as error:
            if note not in self._warned:
                self._warned.add(note)
                self._log.warning(f"scan {about.number}: what was archived cannot be added to it yet: {error}")
            return False
        except Exception:  # noqa: BLE001 - other scans must not wait for it, whatever it is
            self._log.exception(f"scan {about.number}: what was archived is not added to it by a mistake of ours")
            self._failed.add(note)
            return True
        self._warned.discard(note)
        note.unlink(missing_ok=True)
        return True

    def _told(self, attribute: str, about: Ended) -> Told:
        """What was archived of an attribute during a scan.

        Raises:
            CommunicationFailed, TimedOut, ServiceFailed: the logger does not answer.
        """
        begin, end = about.start.timestamp(), about.end.timestamp()
        logger = DataLogger(Remote(self._logger, self._logger, tango.DeviceProxy), "DataLogger")
        try:
            (before,) = logger.value_at([attribute], begin)
            found = logger.history(attribute, begin, max(end, begin + 1e-3), POINTS)
        except (BadValue, NotFound) as error:
            if not isinstance(error, NotFound) or attribute in str(error):
                return Told(attribute, [], [], str(error))
            raise
        times = [before["time"] - begin] if before["known"] else []
        values = [before["value"]] if before["known"] else []
        marks = [f"{one['kind']} {one['text']}".rstrip() for one in found["breaks"]]
        reason = "" if before["known"] or found["time"] else before["reason"]
        message = "; ".join(dict.fromkeys(filter(None, [reason, *marks])))
        return Told(attribute, [*times, *(one - begin for one in found["time"])], [*values, *found["value"]], message)
