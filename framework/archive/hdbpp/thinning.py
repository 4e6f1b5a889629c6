"""Few points of many readings, chosen by the database: the lowest and the highest of each interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ronda.framework.archive import coding
from ronda.framework.archive.hdbpp.columns import BY_TABLE
from ronda.framework.archive.hdbpp.known import MICROS, WHOLE, moment

if TYPE_CHECKING:
    from psycopg import Connection

LEAST = 5000
"""Readings that are taken one by one: thinning them would not be quicker."""


class Thinned(NamedTuple):
    """Of an attribute few points will be shown.

    Attributes:
        attribute: its name.
        start, stop: between these times, in µs since 1970, both included.
        points: so many.
    """

    attribute: str
    start: int
    stop: int
    points: int


def thin(
    connection: Connection[Any],
    named: tuple[int, Sequence[str]] | None,
    asked: Thinned,
    others: Sequence[tuple[Any, ...]],
) -> tuple[list[tuple[Any, ...]], int] | None:
    """The lowest and the highest reading of each interval, as `past.history` divides the time; how many are left
    out. None where that cannot be, or is not worth it.

    Args:
        connection: to the database, in a transaction that reads.
        named: `att_conf_id` and tables of the attribute; None if it is not known.
        asked: what is thinned.
        others: events that do not stand in the table, and belong to it.
    """
    ask = connection.execute
    if named is None or named[0] is None or len(named[1]) != 1 or named[1][0] not in BY_TABLE:
        return None
    table, (type_, spectrum) = named[1][0], BY_TABLE[named[1][0]]
    if spectrum or type_.dtype is np.str_:
        return None
    number = "value_r::integer::float8" if type_.dtype is np.bool_ else "value_r::float8"
    span = {"id": named[0], "start": moment(asked.start), "stop": moment(asked.stop)}
    where = f"att_conf_id = %(id)s AND data_time BETWEEN %(start)s AND %(stop)s AND {WHOLE}"
    if ask(f"SELECT 1 FROM {table} WHERE {where} AND att_error_desc_id IS NOT NULL LIMIT 1", span).fetchone():
        return None  # another archiver's errors interrupt it
    readings = f"SELECT data_time, {number} AS v FROM {table} WHERE {where}"
    numeric = "v IS NOT NULL AND v <> 'NaN'"
    first, last = (MICROS.format(f"{which}(data_time) FILTER (WHERE {numeric})") for which in ("min", "max"))
    query = f"SELECT count(*), count(*) FILTER (WHERE {numeric}), {first}, {last} FROM ({readings}) r"
    total, count, own_begin, own_end = ask(query, span).fetchone()  # type: ignore[misc]
    if count <= max(asked.points, LEAST):
        return None
    times = [row[2] for row in others if _counts(row, asked)]
    begin, end = min([own_begin, *times]), max([own_end, *times])
    part = f"(us - {begin}) * {max(asked.points // 2, 1)} / {end - begin + 1}"
    # the first and the last of all are between what the time is divided
    ends = f"SELECT v, {MICROS.format('data_time')} FROM ({readings}) r WHERE data_time = ANY(%(ends)s)"
    points = set(ask(ends, {**span, "ends": [moment(one) for one in (own_begin, own_end)]}).fetchall())
    for low, high in ask(
        f"SELECT min(ARRAY[v, us]), max(ARRAY[v, -us]) FROM (SELECT {MICROS.format('data_time')} AS us, v "
        f"FROM ({readings}) r WHERE {numeric}) n GROUP BY {part}",
        span,
    ):
        points |= {(low[0], int(low[1])), (high[0], -int(high[1]))}
    rows: list[tuple[Any, ...]] = [
        (0, asked.attribute, time, 0, "value", type_.tango, "VALID", coding.REAL, value, None, None, None)
        for value, time in points
    ]
    return rows, total - len(rows)


def _counts(row: tuple[Any, ...], asked: Thinned) -> bool:
    """Whether a row is a number of a thinned attribute."""
    _, name, time, _, kind, _, _, form, kept, *_ = row
    if name != asked.attribute or kind != "value" or not asked.start <= time <= asked.stop or form == coding.NOTHING:
        return False
    return form in (coding.INTEGER, coding.UNSIGNED, coding.BOOLEAN) or (form == coding.REAL and kept is not None)
