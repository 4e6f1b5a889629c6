"""Retention: for how long readings and their roll-ups are kept, by patterns of names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ronda.framework.archive import compaction, parquet, rollup
from ronda.framework.archive.buffer import Buffer, File
from ronda.framework.errors import BadValue

FOREVER = float("inf")


@dataclass(frozen=True)
class Keep:
    """How long what belongs to some attributes is kept; the first that fits a name says it.

    Attributes:
        pattern: of names, `*` for anything and `?` for one character: `demo/vacuum/*`.
        readings: days for which each reading is kept.
        minutes: days for which the roll-up of each minute is kept.
        hours: days for which the roll-up of each hour is kept, and all that is no reading: marks, errors,
            configurations. Not less than the others.

    Raises:
        BadValue: a number of days that is not above 0, or hours kept for less time than the rest.
    """

    pattern: str = "*"
    readings: float = FOREVER
    minutes: float = FOREVER
    hours: float = FOREVER

    def __post_init__(self) -> None:
        if not all(days > 0 for days in (self.readings, self.minutes, self.hours)):
            raise BadValue(f"retention of {self.pattern}: days must be above 0")
        if self.hours < max(self.readings, self.minutes):
            raise BadValue(
                f"retention of {self.pattern}: hours are kept for {self.hours:g} days; that must not be less than "
                f"readings ({self.readings:g} days) and minutes ({self.minutes:g} days)"
            )

    def days(self, level: str) -> float:
        """Days for which files of a level are kept."""
        return {"events": self.readings, "minute": self.minutes, "hour": self.hours}[level]


def apply(folder: Path, store: Buffer, rules: Sequence[Keep], now: float, clean: set[tuple[str, str]]) -> int:
    """Remove what is older than the rules say. Readings go only when their day is rolled up.

    Args:
        folder: of the store.
        store: its SQLite file.
        rules: the first that fits a name counts; without any, all is kept.
        now: seconds since 1970.
        clean: files and conditions of which it is known that they need no look; is added to.

    Returns:
        How many files were written anew or removed.
    """
    count = 0
    rolled = {file.day: file.last for file in store.files("hour")}
    for file in store.files():
        age = (now - compaction.day_end(file.day)) / 86400
        if not any(age > rule.days(file.level) for rule in rules) or (
            file.level == "events" and file.last > rolled.get(file.day, 0)  # what came late is rolled up before
        ):
            continue
        gone = _too_old(rules, file.level, age)
        if (file.name, gone) not in clean:
            count += _thin(folder, store, file, gone)
            clean.add((file.name, gone))
    return count


def _thin(folder: Path, store: Buffer, file: File, gone: str) -> bool:
    """Take out of a file what fits a condition; False if nothing does."""
    path = parquet.quoted(folder / file.name)
    connection = parquet.connect(folder)
    try:
        if not connection.execute(f"SELECT 1 FROM read_parquet({path}) WHERE {gone} LIMIT 1").fetchall():
            return False
    finally:
        connection.close()
    if file.level == "events":
        compaction.rewrite(folder, store, [file], f"NOT ({gone})")
    else:
        rollup.write(folder, store, f"SELECT * FROM read_parquet({path}) WHERE NOT ({gone})", file, file)
    return True


def _too_old(rules: Sequence[Keep], level: str, age: float) -> str:
    """What is too old at an age in days, as a condition in SQL."""
    cases = []
    for rule in rules:
        old = "TRUE" if age > rule.days(level) else "FALSE"
        if level == "events" and old == "TRUE" and age <= rule.hours:
            old = "kind = 'value'"
        cases.append(f"WHEN attribute GLOB {parquet.quoted(_glob(rule.pattern))} THEN {old}")
    return f"CASE {' '.join(cases)} ELSE FALSE END"


def _glob(pattern: str) -> str:
    """The pattern as DuckDB's GLOB has it: brackets stand for themselves."""
    return pattern.lower().replace("[", "[[]")
