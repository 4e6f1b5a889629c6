"""The SQLite file of a store: the events not compacted yet, and the catalogue of the Parquet files."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ronda.framework.archive import coding
from ronda.framework.archive.record import Event
from ronda.framework.errors import ServiceFailed

FILE = "buffer.db"

VERSION = 1
"""Of this layout, kept as SQLite's user_version."""

SCHEMA = """
CREATE TABLE attributes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE tags (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, type TEXT NOT NULL, quality TEXT NOT NULL,
    UNIQUE (kind, type, quality));
CREATE TABLE events (serial INTEGER PRIMARY KEY, attribute INTEGER NOT NULL, time INTEGER NOT NULL,
    delay INTEGER NOT NULL, tag INTEGER NOT NULL, form INTEGER NOT NULL, value, written TEXT, who TEXT, note TEXT);
CREATE TABLE files (name TEXT PRIMARY KEY, level TEXT NOT NULL, day TEXT NOT NULL, first INTEGER NOT NULL,
    last INTEGER NOT NULL, rows INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
    bytes INTEGER NOT NULL, digest TEXT NOT NULL);
CREATE TABLE doubtful (name TEXT PRIMARY KEY);
CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO marks VALUES ('compacted', 0);
"""

INSERT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

ROWS = """
SELECT e.serial, a.name, e.time, e.delay, t.kind, t.type, t.quality, e.form, e.value, e.written, e.who, e.note
FROM events e JOIN attributes a ON a.id = e.attribute JOIN tags t ON t.id = e.tag
WHERE e.serial > (SELECT value FROM marks WHERE name = 'compacted')
"""
"""All that a row says; a condition on it is added with AND. Rows up to the mark `compacted` are in Parquet files."""


class File(NamedTuple):
    """A Parquet file as the catalogue knows it; only those in the catalogue count.

    Attributes:
        name: relative to the store's folder, with `/`.
        level: `events`, `minute` or `hour`.
        day: `2026-11-26`, UTC.
        first, last: serial numbers of the events in it lie in this range.
        rows: how many it has.
        start, stop: times of the first and last of them, in µs since 1970.
        bytes: its size.
        digest: BLAKE2b of its content.
    """

    name: str
    level: str
    day: str
    first: int
    last: int
    rows: int
    start: int
    stop: int
    bytes: int
    digest: str


