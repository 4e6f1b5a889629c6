"""Roll-ups: minimum, maximum, mean and number of the readings of each minute and hour of a day that is over."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

from ronda.framework.archive import compaction, parquet
from ronda.framework.archive.buffer import Buffer, File

LEVELS = {"minute": 60, "hour": 3600}
"""Lengths of the roll-ups' intervals in s."""

NUMBER = 'coalesce(real, "integer"::DOUBLE, unsigned::DOUBLE, "boolean"::INTEGER::DOUBLE)'
"""A reading as a number; truth values are 0 and 1."""

NUMERIC = f"kind = 'value' AND {NUMBER} IS NOT NULL AND NOT isnan({NUMBER})"
"""Readings that are numbers."""


def roll_up(folder: Path, store: Buffer, now: float, thinned: float = math.inf) -> int:
    """Make the roll-ups of days that are over and have none; or have got more events since, at most every hour.

    Args:
        folder: of the store.
        store: its SQLite file.
        now: seconds since 1970.
        thinned: age in days beyond which readings go; what comes late then is rolled up at once, and goes too.

    Returns:
        How many files were written.
    """
    count = 0
    known = {(file.level, file.day): file for level in LEVELS for file in store.files(level)}
    days: dict[str, list[File]] = {}
    for file in store.files("events"):
        days.setdefault(file.day, []).append(file)
    for day, files in days.items():
        if now <= compaction.day_end(day) + compaction.SETTLED:
            continue
        last = max(file.last for file in files)
        for level in LEVELS:
            old = known.get((level, day))
            gone = now - compaction.day_end(day) > thinned * 86400
            if old is None or (
                last > old.last and (gone or now - (folder / old.name).stat().st_mtime > compaction.SETTLED)
            ):
                _write(folder, store, level, files, old)
                count += 1
    return count


def _write(folder: Path, store: Buffer, level: str, files: list[File], old: File | None) -> None:
    """Roll up a day. Of attributes whose readings are gone, what the old roll-up says stays, with what came late."""
    day, last = files[0].day, max(file.last for file in files)
    names = ", ".join(parquet.quoted(folder / file.name) for file in files)
    step = LEVELS[level] * 1_000_000
    query = (
        f"SELECT attribute, make_timestamptz(epoch_us(time) // {step} * {step}) AS time, min({NUMBER}) AS low, "
        f"max({NUMBER}) AS high, avg({NUMBER}) AS mean, count(*) AS count "
        f"FROM read_parquet([{names}]) WHERE {NUMERIC} GROUP BY 1, 2"
    )
    if old is not None:
        kept = parquet.quoted(folder / old.name)
        query = (
            f"WITH fresh AS ({query}), old AS (SELECT * FROM read_parquet({kept})), "
            # readings go for a whole day at once: where one interval has less than it had, there are late ones only
            "gone AS (SELECT DISTINCT attribute FROM old LEFT JOIN fresh USING (attribute, time) "
            "WHERE coalesce(fresh.count, 0) < old.count) "
            "SELECT * FROM fresh WHERE attribute NOT IN (SELECT attribute FROM gone) UNION ALL "
            "SELECT attribute, time, min(low) AS low, max(high) AS high, sum(mean * count) / sum(count) AS mean, "
            "sum(count)::BIGINT AS count FROM (SELECT * FROM fresh UNION ALL SELECT * FROM old) "
            "WHERE attribute IN (SELECT attribute FROM gone) GROUP BY attribute, time"
        )
    write(
        folder,
        store,
        f"SELECT * FROM ({query}) ORDER BY attribute, time",
        File("", level, day, 1, last, 0, 0, 0, 0, ""),
        old,
    )


def write(folder: Path, store: Buffer, query: str, like: File, old: File | None) -> None:
    """Write a file of a roll-up in the place of its former one; none if nothing is left."""
    with contextlib.closing(parquet.connect(folder)) as connection:
        rows, start, stop = connection.execute(
            f"SELECT count(*), epoch_us(min(time)), epoch_us(max(time)) FROM ({query})"
        ).fetchall()[0]
        file = like._replace(rows=rows, start=start or 0, stop=stop or 0)
        again = 1 if old is None else 1 + compaction.generation(old)
        files = [compaction.write(connection, query, folder, store, file, again)]
    store.add_files(files, gone=[] if old is None else [old.name])
    compaction.sweep(folder, store)
