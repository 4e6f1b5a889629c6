"""Whether a store is whole, and what can be put right."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from ronda.framework.archive import buffer, parquet
from ronda.framework.archive.buffer import Buffer, File
from ronda.framework.archive.record import EVERYTHING, Event

LEVELS = ("events", "minute", "hour")

LOST = "events that were not compacted yet were lost with a broken buffer"

ASIDE = "broken"
"""Folder for what is broken: nothing is deleted."""


@dataclass(frozen=True)
class Fault:
    """Something wrong.

    Attributes:
        what: a sentence.
        repaired: what was done about it; empty if nothing was.
    """

    what: str
    repaired: str = ""


def check_buffer(folder: Path, *, repair: bool) -> list[Fault]:
    """Whether the SQLite file can be read; repaired, a broken or missing one is set aside for a new one, into which the
    Parquet files are taken. Needs a folder to which nobody writes."""
    path = folder / buffer.FILE
    if not path.exists():
        what = f"{path} is missing"
    else:
        try:
            with contextlib.closing(sqlite3.connect(path, timeout=60)) as connection:
                found = connection.execute("PRAGMA quick_check(3)").fetchall()
            if found == [("ok",)]:
                return []
            what = f"{path} is broken: {'; '.join(str(row[0]).splitlines()[-1] for row in found)}"
        except sqlite3.DatabaseError as error:
            what = f"{path} is broken: {error}"
    if not repair:
        return [Fault(what)]
    for part in (path, *(path.with_name(path.name + ending) for ending in ("-wal", "-shm"))):
        if part.exists():
            _set_aside(folder, part)
    return [Fault(what, "set aside for a new one; events that were not compacted yet are in the old one, if anywhere")]


def check_files(folder: Path, store: Buffer, *, repair: bool) -> list[Fault]:
    """Whether the Parquet files are those of the catalogue, whole and readable.

    Repaired, broken files are set aside, and files that the catalogue lacks are taken into it where their events are
    nowhere else.
    """
    faults = []
    listed = store.files()
    for file in listed:
        wrong = _wrong(folder, file)
        if wrong:
            done = ""
            if repair:
                store.add_files([], gone=[file.name])
                if (folder / file.name).exists():
                    _set_aside(folder, folder / file.name)
                store.trust([file.name])
                done = "taken out of the catalogue" + ", set aside" * (not wrong.endswith("missing"))
            faults.append(Fault(wrong, done))
    known = {file.name for file in listed} | set(store.doubtful())
    strangers = [
        path
        for level in LEVELS
        for path in sorted((folder / level).glob("*/*.parquet"))
        if _name(folder, path) not in known
    ]
    faults += [_stranger(folder, store, path, repair=repair) for path in sorted(strangers, key=_newest_first)]
    return faults


def mark_lost(folder: Path, store: Buffer) -> None:
    """Say of each attribute that after the last event that is in files something may be missing: the buffer is lost."""
    files = [folder / file.name for file in store.files("events")]
    now = time.time()
    if not files:
        store.append([Event(EVERYTHING, now, now, kind="gap", text=LOST)])
        return
    names = ", ".join(parquet.quoted(path) for path in files)
    with contextlib.closing(parquet.connect(folder)) as connection:
        last = connection.execute(
            f"SELECT attribute, epoch_us(max(time)) FROM read_parquet([{names}]) GROUP BY attribute ORDER BY attribute"
        ).fetchall()
    marks = [Event(name, (when + 1) / 1e6, now, kind="gap", text=LOST) for name, when in last if name != EVERYTHING]
    store.append([*marks, Event(EVERYTHING, now, now, kind="gap", text=LOST)])


def _wrong(folder: Path, file: File) -> str:
    path = folder / file.name
    if not path.exists():
        return f"{path} is missing"
    if path.stat().st_size != file.bytes or parquet.digest(path) != file.digest:
        return f"{path} is not as it was written"
    return ""


def _stranger(folder: Path, store: Buffer, path: Path, *, repair: bool) -> Fault:
    """A file that the catalogue lacks."""
    what = f"{path} is not in the catalogue"
    if not repair:
        return Fault(what)
    file = _described(folder, path)
    if file is None:
        _set_aside(folder, path)
        return Fault(f"{what}, and cannot be read", "set aside")
    day = [one for one in store.files(file.level) if one.day == file.day]
    if any(one.first <= file.last and file.first <= one.last for one in day) or (
        file.level == "events" and store.has_rows(file.first, file.last)
    ):
        _set_aside(folder, path)
        return Fault(f"{what}, its events are in other files too", "set aside")
    store.add_names(_names(folder, path))
    store.add_files([file], compacted=max(store.compacted, file.last) if file.level == "events" else None)
    return Fault(what, f"taken into it: {file.rows} rows of {file.day}")


def _described(folder: Path, path: Path) -> File | None:
    """What the catalogue should say of a file; None if it cannot be read."""
    import duckdb

    try:
        first, last, _ = path.stem.split("-")
        numbers = int(first), int(last)
        with contextlib.closing(parquet.connect(folder)) as connection:
            rows, start, stop = connection.execute(
                "SELECT count(*), epoch_us(min(time)), epoch_us(max(time)) FROM read_parquet(?)", [str(path)]
            ).fetchall()[0]
            connection.execute("SELECT max(attribute), max(COLUMNS(*)) FROM read_parquet(?)", [str(path)]).fetchall()
    except (duckdb.Error, OSError, ValueError):
        return None
    level, day = path.parent.parent.name, path.parent.name
    return File(
        _name(folder, path),
        level,
        day,
        *numbers,
        rows,
        start or 0,
        stop or 0,
        path.stat().st_size,
        parquet.digest(path),
    )


def _names(folder: Path, path: Path) -> list[str]:
    """The names of attributes in a file."""
    with contextlib.closing(parquet.connect(folder)) as connection:
        query = "SELECT DISTINCT attribute FROM read_parquet(?)"
        return [name for (name,) in connection.execute(query, [str(path)]).fetchall()]


def _newest_first(path: Path) -> tuple[str, str, int, int]:
    """Files that others were merged into come before those."""
    _, _, rest = path.stem.partition("-")
    last, _, again = rest.partition("-")
    generation = -int(again) if again.isdigit() else 0
    return path.parent.parent.name, path.parent.name, generation, -int(last) if last.isdigit() else 0


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _set_aside(folder: Path, path: Path) -> None:
    place = folder / ASIDE
    place.mkdir(exist_ok=True)
    path.rename(place / f"{time.time_ns()}-{path.parent.name}-{path.name}")
