"""Events from the buffer into the database: each once, whatever dies in between.

A batch is one transaction, which also says up to which serial number the events of this buffer are there. So after a
commit of which nobody knows whether it was done, the database tells. Of an event the tables of HDB++ have the row that
an archiver of HDB++ would write; what such a row cannot say, or a second event at the same µs, stands in `ronda.event`.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ronda.framework.archive import coding
from ronda.framework.archive.hdbpp import schema
from ronda.framework.archive.hdbpp.columns import BY_NAME, BY_TABLE, Fitted, fitted, plain, same_form
from ronda.framework.archive.hdbpp.known import EPOCH, Known, Named
from ronda.framework.archive.hdbpp.place import ANSWER_LIMIT, Place, connect, limited
from ronda.framework.archive.record import QUALITIES

if TYPE_CHECKING:
    from psycopg import Connection

FULL = '{"ronda": true}'
"""In the column `details` of a row of HDB++: the whole event stands in `ronda.event`."""

HISTORY = {"appear": "start", "vanish": "stop", "gap": "crash"}
"""What HDB++ calls marks of an attribute."""

BASE = "att_conf_id, data_time, value_r, value_w, quality, att_error_desc_id, details"

INVALID = QUALITIES.index("INVALID")

NOTHING = Fitted(None, exact=True)

EVENT = "identity, serial, logger_id, name, time, delay, kind, type, quality, form, value, written, who, note"


class Moved(Exception):
    """A former connection of this buffer stored more than was known, before it ended."""


class Sender:
    """A connection that stores rows of one buffer; it is thrown away when anything fails."""

    def __init__(self, place: Place, identity: int) -> None:
        """Connect, and make the tables that are not there.

        Args:
            place: the database.
            identity: of the buffer.

        Raises:
            ServiceFailed: it does not answer, or refuses.
        """
        self.place = place
        self.identity = identity
        self.at: int | None = None
        self.connection: Connection[Any] = connect(place)
        try:
            schema.make(self.connection)
            self.known = Known(self.connection, place)
        except BaseException:
            self.connection.close()
            raise

    def position(self) -> tuple[int | None, float | None]:
        """The highest serial number of this buffer that is in the database, None if it never heard of it; and when
        that event was received, in s since 1970.
        """
        query = "SELECT serial, received FROM ronda.buffer WHERE identity = %s"
        row = self.connection.execute(query, (self.identity,)).fetchone()
        self.at = None if row is None else int(row[0])
        return self.at, None if row is None or row[1] is None else row[1].timestamp()

    def send(self, rows: Sequence[tuple[Any, ...]], last: int, *, plainly: bool = True) -> None:
        """Store rows of the buffer (`buffer.ROWS`), all or none.

        Args:
            rows: with serial numbers above the position, in their order.
            last: the position from then on.
            plainly: whether the tables of HDB++ take their part.

        Raises:
            Moved: others are there than was told before; ask for the position again.
            psycopg.Error: nothing is stored, or it is not known; this object is of no more use.
        """
        with limited(self.connection, 2 * ANSWER_LIMIT), self.connection.transaction():
            # whoever sends holds this row: a former connection that was cut may be at its commit still
            query = "SELECT serial FROM ronda.buffer WHERE identity = %s FOR UPDATE"
            row = self.connection.execute(query, (self.identity,)).fetchone()
            if (None if row is None else row[0]) != self.at:
                raise Moved
            batch = _Batch(self, rows, plainly=plainly)
            batch.prepare()
            batch.copy()
            received = EPOCH + dt.timedelta(microseconds=rows[-1][2] + rows[-1][3]) if rows else None
            self.connection.execute(
                "INSERT INTO ronda.buffer VALUES (%s, %s, %s, %s) "
                "ON CONFLICT (identity) DO UPDATE SET serial = EXCLUDED.serial, "
                "received = coalesce(EXCLUDED.received, ronda.buffer.received)",
                (self.identity, self.known.logger, last, received),
            )
        self.at = last


class _Batch:
    """Rows that are stored together."""

    def __init__(self, sender: Sender, rows: Sequence[tuple[Any, ...]], *, plainly: bool) -> None:
        self._sender = sender
        self._known = sender.known
        self._rows = rows
        self._plainly = plainly
        self._tables: dict[str, list[tuple[Any, ...]]] = {}
        self._events: list[tuple[Any, ...]] = []

    def prepare(self) -> None:
        """Sort the rows into tables."""
        known = self._known
        known.meet(plain(row[1]) for row in self._rows)
        taken = self._taken() if self._plainly else set()
        for row in self._rows:
            name, micros = plain(row[1]), row[2]
            named = known.name_of(name)
            time = EPOCH + dt.timedelta(microseconds=micros)
            whole = not self._plainly or (name, micros) in taken or self._told_whole(row, name, named, time)
            taken.add((name, micros))
            if whole:
                self._events.append(self._event_row(row, time))
        for name, micros in taken:
            named = known.name_of(name)
            if named.last is not None:
                named.last = max(named.last, micros)

    def _told_whole(self, row: tuple[Any, ...], name: str, named: Named, time: dt.datetime) -> bool:
        """Tell HDB++'s tables of a row; whether they cannot tell all of it."""
        _, _, _, delay, kind, type_, quality, form, kept, written, who, note = row
        if kind == "value" and self._is_known(name, named, type_, form, written):
            value, setpoint = self._fitted(named, form, kept, written)
            exact = value.exact and setpoint.exact and who is None and not note
            details = f'{{"delay": {delay}}}' if exact else FULL
            self._put(named, time, value, setpoint, QUALITIES.index(quality), None, details)
            return not exact
        if kind == "error" and named.id is not None:
            self._put(named, time, NOTHING, NOTHING, INVALID, self._known.error_of(note or ""), FULL)
        elif kind == "configuration" and note:
            self._known.describe(name, named, time, note)
        elif kind in HISTORY and named.id is not None:
            self._known.happened(named, HISTORY[kind], time, note or "")
        return True

    def _is_known(self, name: str, named: Named, type_: str, form: int, written: str | None) -> bool:
        """Whether HDB++ knows the attribute of a value as what it is; it is told so where it can be."""
        its = named.type
        spectrum = named.spectrum if form == coding.NOTHING else form >= coding.REALS
        if (
            its is not None
            and its.tango == type_
            and spectrum == named.spectrum
            and (written is None or named.writable)
        ):
            return True
        wanted = BY_NAME.get(type_)
        if wanted is None or name.count("/") != 3:
            return False
        write = "READ_WRITE" if written is not None or named.writable else "READ"
        self._known.become(name, named, wanted, spectrum=spectrum, write=write)
        return True

    def _fitted(self, named: Named, form: int, kept: Any, written: str | None) -> tuple[Fitted, Fitted]:
        """A value and its setpoint as their columns take them."""
        assert named.type is not None  # noqa: S101 - `_is_known`
        if form == coding.REAL and named.type.tango == "DevDouble":
            value = Fitted(math.nan if kept is None else kept, exact=True)  # most values are such
        else:
            value = fitted(named.type, coding.restored(form, kept), named.labels, spectrum=named.spectrum)
            if not same_form(named.type, form):
                value = value._replace(exact=False)
        if written is None:
            return value, NOTHING
        return value, fitted(named.type, coding.written_value(written), named.labels, spectrum=named.spectrum)

    def _put(
        self,
        named: Named,
        time: dt.datetime,
        value: Fitted,
        setpoint: Fitted,
        quality: int,
        error: int | None,
        details: str,
    ) -> None:
        assert named.type is not None  # noqa: S101 - `_is_known`
        row: tuple[Any, ...] = (named.id, time, value.value, setpoint.value, quality, error, details)
        if named.type.enumeration:
            row += (value.label, setpoint.label)
        self._tables.setdefault(named.type.table(spectrum=named.spectrum), []).append(row)

    def _taken(self) -> set[tuple[str, int]]:
        """Names and times in µs at which something is in the database, of those rows of which that may be."""
        asked = [(plain(row[1]), row[2]) for row in self._rows]
        self._known.learn_last({name for name, _ in asked})
        doubtful = [one for one in asked if one[1] <= self._known.name_of(one[0]).last]
        return self._known.those_there(doubtful) if doubtful else set()

    def copy(self) -> None:
        """Store what was prepared."""
        for table, rows in self._tables.items():
            columns = f"{BASE}, value_r_label, value_w_label" if BY_TABLE[table][0].enumeration else BASE
            self._copy(f"{table} ({columns})", rows)
        if self._events:
            self._copy(f"ronda.event ({EVENT})", self._events)

    def _copy(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._sender.connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def _event_row(self, row: tuple[Any, ...], time: dt.datetime) -> tuple[Any, ...]:
        """What `ronda.event` has of a row of the buffer."""
        serial, name, _, delay, kind, type_, quality, form, kept, written, who, note = row
        value = None if kept is None else json.dumps(kept.hex() if isinstance(kept, bytes) else kept)
        words = [None if word is None else plain(word) for word in (name, type_, who, note)]
        return (
            *(self._sender.identity, serial, self._known.logger, words[0], time, delay, kind, words[1], quality, form),
            *(value, written, words[2], words[3]),
        )
