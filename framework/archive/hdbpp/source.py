"""Events out of the database, as the buffer would have them: what questions are answered from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ronda.framework.archive import coding
from ronda.framework.archive.hdbpp.columns import BY_TABLE, restored, restored_setpoint
from ronda.framework.archive.hdbpp.known import MICROS, WHOLE, moment
from ronda.framework.archive.hdbpp.place import ANSWER_LIMIT, Place, connect, faults, limited
from ronda.framework.archive.hdbpp.thinning import Thinned, thin
from ronda.framework.archive.record import QUALITIES
from ronda.framework.errors import BadValue, ServiceFailed

if TYPE_CHECKING:
    from psycopg import Connection

ROWS_OF = """
SELECT {time}, att_conf_id, {value}, {setpoint}, quality, coalesce((details->>'delay')::bigint, 0), att_error_desc_id
FROM {{}}
"""

EVENT = f"""
serial, name, {MICROS.format("time")}, delay, kind, type, quality, form, value, written, who, note
"""


MOST = 2_000_000
"""Events that one question may need; each takes about 0.5 kB of memory. No query may give more: libpq has the whole
answer before its first row is looked at."""


class Found(NamedTuple):
    """What the database has for a question.

    Attributes:
        positions: by identity of a buffer up to which serial number its events are there.
        rows: events in the form of `buffer.ROWS`, by their times.
        left_out: how many readings of a `Thinned` attribute are not among them: none of them is the first or last one,
            or the lowest or highest of its interval.
    """

    positions: dict[int, int]
    rows: list[tuple[Any, ...]]
    left_out: int = 0


class Source:
    """Reads what one logger stored in a database; opened when it is asked first."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._connection: Connection[Any] | None = None

    def names(self) -> list[str]:
        """All names under which something was stored."""
        with faults(self._place):
            ask = self._opened().execute
            return [name for (name,) in ask(f"SELECT name FROM ronda.name WHERE logger_id IN {LOGGER}", self._key())]

    def rows(
        self,
        names: Sequence[str] | None,
        start: int,
        stop: int,
        last: Sequence[str] | None = None,
        *,
        who: bool = False,
        thinned: Thinned | None = None,
        waiting: Sequence[tuple[Any, ...]] = (),
    ) -> Found:
        """Events of some names and times.

        Args:
            names: None for all.
            start, stop: from and to these times, in µs since 1970.
            last: kinds of which of each name only the last one is wanted, and no others; None for all events.
            who: whether only those are wanted that have an author.
            thinned: the attribute of which few points are wanted.
            waiting: rows of the buffer, which may be in the database or not.

        Raises:
            ServiceFailed: the database does not answer.
            BadValue: there are more events than a question may need.
        """
        with faults(self._place):
            connection = self._opened()
            with limited(connection, ANSWER_LIMIT), connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                ask = connection.execute
                positions = dict(
                    ask(
                        f"SELECT identity, serial FROM ronda.buffer WHERE logger_id IN {LOGGER}", self._key()
                    ).fetchall()
                )
                span = {"start": moment(start), "stop": moment(stop), **self._key()}
                rows, left_out = list(self._full(names, span, last, who=who)), 0
                few = None
                if thinned is not None:
                    query = (
                        f"SELECT att_conf_id, tables FROM ronda.name WHERE logger_id IN {LOGGER} AND name = %(name)s"
                    )
                    named = ask(query, {**self._key(), "name": thinned.attribute}).fetchone()
                    few = thin(connection, named, thinned, [*rows, *waiting])
                if few is not None:
                    rows += few[0]
                    left_out = few[1]
                elif not who and (last is None or "value" in last):
                    rows += islice(self._plain(names, span, newest=last is not None), MOST + 1)
        if len(rows) > MOST:
            raise BadValue(
                f"that would take more than {MOST} events out of {self._place}: ask for less time, or fewer attributes"
            )
        rows.sort(key=lambda row: (row[2], row[0]))
        return Found(positions, rows, left_out)

    def close(self) -> None:
        """Disconnect."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _opened(self) -> Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._place)
            found = self._connection.execute("SELECT to_regclass('ronda.event')").fetchone()
            if found is None or found[0] is None:
                raise ServiceFailed(f"{self._place} has nothing of ours: no data logger has stored anything there yet")
        return self._connection

    def _key(self) -> dict[str, Any]:
        return {"cs": self._place.cs_name, "logger": self._place.logger}

    def _full(
        self, names: Sequence[str] | None, span: dict[str, Any], last: Sequence[str] | None, *, who: bool
    ) -> Iterator[tuple[Any, ...]]:
        """Events of `ronda.event`."""
        assert self._connection is not None  # noqa: S101 - `rows`
        where = f"logger_id IN {LOGGER} AND time BETWEEN %(start)s AND %(stop)s"
        asked = {**span, "names": None if names is None else list(names), "kinds": list(last or ())}
        if names is not None:
            where += " AND name = ANY(%(names)s)"
        if who:
            where += " AND who IS NOT NULL"
        query = f"SELECT {EVENT} FROM ronda.event WHERE {where} LIMIT {MOST + 1}"
        if last is not None:
            one = f"{where} AND name = a.wanted AND kind = ANY(%(kinds)s) ORDER BY time DESC, serial DESC LIMIT 1"
            wanted = f"SELECT name AS wanted FROM ronda.name WHERE logger_id IN {LOGGER}"
            if names is not None:
                wanted = "SELECT unnest(%(names)s::text[]) AS wanted"
            query = f"SELECT e.* FROM ({wanted}) a CROSS JOIN LATERAL (SELECT {EVENT} FROM ronda.event WHERE {one}) e"
        for row in self._connection.execute(query, asked):
            *before, form, value, written, author, note = row
            kept = None if value is None else json.loads(value)
            if form in SPECTRA and isinstance(kept, str):
                kept = bytes.fromhex(kept)
            yield (*before, form, kept, written, author, note)

    def _plain(self, names: Sequence[str] | None, span: dict[str, Any], *, newest: bool) -> Iterator[tuple[Any, ...]]:
        """Events of HDB++'s tables."""
        assert self._connection is not None  # noqa: S101 - `rows`
        query = (
            f"SELECT name, att_conf_id, tables FROM ronda.name WHERE logger_id IN {LOGGER} AND att_conf_id IS NOT NULL"
        )
        if names is not None:
            query += " AND name = ANY(%(names)s)"
        asked = {**span, "names": None if names is None else list(names)}
        by_table: dict[str, dict[int, str]] = {}
        for name, id_, tables in self._connection.execute(query, asked).fetchall():
            for table in tables:
                by_table.setdefault(table, {})[id_] = name
        for table, its in by_table.items():
            if table in BY_TABLE:
                yield from self._of_table(table, its, span, newest=newest)

    def _of_table(
        self, table: str, names: dict[int, str], span: dict[str, Any], *, newest: bool
    ) -> Iterator[tuple[Any, ...]]:
        assert self._connection is not None  # noqa: S101 - `rows`
        type_, spectrum = BY_TABLE[table]
        columns = ROWS_OF.format(
            time=MICROS.format("data_time"),
            value=type_.select("value_r", spectrum=spectrum),
            setpoint=type_.select("value_w", spectrum=spectrum),
        ).format(table)
        where = f"data_time BETWEEN %(start)s AND %(stop)s AND {WHOLE}"
        if newest:
            one = f"{columns} WHERE att_conf_id = a.id AND {where} ORDER BY data_time DESC LIMIT 1"
            query = f"SELECT d.* FROM unnest(%(ids)s::int[]) AS a (id) CROSS JOIN LATERAL ({one}) d"
        else:
            query = f"{columns} WHERE att_conf_id = ANY(%(ids)s) AND {where} LIMIT {MOST + 1}"
        tango, real = type_.tango, type_.tango == "DevDouble" and not spectrum
        cursor = self._connection.cursor(binary=True)
        cursor.execute(query, {**span, "ids": list(names)})
        errors: dict[int, str] | None = None
        for time, id_, value, setpoint, quality, delay, error in cursor:
            kind, note = "value", None
            if error is not None:
                errors = self._errors() if errors is None else errors
                kind, note = "error", errors.get(error)
            if real and value is not None:
                form, kept = coding.REAL, value if value == value else None
            else:
                form, kept = restored(type_, value, spectrum=spectrum)
            written = None if setpoint is None else restored_setpoint(type_, setpoint, spectrum=spectrum)
            word = QUALITIES[quality] if quality is not None and 0 <= quality < len(QUALITIES) else "VALID"
            yield 0, names[id_], time, delay, kind, tango, word, form, kept, written, None, note

    def _errors(self) -> dict[int, str]:
        """Sentences of errors that other archivers stored."""
        assert self._connection is not None  # noqa: S101 - `rows`
        return dict(self._connection.execute("SELECT att_error_desc_id, error_desc FROM att_error_desc").fetchall())


LOGGER = "(SELECT logger_id FROM ronda.logger WHERE cs_name = %(cs)s AND name = %(logger)s)"

SPECTRA = tuple(coding.DTYPES)
