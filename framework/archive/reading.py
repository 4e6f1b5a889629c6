"""One consistent view of stores for a question: their Parquet files and the rows of their buffers as one table.

The writer may compact meanwhile, in another process: what counts is read in one transaction, and a file that was merged
away before it could be opened makes the question start anew.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from ronda.framework.archive import buffer, coding, parquet
from ronda.framework.archive.buffer import File
from ronda.framework.archive.hdbpp.place import remembered
from ronda.framework.archive.hdbpp.source import Source
from ronda.framework.archive.hdbpp.thinning import Thinned
from ronda.framework.archive.record import Event, Value
from ronda.framework.errors import NotFound, ServiceFailed

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Answer = TypeVar("Answer")

TRIES = 20
"""How often a question starts anew because files were merged meanwhile."""

BUFFERED = "~"
"""Stands for the file of an event that is not compacted; later than all names of files."""

EVENT = ", ".join("epoch_us(time)" if column == "time" else f'"{column}"' for column in parquet.COLUMNS)
"""What `event` takes, as SQL has it."""

LATER = "time, file, row"
"""The order of events: by device time, then as they came."""


class View(NamedTuple):
    """The table `events` for a question, with columns of `parquet.COLUMNS`, `file` and `row`.

    Attributes:
        ask: puts a query with parameters.
        rolled: files of roll-ups, each with its level and day.
        left_out: readings of a `Thinned` attribute that are not in the table.
    """

    ask: Callable[..., DuckDBPyConnection]
    rolled: list[tuple[str, str, Path]]
    left_out: int = 0

    def fetch(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows of an answer."""
        return self.ask(query, list(parameters)).fetchall()

    def numbers(self, query: str, *parameters: Any) -> dict[str, Any]:
        """An answer as NumPy arrays by column."""
        return dict(self.ask(query, list(parameters)).fetchnumpy())


class Reader:
    """Reads the stores in a folder: the folder itself, or each folder in it that is one."""

    def __init__(self, folder: Path) -> None:
        """Raises NotFound if there is no store."""
        self.folder = folder.resolve()
        self._database: DuckDBPyConnection | None = None
        self._sources: dict[Path, Source | None] = {}
        self.stores()

    def stores(self) -> list[Path]:
        """Folders of the stores.

        Raises:
            NotFound: there is none.
        """
        found = stores_in(self.folder)
        if not found:
            raise NotFound(
                f"there is no archive in {self.folder}: no data logger wrote there yet, or it is another folder"
            )
        return found

    def question(
        self,
        answer: Callable[[View], Answer],
        names: Iterable[str] | None = None,
        start: int = 0,
        stop: int = int(coding.LATEST * 1e6),
        last: Sequence[str] | None = None,
        *,
        who: bool = False,
        thinned: Thinned | None = None,
    ) -> Answer:
        """Put a question to events.

        Args:
            answer: puts it to a view; may be called again from the beginning.
            names: of the attributes that it concerns; None for all. The view may have others too.
            start, stop: it concerns times from and to these, in µs since 1970. The view may have others too.
            last: kinds of which of each name only the last event matters; None if others matter. The view may have
                others too.
            who: whether only events with a known author matter. As above.
            thinned: of what few points will be shown; of that the view may have fewer readings.

        Raises:
            ServiceFailed: a file cannot be read, or a database does not answer.
        """
        import duckdb

        wanted = None if names is None else list(names)
        for left in reversed(range(TRIES)):
            files, rows, left_out = self._snapshot(wanted, start, stop, last, who=who, thinned=thinned)
            with contextlib.closing(self._connect()) as connection:
                try:
                    return answer(_view(connection, files, rows, start, stop)._replace(left_out=left_out))
                except (duckdb.Error, OSError) as error:
                    gone = not all(path.exists() for path in files)
                    if not (left and gone):
                        raise ServiceFailed(
                            f"the archive {self.folder} cannot be read ({str(error).splitlines()[0]}); "
                            "`ronda archive check` says what is wrong"
                        ) from error
        raise AssertionError  # the last try returned or raised

    def _connect(self) -> DuckDBPyConnection:
        """A connection of its own for each question; they share what DuckDB remembers of files."""
        if self._database is None:
            self._database = parquet.connect()
        return self._database.cursor()

    def _snapshot(
        self,
        names: Sequence[str] | None,
        start: int,
        stop: int,
        last: Sequence[str] | None,
        *,
        who: bool,
        thinned: Thinned | None,
    ) -> tuple[dict[Path, File], list[tuple[Any, ...]], int]:
        files: dict[Path, File] = {}
        rows: list[tuple[Any, ...]] = []
        left_out, stores = 0, self.stores()
        for folder in stores:
            with _transaction(folder / buffer.FILE) as ask:
                for file in buffer.files(ask):
                    if file.rows and file.stop + _longest(file.level) >= start and file.start <= stop:
                        files[folder / file.name] = file
                condition, parameters = "AND e.time BETWEEN ? AND ?", [start, stop]
                if names is not None:
                    condition += (
                        " AND e.attribute IN (SELECT id FROM attributes WHERE name IN (SELECT value FROM json_each(?)))"
                    )
                    parameters.append(json.dumps(names))  # type: ignore[arg-type]
                waiting = ask.execute(f"{buffer.ROWS} {condition} ORDER BY e.serial", parameters).fetchall()
                identity = ask.execute("SELECT value FROM marks WHERE name = 'identity'").fetchone()
            source = self._source(folder)
            if source is not None:  # after the buffer: what it has no more is there
                few = thinned if len(stores) == 1 and not files else None
                found = source.rows(names, start, stop, last, who=who, thinned=few, waiting=waiting)
                there = found.positions.get(identity[0], 0) if identity else 0
                waiting = found.rows + [row for row in waiting if row[0] > there]
                left_out += found.left_out
            rows += waiting
        return files, rows, left_out

    def _source(self, folder: Path) -> Source | None:
        """The database in which the events of a store are; None if they are in its folder."""
        if folder not in self._sources:
            place = remembered(folder)
            self._sources[folder] = None if place is None else Source(place)
        return self._sources[folder]

    def names(self) -> dict[str, None]:
        """All names under which something was ever stored, in alphabetical order."""
        found: set[str] = set()
        for folder in self.stores():
            with _transaction(folder / buffer.FILE) as ask:
                found.update(name for (name,) in ask.execute("SELECT name FROM attributes"))
            source = self._source(folder)
            if source is not None:
                found.update(source.names())
        return dict.fromkeys(sorted(found))

    def begins(self) -> float | None:
        """The time of the first event, in s since 1970; None if there is none."""
        first: list[int] = []
        for folder in self.stores():
            with _transaction(folder / buffer.FILE) as ask:
                first += [file.start for file in buffer.files(ask) if file.rows and file.level == "events"]
                first += [time for (time,) in ask.execute("SELECT min(time) FROM events") if time is not None]
        return min(first) / 1e6 if first else None

    def close(self) -> None:
        """Let go of the files."""
        if self._database is not None:
            self._database.close()
            self._database = None
        for source in filter(None, self._sources.values()):
            source.close()
        self._sources.clear()


