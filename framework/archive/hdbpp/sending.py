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
from ronda.framework.archive.hdbpp.columns import BY_NAME, BY_TABLE, Fitted, Type, fitted, plain, same_form
from ronda.framework.archive.hdbpp.place import Place, connect
from ronda.framework.archive.record import QUALITIES

if TYPE_CHECKING:
    from psycopg import Connection

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

FULL = '{"ronda": true}'
"""In the column `details` of a row of HDB++: the whole event stands in `ronda.event`."""

HISTORY = {"appear": "start", "vanish": "stop", "gap": "crash"}
"""What HDB++ calls marks of an attribute."""

BASE = "att_conf_id, data_time, value_r, value_w, quality, att_error_desc_id, details"

INVALID = QUALITIES.index("INVALID")

NOTHING = Fitted(None, exact=True)

EVENT = "identity, serial, logger_id, name, time, delay, kind, type, quality, form, value, written, who, note"


class Named:
    """What is known of a name: its attribute in HDB++, if it is one.

    Attributes:
        id: `att_conf_id`; None of a device, and of an attribute whose type is not known yet.
        type: its type; None as above.
        spectrum: whether it is one.
        writable: whether HDB++ knows it as writable.
        tables: those that have rows of it; more than one when its type changed.
        labels: of an enumeration.
        last: when it had its last event in the database, in µs; -1 if it has none, None where that is not known.
    """

    __slots__ = ("described", "id", "labels", "last", "spectrum", "tables", "type", "writable")

    def __init__(self, id_: int | None = None, tables: Sequence[str] = (), described: str | None = None) -> None:
        self.id = id_
        self.type: Type | None = None
        self.spectrum = self.writable = False
        self.tables = list(tables)
        self.labels: list[str] = []
        self.last: int | None = None
        self.described = described
        if described:
            self.labels = list(_described(described).get("enum_labels") or [])


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
        self.connection: Connection[Any] = connect(place)
        try:
            schema.make(self.connection)
            self._logger = self._known_logger()
            self._names = self._known_names()
            self._errors: dict[str, int] = {}
            self._history: dict[str, int] = {}
        except BaseException:
            self.connection.close()
            raise

    def _known_logger(self) -> int:
        ask = self.connection.execute
        key = (self.place.cs_name, self.place.logger)
        ask("INSERT INTO ronda.logger (cs_name, name) VALUES (%s, %s) ON CONFLICT DO NOTHING", key)
        row = ask("SELECT logger_id FROM ronda.logger WHERE cs_name = %s AND name = %s", key).fetchone()
        assert row is not None  # noqa: S101 - it was made if it was not there
        return int(row[0])

    def _known_names(self) -> dict[str, Named]:
        found = {}
        for name, id_, tables, described, table, write in self.connection.execute(
            "SELECT n.name, n.att_conf_id, n.tables, n.description, c.table_name, w.write FROM ronda.name n "
            "LEFT JOIN att_conf c USING (att_conf_id) LEFT JOIN att_conf_write w USING (att_conf_write_id) "
            "WHERE logger_id = %s",
            (self._logger,),
        ):
            found[name] = named = Named(id_, tables, described)
            named.type, named.spectrum = BY_TABLE.get(table, (None, False))
            named.writable = write not in (None, "READ")
        return found

    def position(self) -> tuple[int | None, float | None]:
        """The highest serial number of this buffer that is in the database, None if it never heard of it; and when
        that event was received, in s since 1970.
        """
        query = "SELECT serial, received FROM ronda.buffer WHERE identity = %s"
        row = self.connection.execute(query, (self.identity,)).fetchone()
        return (None, None) if row is None else (int(row[0]), None if row[1] is None else row[1].timestamp())

    def send(self, rows: Sequence[tuple[Any, ...]], last: int, *, plainly: bool = True) -> None:
        """Store rows of the buffer (`buffer.ROWS`), all or none.

        Args:
            rows: with serial numbers above the position, in their order.
            last: the position from then on.
            plainly: whether the tables of HDB++ take their part.

        Raises:
            psycopg.Error: nothing is stored, or it is not known; this object is of no more use.
        """
        with self.connection.transaction():
            batch = _Batch(self, rows, plainly=plainly)
            batch.prepare()
            batch.copy()
            received = EPOCH + dt.timedelta(microseconds=rows[-1][2] + rows[-1][3]) if rows else None
            self.connection.execute(
                "INSERT INTO ronda.buffer VALUES (%s, %s, %s, %s) "
                "ON CONFLICT (identity) DO UPDATE SET serial = EXCLUDED.serial, "
                "received = coalesce(EXCLUDED.received, ronda.buffer.received)",
                (self.identity, self._logger, last, received),
            )

    # -- what a batch asks for; in its transaction

    def name_of(self, name: str) -> Named:
        """What is known of a name that `meet` was told of."""
        return self._names[name]

    def meet(self, names: Iterable[str]) -> None:
        """Know names from now on."""
        fresh = [name for name in dict.fromkeys(names) if name not in self._names]
        if not fresh:
            return
        for name in fresh:
            self._names[name] = Named()
            self._names[name].last = -1  # nothing of it is there
        full = [self.place.prefix() + name for name in fresh]
        for att_name, id_, table, write in self.connection.execute(
            "SELECT c.att_name, c.att_conf_id, c.table_name, w.write FROM att_conf c "
            "JOIN att_conf_write w USING (att_conf_write_id) WHERE c.att_name = ANY(%s)",
            (full,),
        ):
            named = self._names[att_name.removeprefix(self.place.prefix())] = Named(id_, [table])
            named.type, named.spectrum = BY_TABLE.get(table, (None, False))
            named.writable = write != "READ"
        rows = [(self._logger, name, self._names[name].id, self._names[name].tables, None) for name in fresh]
        with self.connection.cursor() as cursor:
            cursor.executemany("INSERT INTO ronda.name VALUES (%s, %s, %s, %s, %s)", rows)

    def _note(self, name: str, named: Named) -> None:
        self.connection.execute(
            "INSERT INTO ronda.name VALUES (%s, %s, %s, %s, %s) ON CONFLICT (logger_id, name) DO UPDATE SET "
            "att_conf_id = EXCLUDED.att_conf_id, tables = EXCLUDED.tables, description = EXCLUDED.description",
            (self._logger, name, named.id, named.tables, named.described),
        )

    def become(self, name: str, named: Named, type_: Type, *, spectrum: bool, write: str) -> None:
        """An attribute has this type from now on, which it had not."""
        table = type_.table(spectrum=spectrum)
        domain, family, member, attribute = name.split("/")
        ask = self.connection.execute
        row = ask(
            "INSERT INTO att_conf (att_name, att_conf_type_id, att_conf_format_id, att_conf_write_id, "
            "table_name, cs_name, domain, family, member, name) "
            "SELECT %(full)s, t.att_conf_type_id, f.att_conf_format_id, w.att_conf_write_id, %(table)s, %(cs)s, "
            "%(domain)s, %(family)s, %(member)s, %(name)s "
            "FROM att_conf_type t, att_conf_format f, att_conf_write w "
            "WHERE t.type = %(type)s AND f.format = %(format)s AND w.write = %(write)s "
            "ON CONFLICT (att_name) DO UPDATE SET att_conf_type_id = EXCLUDED.att_conf_type_id, "
            "att_conf_format_id = EXCLUDED.att_conf_format_id, att_conf_write_id = EXCLUDED.att_conf_write_id, "
            "table_name = EXCLUDED.table_name RETURNING att_conf_id",
            {
                "full": self.place.prefix() + name,
                "type": type_.hdb,
                "format": "SPECTRUM" if spectrum else "SCALAR",
                "write": write,
                "table": table,
                "cs": self.place.cs_name,
                "domain": domain,
                "family": family,
                "member": member,
                "name": attribute,
            },
        ).fetchone()
        assert row is not None  # noqa: S101 - HDB++ knows all these types, formats and ways to write
        new = named.id is None
        named.id, named.type, named.spectrum, named.writable = int(row[0]), type_, spectrum, write != "READ"
        named.tables = list(dict.fromkeys([*named.tables, table]))
        self._note(name, named)
        if new:
            self.happened(named, "add", dt.datetime.now(dt.UTC), "")

    def describe(self, name: str, named: Named, time: dt.datetime, text: str) -> None:
        """Take the description of an attribute that the logger was given by its device."""
        if text == named.described:
            return
        told = _described(text)
        type_, spectrum = BY_NAME.get(str(told.get("type"))), told.get("data_format") == "SPECTRUM"
        write = str(told.get("writable"))
        if type_ is None or write not in schema.WRITES or name.count("/") != 3:
            return
        named.described, named.labels = text, list(told.get("enum_labels") or [])
        if (named.type, named.spectrum, named.writable) != (type_, spectrum, write != "READ"):
            self.become(name, named, type_, spectrum=spectrum, write=write)
        else:
            self._note(name, named)
        values = [plain(str(told.get(column) or "")) for column in schema.PARAMETERS]
        self.connection.execute(
            f"INSERT INTO att_parameter (att_conf_id, recv_time, {', '.join(schema.PARAMETERS)}) "
            f"VALUES ({', '.join(['%s'] * (2 + len(values)))})",
            [named.id, time, *values],
        )

    def happened(self, named: Named, what: str, time: dt.datetime, note: str) -> None:
        """What HDB++ tells of the archiving of an attribute."""
        ask = self.connection.execute
        if what not in self._history:
            query = "SELECT att_history_event_id FROM att_history_event WHERE event = %s ORDER BY 1 LIMIT 1"
            row = ask(query, (what,)).fetchone()
            row = (
                row
                or ask(
                    "INSERT INTO att_history_event (event) VALUES (%s) RETURNING att_history_event_id", (what,)
                ).fetchone()
            )
            self._history[what] = int(row[0])  # type: ignore[index]
        ask(
            "INSERT INTO att_history VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (named.id, self._history[what], time, json.dumps({"reason": note}) if note else None),
        )

    def error_of(self, sentence: str) -> int:
        """The number of an error's description."""
        sentence = plain(sentence) or "unknown"
        if sentence not in self._errors:
            ask = self.connection.execute
            query = "SELECT att_error_desc_id FROM att_error_desc WHERE error_desc = %s"
            ask("INSERT INTO att_error_desc (error_desc) VALUES (%s) ON CONFLICT DO NOTHING", (sentence,))
            self._errors[sentence] = int(ask(query, (sentence,)).fetchone()[0])  # type: ignore[index]
        return self._errors[sentence]

    def learn_last(self, names: Iterable[str]) -> None:
        """Ask when names had their last event in the database, where that is not known."""
        unknown = {name: self._names[name] for name in names if self._names[name].last is None}
        if not unknown:
            return
        last = dict.fromkeys(unknown, -1)
        by_table: dict[str, list[str]] = {}
        for name, named in unknown.items():
            for table in named.tables if named.id is not None else ():
                by_table.setdefault(table, []).append(name)
        ask = self.connection.execute
        newest = f"(SELECT max(time) FROM ronda.event e WHERE e.logger_id = {self._logger} AND e.name = a.name)"
        answers = [ask(f"SELECT name, {newest} FROM unnest(%s::text[]) AS a (name)", (list(unknown),)).fetchall()]
        for table, its in by_table.items():
            newest = f"(SELECT max(data_time) FROM {table} d WHERE d.att_conf_id = a.id)"
            query = f"SELECT name, {newest} FROM unnest(%s::text[], %s::int[]) AS a (name, id)"
            answers.append(ask(query, (its, [unknown[name].id for name in its])).fetchall())
        for name, time in (row for answer in answers for row in answer):
            if time is not None:
                last[name] = max(last[name], _micros(time))
        for name, named in unknown.items():
            named.last = last[name]

    def those_there(self, asked: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
        """Those of some names and times in µs at which something is in the database."""
        times = [(name, EPOCH + dt.timedelta(microseconds=micros)) for name, micros in asked]
        found = set(
            self.connection.execute(
                "SELECT e.name, e.time FROM unnest(%s::text[], %s::timestamptz[]) AS a (name, time) "
                "JOIN ronda.event e ON e.logger_id = %s AND e.name = a.name AND e.time = a.time",
                ([name for name, _ in times], [time for _, time in times], self._logger),
            )
        )
        by_table: dict[str, list[tuple[int, str, dt.datetime]]] = {}
        for name, time in times:
            named = self._names[name]
            for table in named.tables:
                if named.id is not None:
                    by_table.setdefault(table, []).append((named.id, name, time))
        for table, rows in by_table.items():
            ids, names, at = zip(*rows, strict=True)
            found |= set(
                self.connection.execute(
                    "SELECT a.name, a.time FROM unnest(%s::int[], %s::text[], %s::timestamptz[]) AS a (id, name, time) "
                    f"JOIN {table} d ON d.att_conf_id = a.id AND d.data_time = a.time",
                    (list(ids), list(names), list(at)),
                )
            )
        return {(name, _micros(time)) for name, time in found}

    def event_row(self, row: tuple[Any, ...], time: dt.datetime) -> tuple[Any, ...]:
        """What `ronda.event` has of a row of the buffer."""
        serial, name, _, delay, kind, type_, quality, form, kept, written, who, note = row
        value = None if kept is None else json.dumps(kept.hex() if isinstance(kept, bytes) else kept)
        words = [None if word is None else plain(word) for word in (name, type_, who, note)]
        return (
            *(self.identity, serial, self._logger, words[0], time, delay, kind, words[1], quality, form),
            *(value, written, words[2], words[3]),
        )


class _Batch:
    """Rows that are stored together."""

    def __init__(self, sender: Sender, rows: Sequence[tuple[Any, ...]], *, plainly: bool) -> None:
        self._sender = sender
        self._rows = rows
        self._plainly = plainly
        self._tables: dict[str, list[tuple[Any, ...]]] = {}
        self._events: list[tuple[Any, ...]] = []

    def prepare(self) -> None:
        """Sort the rows into tables."""
        sender = self._sender
        sender.meet(plain(row[1]) for row in self._rows)
        taken = self._taken() if self._plainly else set()
        for row in self._rows:
            name, micros = plain(row[1]), row[2]
            named = sender.name_of(name)
            time = EPOCH + dt.timedelta(microseconds=micros)
            whole = not self._plainly or (name, micros) in taken or self._told_whole(row, name, named, time)
            taken.add((name, micros))
            if whole:
                self._events.append(sender.event_row(row, time))
        for name, micros in taken:
            named = sender.name_of(name)
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
            self._put(named, time, NOTHING, NOTHING, INVALID, self._sender.error_of(note or ""), FULL)
        elif kind == "configuration" and note:
            self._sender.describe(name, named, time, note)
        elif kind in HISTORY and named.id is not None:
            self._sender.happened(named, HISTORY[kind], time, note or "")
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
        self._sender.become(name, named, wanted, spectrum=spectrum, write=write)
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
        self._sender.learn_last({name for name, _ in asked})
        doubtful = [one for one in asked if one[1] <= self._sender.name_of(one[0]).last]
        return self._sender.those_there(doubtful) if doubtful else set()

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


def _micros(time: dt.datetime) -> int:
    return (time - EPOCH) // dt.timedelta(microseconds=1)


def _described(text: str) -> dict[str, Any]:
    """The description of an attribute; nothing where it is none."""
    try:
        told = json.loads(text)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
