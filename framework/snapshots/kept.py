"""The folder in which a data logger keeps snapshots: a JSON file for each, whole or not there."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

from ronda.framework.archive.parquet import sync
from ronda.framework.errors import NotAllowed, NotFound, ServiceFailed
from ronda.framework.snapshots.record import Snapshot, as_json, from_json, plain_name

FOLDER = "snapshots"
"""In the folder of a store."""

LONGEST = 50_000_000
"""Bytes of a file that is read."""


class KeptSnapshots:
    """The snapshots that a store keeps. Any thread; one process writes."""

    def __init__(self, store: Path) -> None:
        """Nothing is opened.

        Args:
            store: the folder of the store.
        """
        self._folder = store / FOLDER
        self._writing = threading.Lock()

    def save(self, snapshot: Snapshot, *, replace: bool = False) -> None:
        """Keep a snapshot under its name; when this returns, it survives `kill -9` and power loss.

        Args:
            snapshot: what to keep.
            replace: whether one of the same name may be replaced.

        Raises:
            BadValue: its name is no plain word.
            NotAllowed: there is one of this name.
            ServiceFailed: the disk does not take it.
        """
        path = self._path(snapshot.name)
        text = json.dumps(as_json(snapshot), indent=1, ensure_ascii=False, allow_nan=False)
        fresh = path.with_name(f".{path.name}.part")
        with self._writing:
            if path.exists() and not replace:
                raise NotAllowed(f"there is a snapshot {snapshot.name} already; choose another name, or replace it")
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                with fresh.open("w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                fresh.rename(path)
                sync(self._folder)
                sync(self._folder.parent)
            except OSError as error:
                raise ServiceFailed(f"the snapshot {snapshot.name} cannot be written: {error.strerror}") from error

    def names(self) -> list[str]:
        """Names of all, sorted."""
        return sorted(path.stem for path in self._folder.glob("[!.]*.json"))

    def load(self, name: str) -> Snapshot:
        """A snapshot by name.

        Raises:
            BadValue: the name is no plain word.
            NotFound: there is none.
            ServiceFailed: it cannot be read.
        """
        path = self._path(name)
        try:
            with path.open("rb") as file:
                text = file.read(LONGEST + 1)
        except FileNotFoundError:
            names = ", ".join(self.names()[:12])
            raise NotFound(
                f"there is no snapshot {name}; " + (f"there are {names}" if names else "none is kept")
            ) from None
        except OSError as error:
            raise ServiceFailed(f"the snapshot {name} cannot be read: {error.strerror}") from error
        if len(text) > LONGEST:
            raise ServiceFailed(f"the snapshot {name} has more than {LONGEST} bytes; that cannot be one")
        try:
            return from_json(json.loads(text), f"the file {path}")
        except ValueError as error:
            raise ServiceFailed(f"the file {path} is no snapshot: {error}") from error

    def _path(self, name: str) -> Path:
        return self._folder / f"{plain_name(name)}.json"