def stores_in(folder: Path, *, files: bool = False) -> list[Path]:
    """Stores in a folder: itself, or the folders in it that are one.

    Args:
        folder: where to look.
        files: whether one counts that has lost its SQLite file, and has Parquet files.
    """
    return [
        path
        for path in (folder, *sorted(folder.glob("*/")))
        if (path / buffer.FILE).is_file() or (files and (path / "events").is_dir())
    ]


def _longest(level: str) -> int:
    """How long after its time a row of a file may still concern, in µs."""
    return {"events": 0, "minute": 60_000_000, "hour": 3_600_000_000}[level]


@contextlib.contextmanager
def _transaction(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=60)) as connection:
            connection.execute("BEGIN")
            yield connection
    except sqlite3.DatabaseError as error:
        raise ServiceFailed(
            f"the archive's buffer {path} cannot be read ({error}); `ronda archive check` says what is wrong"
        ) from error


def _view(
    connection: DuckDBPyConnection, files: dict[Path, File], rows: list[tuple[Any, ...]], start: int, stop: int
) -> View:
    parquet.load(connection, rows)
    columns = ", ".join(f'"{column}"' for column in parquet.COLUMNS)
    parts = [f"SELECT {columns}, '{BUFFERED}' AS file, serial AS row FROM fresh"]
    events = [path for path, file in files.items() if file.level == "events"]
    if events:
        names = ", ".join(parquet.quoted(path) for path in events)
        parts.append(
            f"SELECT {columns}, filename AS file, file_row_number AS row "
            f"FROM read_parquet([{names}], filename = true, file_row_number = true) "
            f"WHERE time BETWEEN make_timestamptz({start}) AND make_timestamptz({stop})"
        )
    connection.execute(f"CREATE TEMP VIEW events AS {' UNION ALL '.join(parts)}")
    rolled = [(file.level, file.day, path) for path, file in files.items() if file.level != "events"]
    return View(connection.execute, rolled)


def event(row: Sequence[Any]) -> Event:
    """The event of a row of `EVENT`."""
    attribute, time, delay, kind, type_, quality, *values, written, who, note = row
    return Event(
        attribute,
        time / 1e6,
        (time + delay) / 1e6,
        _value(values),
        type_,
        quality,
        coding.written_value(written),
        who,
        kind,
        note or "",
    )


def _value(values: Sequence[Any]) -> Value:
    for form, value in enumerate(values, start=coding.REAL):
        if value is not None:
            if form == coding.TEXTS:
                return np.array(value, np.str_)
            return np.array(value, coding.DTYPES[form]) if form in coding.DTYPES else value
    return None
