"""How an attribute went between two times: each reading, or so many points with minima and maxima kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.archive import compaction, parquet
from ronda.framework.archive.hdbpp.thinning import Thinned
from ronda.framework.archive.reading import BUFFERED, EVENT, LATER, Reader, View, event
from ronda.framework.archive.record import BREAKS, EVERYTHING, Event, device_of
from ronda.framework.archive.rollup import LEVELS, NUMBER, NUMERIC
from ronda.framework.errors import BadValue

MOST = 5_000_000
"""Readings that an answer may have."""

READING = "attribute = ? AND kind = 'value' AND time BETWEEN make_timestamptz(?) AND make_timestamptz(?)"

KEEPERS = {"real": np.float64, "integer": np.int64, "unsigned": np.uint64, "boolean": np.bool_}
"""Columns of single numbers, and how NumPy has them."""


@dataclass(frozen=True)
class History:
    """How an attribute went.

    Attributes:
        attribute: its name.
        since, until: what was asked for, in s since 1970.
        time: of each point, in s since 1970, ascending.
        value: of each point: an array of numbers where all are numbers, else of objects; None, or NaN among real
            numbers, where a reading had no value.
        readings: how many readings were stored; more than points if it is decimated.
        decimated: whether points were left out; minima and maxima of each interval are there.
        rolled: how many of the points are means, or minima and maxima, of a minute or an hour, whose readings are no
            longer kept.
        breaks: what else happened to it, to its device and to its logger: errors, vanished devices, gaps.
    """

    attribute: str
    since: float
    until: float
    time: npt.NDArray[np.float64]
    value: npt.NDArray[Any]
    readings: int
    decimated: bool
    rolled: int
    breaks: tuple[Event, ...]

    def curve(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Times and numbers to draw: where a break lies, NaN interrupts the line.

        Raises:
            BadValue: the values are no numbers.
        """
        try:
            values = np.array([np.nan if one is None else one for one in self.value.tolist()], np.float64)
        except (TypeError, ValueError) as error:
            raise BadValue(f"{self.attribute} has words or spectra as values; numbers can be drawn") from error
        breaks = np.array([one.time for one in self.breaks], np.float64)
        places = np.searchsorted(self.time, breaks, side="left")
        return np.insert(self.time, places, breaks), np.insert(values, places, np.nan)


def history(reader: Reader, attribute: str, since: float, until: float, points: int | None) -> History:
    """How an attribute went between two times in s since 1970, both included.

    Args:
        reader: of the archive.
        attribute: its name.
        since, until: the times.
        points: the most that the answer shall have, at least 2; None for each reading. Words and spectra are thinned
            to what differs from the reading before.

    Raises:
        BadValue: there are more readings than an answer may have.
    """
    start, stop = round(since * 1e6), round(until * 1e6)

    def answer(view: View) -> History:
        span = (attribute, start, stop)
        numbers, words = view.fetch(f"SELECT count({NUMBER}), count(*) FROM events WHERE {READING}", *span)[0]
        words += view.left_out
        numeric = numbers > 0 or not words
        breaks = _breaks(view, *span)
        rolled = _rolled(view, *span) if numeric else ""
        if rolled or (numeric and points is not None and words > points):
            found = _numbers(view, span, rolled, points)
        elif points is not None and words > points:
            found = _differing(view, span, points)
        elif words > MOST:
            raise BadValue(
                f"{attribute} has {words} readings in that time, an answer may have {MOST}: ask for less time, or say "
                "how many points there shall be"
            )
        else:
            found = (*_readings(view, span), 0)
        time, value, means = found
        return History(
            attribute, since, until, time / 1e6, value, words, len(time) - means < words, means, tuple(breaks)
        )

    # whole days are looked at: only one without any readings of it may have had them removed
    first, last = start // compaction.DAY * compaction.DAY, (stop // compaction.DAY + 1) * compaction.DAY - 1
    thinned = None if points is None else Thinned(attribute, start, stop, points)
    return reader.question(answer, (attribute, device_of(attribute), EVERYTHING), first, last, thinned=thinned)


def _breaks(view: View, attribute: str, start: int, stop: int) -> list[Event]:
    kinds = ", ".join(f"'{kind}'" for kind in BREAKS)
    rows = view.fetch(
        f"SELECT {EVENT} FROM events WHERE attribute IN (?, ?, ?) AND kind IN ({kinds}) "
        f"AND time BETWEEN make_timestamptz(?) AND make_timestamptz(?) ORDER BY {LATER} LIMIT 10000",
        *(attribute, device_of(attribute), EVERYTHING, start, stop),
    )
    return [event(row) for row in rows]


def _readings(view: View, span: tuple[str, int, int]) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any]]:
    """All readings: times in µs, and values."""
    counts = ", ".join(f'count("{name}")' for name in KEEPERS)
    kinds = view.fetch(f"SELECT count(*), {counts} FROM events WHERE {READING}", *span)[0]
    for name, count in zip(KEEPERS, kinds[1:], strict=True):
        if count == kinds[0] or (name == "real" and count and not any(kinds[2:]) and _plain(view, span)):
            found = view.numbers(
                f'SELECT epoch_us(time) AS time, "{name}" AS value FROM events WHERE {READING} ORDER BY {LATER}', *span
            )
            value = found["value"]
            filled = value.filled(np.nan) if isinstance(value, np.ma.MaskedArray) and name == "real" else value
            return _plain_array(found["time"], np.float64), _plain_array(filled, KEEPERS[name])
    rows = view.fetch(f"SELECT {EVENT} FROM events WHERE {READING} ORDER BY {LATER}", *span)
    events = [event(row) for row in rows]
    values = np.empty(len(events), object)
    for number, one in enumerate(events):
        values[number] = one.value
    return np.array([row[1] for row in rows], np.float64), values