class Buffer:
    """The SQLite file, as its one writer sees it; may be used by several threads."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.lock = threading.RLock()
        self._attributes: dict[str, int] = {}
        self._tags: dict[tuple[str, str, str], int] = {}
        try:
            self.connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=60)
            try:
                self._prepare()
            except BaseException:
                self.connection.close()
                raise
        except sqlite3.DatabaseError as error:
            raise ServiceFailed(
                f"the archive's buffer {self.path} cannot be used ({error}); `ronda archive check --repair` sets a "
                "broken one aside and goes on with the Parquet files"
            ) from error
        self.serial = self._last_serial()

    def _prepare(self) -> None:
        ask = self.connection.execute
        ask("PRAGMA journal_mode=WAL")
        ask("PRAGMA synchronous=FULL")  # what append returned from is on the disk, power or not
        ask("PRAGMA cache_size=-65536")
        version = ask("PRAGMA user_version").fetchone()[0]
        if version == 0:
            with self.writing():
                for statement in SCHEMA.split(";"):
                    ask(statement)
                ask(f"PRAGMA user_version={VERSION}")
        elif version != VERSION:
            raise ServiceFailed(f"{self.path} has layout {version}, this program writes {VERSION}")
        self._attributes = dict(ask("SELECT name, id FROM attributes").fetchall())
        self._tags = {(kind, type_, quality): id_ for id_, kind, type_, quality in ask("SELECT * FROM tags")}

    def _last_serial(self) -> int:
        ask = self.connection.execute
        found: int = max(
            ask("SELECT coalesce(max(serial), 0) FROM events").fetchone()[0],
            ask("SELECT coalesce(max(last), 0) FROM files").fetchone()[0],
            self.compacted,
        )
        return found

    @property
    def compacted(self) -> int:
        """The highest serial number that is in the Parquet files."""
        with self.lock:
            return int(self.connection.execute("SELECT value FROM marks WHERE name = 'compacted'").fetchone()[0])

    def last_received(self) -> float | None:
        """When the last event was received, in s since 1970; None if there is none."""
        ask = self.connection.execute
        with self.lock:
            row = ask("SELECT time + delay FROM events ORDER BY serial DESC LIMIT 1").fetchone()
            row = row or ask("SELECT value FROM marks WHERE name = 'received'").fetchone()
        return float(row[0]) / 1e6 if row else None

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it, on the disk at the end, or nothing."""
        with self.lock:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self.connection.execute("ROLLBACK")
                raise

    def append(self, events: Sequence[Event]) -> None:
        """Store events; they are on the disk when this returns.

        Raises:
            BadValue: one of them cannot be stored; none is.
            ServiceFailed: the disk is full or fails; none is stored.
        """
        with self.lock:
            attributes, tags = len(self._attributes), len(self._tags)
            try:
                rows = self._rows(events)
                with self.writing():
                    if len(self._attributes) > attributes:
                        new = list(self._attributes.items())[attributes:]
                        self.connection.executemany("INSERT INTO attributes (name, id) VALUES (?, ?)", new)
                    if len(self._tags) > tags:
                        news = [(id_, *tag) for tag, id_ in list(self._tags.items())[tags:]]
                        self.connection.executemany("INSERT INTO tags VALUES (?, ?, ?, ?)", news)
                    self.connection.executemany(INSERT, rows)
                self.serial += len(rows)
            except BaseException as error:
                for names, known in ((self._attributes, attributes), (self._tags, tags)):
                    while len(names) > known:
                        names.popitem()
                if isinstance(error, sqlite3.Error):
                    raise ServiceFailed(f"{len(events)} events could not be stored in {self.path}: {error}") from error
                raise

    def _rows(self, events: Sequence[Event]) -> list[tuple[Any, ...]]:
        attributes, tags, serial, rows = self._attributes, self._tags, self.serial, []
        for event in events:
            serial += 1
            time, delay = coding.micros(event)
            attribute = attributes.get(event.attribute)
            if attribute is None:
                attribute = attributes[event.attribute] = len(attributes) + 1
            key = (event.kind, event.type, event.quality)
            tag = tags.get(key)
            if tag is None:
                coding.check_words(event)
                tag = tags[key] = len(tags) + 1
            value = event.value
            if type(value) is float and value == value:
                form, kept = coding.REAL, value  # most events have such a value
            else:
                form, kept = coding.stored(value)  # type: ignore[assignment]
            written = coding.written_text(event.write_value)
            rows.append((serial, attribute, time, delay, tag, form, kept, written, event.who, event.text or None))
        return rows

    def doubt(self, names: Sequence[str]) -> None:
        """Note files that may come to be on the disk, and count for nothing as long as the catalogue has them not."""
        with self.writing() as connection:
            connection.executemany("INSERT OR IGNORE INTO doubtful VALUES (?)", [(name,) for name in names])

    def doubtful(self) -> list[str]:
        """Files that may be on the disk and count for nothing."""
        with self.lock:
            return [name for (name,) in self.connection.execute("SELECT name FROM doubtful").fetchall()]

    def trust(self, names: Sequence[str]) -> None:
        """Such files are no longer on the disk."""
        with self.writing() as connection:
            connection.executemany("DELETE FROM doubtful WHERE name = ?", [(name,) for name in names])

    def add_files(
        self,
        files: Sequence[File],
        gone: Sequence[str] = (),
        compacted: int | None = None,
        received: int | None = None,
    ) -> None:
        """Take Parquet files into the catalogue and others out of it, at once.

        Args:
            files: that are complete on the disk.
            gone: names of those that no longer count, and may be deleted then.
            compacted: the highest serial number that is in files now; None leaves it.
            received: when the event with this number was received, in µs.
        """
        with self.writing() as connection:
            for name in gone:
                connection.execute("DELETE FROM files WHERE name = ?", (name,))
                connection.execute("INSERT OR IGNORE INTO doubtful VALUES (?)", (name,))
            for file in files:
                connection.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", file)
                connection.execute("DELETE FROM doubtful WHERE name = ?", (file.name,))
            for mark, value in (("compacted", compacted), ("received", received)):
                if value is not None:
                    connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (mark, value))

    def add_names(self, names: Sequence[str]) -> None:
        """Know names under which something is in the files."""
        with self.writing() as connection:
            new = [
                (name, len(self._attributes) + number)
                for number, name in enumerate(sorted(set(names) - set(self._attributes)), 1)
            ]
            connection.executemany("INSERT INTO attributes (name, id) VALUES (?, ?)", new)
        self._attributes.update(new)

    def has_rows(self, first: int, last: int) -> bool:
        """Whether events with serial numbers from `first` to `last` wait for compaction."""
        with self.lock:
            query = "SELECT 1 FROM events WHERE serial BETWEEN ? AND ? LIMIT 1"
            return self.connection.execute(query, (max(first, self.compacted + 1), last)).fetchone() is not None

    def forget_compacted(self, chunk: int = 50_000, until: int | None = None) -> None:
        """Delete the rows that are stored for good, a chunk at a time: whoever appends does not wait for long.

        Args:
            chunk: rows that are deleted at once.
            until: the last serial number that is deleted, at most; None for all.
        """
        done = self.compacted if until is None else min(self.compacted, until)
        while True:
            with self.writing() as connection:
                deleted = connection.execute(
                    "DELETE FROM events WHERE serial <= ? AND serial < "
                    "(SELECT coalesce(min(serial), 0) FROM events) + ?",
                    (done, chunk),
                ).rowcount
            if not deleted:
                return

    def files(self, level: str | None = None) -> list[File]:
        """The catalogue, in the order of their events."""
        with self.lock:
            return files(self.connection, level)

    def close(self) -> None:
        """Let go of the file."""
        with self.lock:
            self.connection.close()


def files(connection: sqlite3.Connection, level: str | None = None) -> list[File]:
    """The catalogue, in the order of the events."""
    found = connection.execute(
        "SELECT * FROM files WHERE ?1 IS NULL OR level = ?1 ORDER BY level, day, first, name", (level,)
    )
    return [File(*row) for row in found]


def event(row: Sequence[Any]) -> Event:
    """The event of a row of `ROWS`."""
    _, name, time, delay, kind, type_, quality, form, kept, written, who, note = row
    return Event(
        name,
        time / 1e6,
        (time + delay) / 1e6,
        coding.restored(form, kept),
        type_,
        quality,
        coding.written_value(written),
        who,
        kind,
        note or "",
    )
