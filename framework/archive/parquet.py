"""The Parquet files of a store: their columns, how rows of the buffer become them, and how they are written for good.

DuckDB is imported when the first of its connections is made: it takes 0.1 s, and who appends never needs it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ronda.framework.archive import coding

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

COLUMNS = {
    "attribute": "VARCHAR",
    "time": "TIMESTAMPTZ",
    "delay": "BIGINT",
    "kind": "VARCHAR",
    "type": "VARCHAR",
    "quality": "VARCHAR",
    "real": "DOUBLE",
    "integer": "BIGINT",
    "unsigned": "UBIGINT",
    "boolean": "BOOLEAN",
    "text": "VARCHAR",
    "reals": "DOUBLE[]",
    "integers": "BIGINT[]",
    "unsigneds": "UBIGINT[]",
    "booleans": "BOOLEAN[]",
    "texts": "VARCHAR[]",
    "written": "VARCHAR",
    "who": "VARCHAR",
    "note": "VARCHAR",
}
"""Columns of the files of events, with DuckDB's names of their types. docs/reference/archive.md says what they mean."""

SPECTRA = {
    coding.REALS: "reals",
    coding.INTEGERS: "integers",
    coding.UNSIGNEDS: "unsigneds",
    coding.BOOLEANS: "booleans",
    coding.TEXTS: "texts",
}

ROW_GROUP = 262_144
"""Rows that are read together: with more of them few attributes can be skipped, with fewer the files' ends are long."""

OPTIONS = f"FORMAT parquet, PARQUET_VERSION V2, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}"
"""Version 2 has the encodings that noisy values need: 8 bytes an event instead of 10."""

THREADS = 2
"""Processor cores that one question or compaction uses at most: scans run on the same machine."""

MEMORY = "1GB"
"""That DuckDB may use; it sorts what is larger on the disk."""

_SELECT = """
SELECT serial, attribute, make_timestamptz(time) AS time, delay, kind, type, quality,
    CASE WHEN form = 1 THEN CASE WHEN missing THEN 'NaN'::DOUBLE ELSE number END END AS real,
    CASE WHEN form = 2 THEN whole END AS integer,
    CASE WHEN form = 3 THEN (whole::HUGEINT + 9223372036854775808)::UBIGINT END AS unsigned,
    CASE WHEN form = 4 THEN whole <> 0 END AS boolean,
    word::VARCHAR AS text,
    list_transform(reals::DOUBLE[], lambda one: coalesce(one, 'NaN'::DOUBLE)) AS reals,
    integers::BIGINT[] AS integers, unsigneds::UBIGINT[] AS unsigneds, booleans::BOOLEAN[] AS booleans,
    texts::VARCHAR[] AS texts, written::VARCHAR AS written, who::VARCHAR AS who, note::VARCHAR AS note
FROM columns
"""


def connect(folder: Path | None = None) -> DuckDBPyConnection:
    """A DuckDB of our own, in memory, that fetches nothing from anywhere.

    Args:
        folder: where it may put what does not fit into memory; None for the place that it chooses.
    """
    import duckdb

    options: dict[str, Any] = {"autoinstall_known_extensions": False, "memory_limit": MEMORY, "threads": THREADS}
    if folder is not None:
        options["temp_directory"] = str(folder / "sorting")
    connection = duckdb.connect(":memory:", config=options)
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute("SET GLOBAL pandas_analyze_sample = 1000000000")  # columns may begin with None for long
    return connection


def load(connection: DuckDBPyConnection, rows: Sequence[Sequence[Any]], table: str = "fresh") -> None:
    """Make a temporary table of rows of the buffer (`buffer.ROWS`): columns `serial` and `COLUMNS`."""
    connection.register("columns", _arrays(rows))
    try:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {_SELECT}")
    finally:
        connection.unregister("columns")


def _arrays(rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    count = len(rows)
    serial, name, time, delay, kind, type_, quality, form, value, written, who, note = (
        zip(*rows, strict=True) if rows else [()] * 12
    )
    arrays: dict[str, Any] = {
        "serial": np.array(serial, np.int64),
        "attribute": _objects(name),
        "time": np.array(time, np.int64),
        "delay": np.array(delay, np.int64),
        "kind": _objects(kind),
        "type": _objects(type_),
        "quality": _objects(quality),
        "form": np.array(form, np.int64),
        "written": _objects(written),
        "who": _objects(who),
        "note": _objects(note),
    }
    forms = arrays["form"]
    number, whole, missing = np.zeros(count), np.zeros(count, np.int64), np.zeros(count, bool)
    for row in np.flatnonzero(forms == coding.REAL):
        if value[row] is None:
            missing[row] = True
        else:
            number[row] = value[row]
    for row in np.flatnonzero(np.isin(forms, (coding.INTEGER, coding.UNSIGNED, coding.BOOLEAN))):
        whole[row] = value[row]
    word = np.full(count, None, object)
    for row in np.flatnonzero(forms == coding.TEXT):
        word[row] = value[row]
    arrays.update(number=number, whole=whole, missing=missing, word=word)
    for spectrum, column in SPECTRA.items():
        arrays[column] = np.full(count, None, object)
        for row in np.flatnonzero(forms == spectrum):
            array = coding.restored(spectrum, value[row])
            arrays[column][row] = array.tolist() if spectrum == coding.TEXTS else array  # type: ignore[union-attr]
    return arrays


def _objects(values: Sequence[Any]) -> Any:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def quoted(path: Path | str) -> str:
    """A path as SQL has it, where DuckDB takes no parameters."""
    return "'" + str(path).replace("'", "''") + "'"


def write(connection: DuckDBPyConnection, query: str, path: Path) -> tuple[int, str]:
    """Write what a query gives into a file that is complete, and on the disk, as soon as it has its name.

    Returns:
        Bytes of the file, and the digest of its content.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.part")
    connection.execute(f"COPY ({query}) TO {quoted(fresh)} ({OPTIONS})")
    with fresh.open("rb") as file:
        found = hashlib.file_digest(file, _blake).hexdigest()
        os.fsync(file.fileno())
        size = file.tell()
    fresh.rename(path)
    for folder in (path.parent, path.parent.parent):
        sync(folder)
    return size, found


def digest(path: Path) -> str:
    """Digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, _blake).hexdigest()


def _blake() -> Any:
    return hashlib.blake2b(digest_size=16)


def sync(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
