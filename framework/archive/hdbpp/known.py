"""What is known in the database of a logger's names: attributes of HDB++, their tables, and their last events."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ronda.framework.archive.hdbpp import schema
from ronda.framework.archive.hdbpp.columns import BY_NAME, BY_TABLE, Type, plain
from ronda.framework.archive.hdbpp.place import Place

if TYPE_CHECKING:
    from psycopg import Connection

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

LAST = dt.datetime.max.replace(tzinfo=dt.UTC)

MICROS = "(date_part('epoch', {}) * 1000000)::bigint"
"""µs since 1970, exact until the year 2242; `extract` is exact for ever and takes three times as long."""

WHOLE = "(details IS NULL OR details->>'ronda' IS NULL)"
"""Rows of HDB++'s tables that say all there is: others stand in `ronda.event`."""


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


class Known:
    """The names of one logger, through the connection of whoever sends; thrown away with that."""

    def __init__(self, connection: Connection[Any], place: Place) -> None:
        """Ask what is known.

        Args:
            connection: to a database that has the tables.
            place: the database.

        Raises:
            psycopg.Error: it does not answer.
        """
        self.place = place
        self.connection = connection
        self.logger = self._known_logger()
        self._names = self._known_names()
        self._errors: dict[str, int] = {}
        self._history: dict[str, int] = {}

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
            (self.logger,),
        ):
            found[name] = named = Named(id_, tables, described)
            named.type, named.spectrum = BY_TABLE.get(table, (None, False))
            named.writable = write not in (None, "READ")
        return found

    # -- in the transaction of a batch

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
        rows = [(self.logger, name, self._names[name].id, self._names[name].tables, None) for name in fresh]
        with self.connection.cursor() as cursor:
            cursor.executemany("INSERT INTO ronda.name VALUES (%s, %s, %s, %s, %s)", rows)

    def _note(self, name: str, named: Named) -> None:
        self.connection.execute(
            "INSERT INTO ronda.name VALUES (%s, %s, %s, %s, %s) ON CONFLICT (logger_id, name) DO UPDATE SET "
            "att_conf_id = EXCLUDED.att_conf_id, tables = EXCLUDED.tables, description = EXCLUDED.description",
            (self.logger, name, named.id, named.tables, named.described),
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
        newest = f"(SELECT max(time) FROM ronda.event e WHERE e.logger_id = {self.logger} AND e.name = a.name)"
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
                ([name for name, _ in times], [time for _, time in times], self.logger),
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


def _micros(time: dt.datetime) -> int:
    return (time - EPOCH) // dt.timedelta(microseconds=1)


def _described(text: str) -> dict[str, Any]:
    """The description of an attribute; nothing where it is none."""
    try:
        told = json.loads(text)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def moment(micros: int) -> dt.datetime:
    """A time in µs since 1970; the last that PostgreSQL and Python have in place of a later one."""
    try:
        return EPOCH + dt.timedelta(microseconds=micros)
    except OverflowError:
        return LAST