def _plain(view: View, span: tuple[str, int, int]) -> bool:
    """Whether there are no readings but numbers and missing ones."""
    words = ("text", *parquet.SPECTRA.values())
    others = " OR ".join(f'"{name}" IS NOT NULL' for name in words)
    return not view.fetch(f"SELECT 1 FROM events WHERE {READING} AND ({others}) LIMIT 1", *span)


def _plain_array(array: Any, dtype: Any) -> npt.NDArray[Any]:
    return np.asarray(np.ma.getdata(array)).astype(dtype)


def _rolled(view: View, attribute: str, start: int, stop: int) -> str:
    """Roll-ups of days whose readings are gone, as a query with columns t, low, high, mean, count; empty for none."""
    parts: list[str] = []
    if not view.rolled:
        return ""
    days = view.fetch(
        f"SELECT DISTINCT epoch_us(time) // {compaction.DAY} FROM events "
        f"WHERE attribute = ? AND kind = 'value' AND file <> '{BUFFERED}'",
        attribute,
    )
    have = {compaction.day_name(day) for (day,) in days}
    name = "'" + attribute.replace("'", "''") + "'"
    for level, length in LEVELS.items():
        for _, day, path in [one for one in view.rolled if one[0] == level and one[1] not in have]:
            query = (
                "SELECT epoch_us(time) AS t, low, high, mean, count "
                f"FROM read_parquet({parquet.quoted(path)}) WHERE attribute = {name} "
                f"AND epoch_us(time) BETWEEN {start - length * 1_000_000 + 1} AND {stop}"
            )
            if view.fetch(f"{query} LIMIT 1"):
                parts.append(query)
                have.add(day)
    return " UNION ALL ".join(parts)


def _numbers(
    view: View, span: tuple[str, int, int], rolled: str, points: int | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], int]:
    """Numbers, decimated or with means of roll-ups: times in µs, values, and how many of them are of roll-ups."""
    source = (
        f"SELECT epoch_us(time) AS t, {NUMBER} AS low, {NUMBER} AS high, {NUMBER} AS mean, 0 AS rolled, file, row "
        f"FROM events WHERE {READING} AND {NUMERIC}"
    )
    if rolled:
        source += f" UNION ALL SELECT t, low, high, mean, 1 AS rolled, '' AS file, 0 AS row FROM ({rolled})"
    count = view.fetch(f"SELECT count(*) FROM ({source})", *span)[0][0]
    if points is None or count + view.left_out <= points:
        found = view.numbers(f"SELECT t, mean, rolled FROM ({source}) ORDER BY t, file, row", *span)
        return (
            _plain_array(found["t"], np.float64),
            _plain_array(found["mean"], np.float64),
            int(np.sum(found["rolled"])),
        )
    first, last = view.fetch(f"SELECT min(t), max(t) FROM ({source})", *span)[0]
    intervals = max(points // 2, 1)
    found = view.numbers(
        f"SELECT (t - {first}) * {intervals} // {last - first + 1} AS part, arg_min(t, low) AS t_low, min(low) AS low, "
        f"arg_max(t, high) AS t_high, max(high) AS high, max(rolled) AS rolled "
        f"FROM ({source}) GROUP BY part ORDER BY part",
        *span,
    )
    both_times = np.stack([_plain_array(found[name], np.float64) for name in ("t_low", "t_high")], axis=1)
    both = np.stack([_plain_array(found[name], np.float64) for name in ("low", "high")], axis=1)
    rolls = np.stack([_plain_array(found["rolled"], np.int64)] * 2, axis=1)
    order = np.argsort(both_times, axis=1, kind="stable")
    time, value = (np.take_along_axis(one, order, 1) for one in (both_times, both))
    different = np.ones(time.shape, bool)
    different[:, 1] = (time[:, 0] != time[:, 1]) | (value[:, 0] != value[:, 1])
    return time[different], value[different], int(rolls[different].sum())


def _differing(
    view: View, span: tuple[str, int, int], points: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any], int]:
    """Readings that are no numbers, as far as they differ from the one before: times in µs, and values.

    Raises:
        BadValue: those are still too many.
    """
    columns = ", ".join(f'"{name}" := "{name}"' for name in (*KEEPERS, "text", *parquet.SPECTRA.values()))
    value = f"struct_pack({columns})"
    rows = view.fetch(
        f"SELECT {EVENT} FROM (SELECT *, {value} AS all_of_it, lag({value}) OVER (ORDER BY {LATER}) AS one_before, "
        f"row_number() OVER (ORDER BY {LATER}) AS place FROM events WHERE {READING}) "
        f"WHERE place = 1 OR all_of_it IS DISTINCT FROM one_before ORDER BY {LATER} LIMIT {points + 1}",
        *span,
    )
    if len(rows) > points:
        raise BadValue(
            f"{span[0]} changed more than {points} times; words and spectra have no minima: ask for less time"
        )
    values = np.empty(len(rows), object)
    for number, row in enumerate(rows):
        values[number] = event(row).value
    return np.array([row[1] for row in rows], np.float64), values, 0
