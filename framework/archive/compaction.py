"""From the buffer into Parquet files, and small files into larger ones: killed anywhere, nothing is lost or doubled.

A new file counts from the moment in which the catalogue has it, and the same transaction takes out what it replaces:
rows of the buffer by the mark `compacted`, files by their names. Names that a kill may leave behind are noted before.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from ronda.framework.archive import buffer, parquet
from ronda.framework.archive.buffer import Buffer, File

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DAY = 86_400_000_000
"""A day in µs."""

STEP = 200_000
"""Rows of the buffer that become files together, at most; they take about 0.5 kB of memory each."""

STEP_BYTES = 64_000_000
"""Bytes of their values, texts and setpoints, at most, but for one row: spectra are long."""

LARGEST = 50_000_000
"""Rows of a file that is merged no more: larger files would lose what time has sorted."""

MERGED = 8
"""Files of about the same size that are merged while their day lasts; two are enough when it is over."""

SETTLED = 3600.0
"""Seconds after a day's end until it counts as over: what is on its way has come."""


def compact_rows(folder: Path, store: Buffer, older_than: float) -> int:
    """Bring events that were received until a time into files of their days.

    Args:
        folder: of the store.
        store: its SQLite file.
        older_than: seconds since 1970.

    Returns:
        How many.
    """
    count = 0
    connection = parquet.connect(folder)
    with contextlib.closing(connection), contextlib.closing(sqlite3.connect(store.path, timeout=60)) as reader:
        while rows := _prefix(reader, round(older_than * 1e6)):
            parquet.load(connection, rows)
            files = _write_days(connection, folder, store, rows[0][0], rows[-1][0])
            store.add_files(files, compacted=rows[-1][0], received=rows[-1][2] + rows[-1][3])
            store.forget_compacted()
            count += len(rows)
    return count


def _prefix(reader: sqlite3.Connection, until: int) -> list[tuple[int, ...]]:
    """The first events of the buffer, as long as they were received before a time in µs."""
    rows: list[tuple[int, ...]] = []
    size = 0
    for row in reader.execute(f"{buffer.ROWS} ORDER BY e.serial LIMIT ?", (STEP,)):
        size += sum(len(one) for one in row if isinstance(one, bytes | str))
        if row[2] + row[3] > until or (rows and size > STEP_BYTES):
            break
        rows.append(row)
    return rows


def _write_days(connection: DuckDBPyConnection, folder: Path, store: Buffer, first: int, last: int) -> list[File]:
    days = connection.execute(
        f"SELECT epoch_us(time) // {DAY} AS day, count(*), epoch_us(min(time)), epoch_us(max(time)) "
        "FROM fresh GROUP BY day ORDER BY day"
    ).fetchall()
    files = []
    for day, rows, start, stop in days:
        query = (
            f"SELECT {', '.join(parquet.COLUMNS)} FROM fresh WHERE epoch_us(time) // {DAY} = {day} "
            "ORDER BY attribute, time, serial"
        )
        files.append(
            write(
                connection,
                query,
                folder,
                store,
                File("", "events", day_name(day), first, last, rows, start, stop, 0, ""),
                1,
            )
        )
    return files


def write(connection: DuckDBPyConnection, query: str, folder: Path, store: Buffer, file: File, generation: int) -> File:
    """Write what a query gives into a file that the catalogue may take: `file` with its name, size and digest."""
    name = f"{file.level}/{file.day}/{file.first:015}-{file.last:015}-{generation}.parquet"
    store.doubt([name])
    size, digest = parquet.write(connection, query, folder / name)
    return file._replace(name=name, bytes=size, digest=digest)


def day_name(day: int) -> str:
    """The name of a day, counted since 1970."""
    return (dt.date(1970, 1, 1) + dt.timedelta(days=day)).isoformat()


def day_end(name: str) -> float:
    """The end of a day, in s since 1970."""
    day = dt.datetime.fromisoformat(name).replace(tzinfo=dt.UTC)
    return day.timestamp() + 86400.0


def generation(file: File) -> int:
    """How often the events of a file were written anew."""
    return int(file.name.removesuffix(".parquet").rpartition("-")[2])


def merge_files(folder: Path, store: Buffer, now: float) -> int:
    """Merge small files of a day into larger ones.

    Args:
        folder: of the store.
        store: its SQLite file.
        now: seconds since 1970; days that ended an hour before are over.

    Returns:
        How many files were merged.
    """
    count = 0
    for day, group in groupby(store.files("events"), key=lambda file: file.day):
        enough = 2 if now > day_end(day) + SETTLED else MERGED
        files = list(group)
        while run := next(_runs(files, enough), None):
            rewrite(folder, store, run)
            count += len(run)
            files = [file for file in store.files("events") if file.day == day]
    return count


def _runs(files: Sequence[File], enough: int) -> Iterator[list[File]]:
    """Files that follow each other, are of about the same size, and are enough to be merged."""
    for size, group in groupby(files, key=_size):
        run: list[File] = []
        for file in group:
            if sum(one.rows for one in run) + file.rows > LARGEST:
                break
            run.append(file)
        if size >= 0 and len(run) >= enough:
            yield run


def _size(file: File) -> int:
    """Files with the same number are of about the same size; -1 for those that are large enough."""
    return int(math.log(file.rows + 1, MERGED)) if file.rows < LARGEST // 2 else -1


def rewrite(folder: Path, store: Buffer, files: Sequence[File], condition: str = "TRUE") -> None:
    """Write the events of some files of a day into one file, in their place; none if nothing is left.

    Args:
        folder: of the store.
        store: its SQLite file.
        files: at least one, in the order of their events.
        condition: of those that are kept, in SQL.
    """
    order = {str(folder / file.name): number for number, file in enumerate(files)}
    names = ", ".join(parquet.quoted(path) for path in order)
    source = f"read_parquet([{names}], filename = true, file_row_number = true)"
    with contextlib.closing(parquet.connect(folder)) as connection:
        rows, start, stop = connection.execute(
            f"SELECT count(*), epoch_us(min(time)), epoch_us(max(time)) FROM {source} WHERE {condition}"
        ).fetchall()[0]
        if not rows:
            store.add_files([], gone=[file.name for file in files])
            sweep(folder, store)
            return
        like = File(
            "", "events", files[0].day, files[0].first, max(file.last for file in files), rows, start, stop, 0, ""
        )
        # names sort as the serial numbers do, and tell files of one day apart
        query = (
            f"SELECT {', '.join(parquet.COLUMNS)} FROM {source} WHERE {condition} "
            "ORDER BY attribute, time, filename, file_row_number"
        )
        file = write(connection, query, folder, store, like, 1 + max(generation(file) for file in files))
    store.add_files([file], gone=[one.name for one in files])
    sweep(folder, store)


def sweep(folder: Path, store: Buffer) -> None:
    """Delete files that do not count, as far as the store knows of them."""
    names = store.doubtful()
    for name in names:
        path = folder / name
        path.unlink(missing_ok=True)
        path.with_name(f".{path.name}.part").unlink(missing_ok=True)
    store.trust(names)
