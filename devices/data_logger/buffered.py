"""What stands in the buffer of an archive: the newest events, found without the Parquet files."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ronda.framework.archive.buffer import FILE, ROWS, event
from ronda.framework.errors import ServiceFailed

LIMIT = 1.0
"""Seconds for which a busy buffer is waited for."""


def newest(folder: Path, attribute: str) -> Any:
    """The newest value of an attribute; None if there is none.

    Raises:
        ServiceFailed: the archive cannot be read.
    """
    rows = _rows(folder, f"{ROWS} AND a.name = ? ORDER BY e.serial DESC LIMIT 1", (attribute,))
    return event(rows[0]).value if rows else None


def last_times(folder: Path) -> dict[str, float]:
    """When each attribute had its last entry, in s since 1970 by the clock of its device.

    Raises:
        ServiceFailed: the archive cannot be read.
    """
    query = "SELECT a.name, max(e.time) FROM events e JOIN attributes a ON a.id = e.attribute GROUP BY a.name"
    return {name: time / 1e6 for name, time in _rows(folder, query)}


def _rows(folder: Path, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    try:
        with closing(
            sqlite3.connect(f"file:{quote(str(folder / FILE))}?mode=ro", uri=True, timeout=LIMIT)
        ) as connection:
            return connection.execute(query, tuple(parameters)).fetchall()
    except sqlite3.Error as error:
        raise ServiceFailed(f"the archive {folder} cannot be read: {error}") from error
