"""The tables of HDB++ in PostgreSQL, and those of our own beside them.

Names, types, keys and indexes are those of `resources/schema/hdb_schema.sql` of the project
tango-controls-hdbpp/hdbpp-timescale-project (ESRF), the definition that HDB++'s own programs write and read; names of
events in `att_history_event` are those of libhdbpp-timescale. Hypertables are made only where the database has
TimescaleDB. What HDB++ has no place for stands in a schema `ronda`, so that its tables stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ronda.framework.archive.hdbpp.columns import TYPES

DOMAINS = {
    "uchar": ("numeric(3)", 2**8 - 1),
    "ushort": ("numeric(5)", 2**16 - 1),
    "ulong": ("numeric(10)", 2**32 - 1),
    "ulong64": ("numeric(20)", 2**64 - 1),
}

FORMATS = ("SCALAR", "SPECTRUM", "IMAGE")

WRITES = ("READ", "READ_WITH_WRITE", "WRITE", "READ_WRITE")

PARAMETERS = (
    *("label", "unit", "standard_unit", "display_unit", "format"),
    *("archive_rel_change", "archive_abs_change", "archive_period", "description"),
)
"""Columns of `att_parameter` that describe an attribute."""

ENCODED = ("bytea", "DEV_ENCODED", 28, "DevEncoded")

CHUNK_DAYS = {"att_scalar_devdouble": 14}
"""Time of one chunk of a hypertable, where it is not 28 days."""

LOCK = 7_410_619
"""Of PostgreSQL's advisory locks: two loggers that begin at once do not make the tables at once."""

OURS = """
CREATE SCHEMA ronda;
COMMENT ON SCHEMA ronda IS 'What data loggers of Ronda keep beside the tables of HDB++';
CREATE TABLE ronda.logger (
    logger_id serial PRIMARY KEY, cs_name text NOT NULL, name text NOT NULL, UNIQUE (cs_name, name));
CREATE TABLE ronda.buffer (
    identity bigint PRIMARY KEY, logger_id integer NOT NULL REFERENCES ronda.logger, serial bigint NOT NULL,
    received timestamptz);
COMMENT ON TABLE ronda.buffer IS 'Up to which serial number the events of a buffer are here';
CREATE TABLE ronda.name (
    logger_id integer NOT NULL REFERENCES ronda.logger, name text NOT NULL, att_conf_id integer, tables text[] NOT NULL,
    description text, PRIMARY KEY (logger_id, name));
COMMENT ON TABLE ronda.name IS 'Names under which a logger stored something, and the tables that have it';
CREATE TABLE ronda.event (
    identity bigint NOT NULL, serial bigint NOT NULL, logger_id integer NOT NULL REFERENCES ronda.logger,
    name text NOT NULL, time timestamptz NOT NULL, delay bigint NOT NULL, kind text NOT NULL, type text NOT NULL,
    quality text NOT NULL, form smallint NOT NULL, value text, written text, who text, note text,
    PRIMARY KEY (identity, serial));
COMMENT ON TABLE ronda.event IS 'Events that HDB++ has no place for, or no place for all of it';
CREATE INDEX event_name_time ON ronda.event (logger_id, name, time);
CREATE INDEX event_who ON ronda.event (logger_id, time) WHERE who IS NOT NULL;
"""


def make(connection: Any) -> None:
    """Make what is not there, in one transaction.

    Args:
        connection: of psycopg.
    """
    with connection.transaction():
        ask = connection.execute
        ask("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        if not _there(ask, "att_conf"):
            timescale = _timescale(connection)
            for statement in hdbpp(timescale=timescale):
                ask(statement)
        if not _there(ask, "ronda.event"):
            for statement in OURS.split(";"):
                if statement.strip():
                    ask(statement)


def _there(ask: Any, table: str) -> bool:
    return ask("SELECT to_regclass(%s)", (table,)).fetchone()[0] is not None


def _timescale(connection: Any) -> bool:
    """Whether the database has TimescaleDB; it is put into the database where the server has it and lets us."""
    import psycopg

    available = "SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'"
    if connection.execute(available).fetchone() is not None:
        try:
            with connection.transaction():
                connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb CASCADE")
        except psycopg.Error:
            pass  # plain tables serve as well
    return connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone() is not None


def hdbpp(*, timescale: bool) -> Iterator[str]:
    """The statements that make HDB++'s tables.

    Args:
        timescale: whether the tables of values become hypertables.
    """
    for name, (base, most) in DOMAINS.items():
        yield f"CREATE DOMAIN {name} AS {base} CHECK (VALUE >= 0 AND VALUE <= {most})"
    types = [(type_.hdb, type_.number) for type_ in TYPES] + [ENCODED[1:3]]
    yield from _names("type", "Attribute data type", sorted(types, key=lambda one: one[1]))
    yield from _names("format", "Attribute format type", [(name, number) for number, name in enumerate(FORMATS)])
    yield from _names("write", "Attribute write type", [(name, number) for number, name in enumerate(WRITES)])
    yield """
        CREATE TABLE att_conf (
            att_conf_id serial NOT NULL, att_name text NOT NULL, att_conf_type_id smallint NOT NULL,
            att_conf_format_id smallint NOT NULL, att_conf_write_id smallint NOT NULL, table_name text NOT NULL,
            cs_name text NOT NULL DEFAULT '', domain text NOT NULL DEFAULT '', family text NOT NULL DEFAULT '',
            member text NOT NULL DEFAULT '', name text NOT NULL DEFAULT '', ttl int, hide boolean DEFAULT false,
            PRIMARY KEY (att_conf_id), FOREIGN KEY (att_conf_type_id) REFERENCES att_conf_type (att_conf_type_id),
            FOREIGN KEY (att_conf_format_id) REFERENCES att_conf_format (att_conf_format_id),
            FOREIGN KEY (att_conf_write_id) REFERENCES att_conf_write (att_conf_write_id), UNIQUE (att_name))"""
    yield "COMMENT ON TABLE att_conf IS 'Attribute Configuration Table'"
    yield """
        CREATE TABLE att_history_event (
            att_history_event_id serial NOT NULL, event text NOT NULL, PRIMARY KEY (att_history_event_id))"""
    yield "COMMENT ON TABLE att_history_event IS 'Attribute history events description'"
    yield "CREATE INDEX att_history_att_history_event_id_idx ON att_history_event (att_history_event_id)"
    yield """
        CREATE TABLE att_history (
            att_conf_id integer NOT NULL, att_history_event_id integer NOT NULL, event_time timestamp WITH TIME ZONE,
            details json, PRIMARY KEY (att_conf_id, event_time),
            FOREIGN KEY (att_conf_id) REFERENCES att_conf (att_conf_id),
            FOREIGN KEY (att_history_event_id) REFERENCES att_history_event (att_history_event_id))"""
    yield "COMMENT ON TABLE att_history IS 'Attribute Configuration Events History Table'"
    described = " ".join(f"{name} text NOT NULL DEFAULT ''," for name in PARAMETERS)
    yield f"""
        CREATE TABLE att_parameter (
            att_conf_id integer NOT NULL, recv_time timestamp WITH TIME ZONE NOT NULL, {described} details json,
            FOREIGN KEY (att_conf_id) REFERENCES att_conf (att_conf_id))"""
    yield "COMMENT ON TABLE att_parameter IS 'Attribute configuration parameters'"
    for column in ("recv_time", "att_conf_id"):
        yield f"CREATE INDEX att_parameter_{column}_idx ON att_parameter ({column})"
    if timescale:
        yield _hypertable("att_parameter", "recv_time")
    yield """
        CREATE TABLE att_error_desc (
            att_error_desc_id serial NOT NULL, error_desc text NOT NULL, PRIMARY KEY (att_error_desc_id),
            UNIQUE (error_desc))"""
    yield "COMMENT ON TABLE att_error_desc IS 'Error Description Table'"
    data = [(type_.tango.lower(), type_.sql, type_.title) for type_ in TYPES]
    for name, sql, title in [*data[:-1], ("devencoded", ENCODED[0], ENCODED[3]), data[-1]]:
        yield from _data_table(f"att_scalar_{name}", sql, f"Scalar {title}", "", timescale)
        yield from _data_table(f"att_array_{name}", sql, f"Array {title}", "[]", timescale)


def _names(what: str, comment: str, names: list[tuple[str, int]]) -> Iterator[str]:
    table = f"att_conf_{what}"
    yield f"""
        CREATE TABLE {table} (
            {table}_id serial NOT NULL, {what} text NOT NULL UNIQUE, {what}_num smallint NOT NULL UNIQUE,
            PRIMARY KEY ({table}_id))"""
    yield f"COMMENT ON TABLE {table} IS '{comment}'"
    yield f"INSERT INTO {table} ({what}, {what}_num) VALUES {', '.join(map(str, names))}"


def _data_table(table: str, sql: str, title: str, many: str, timescale: bool) -> Iterator[str]:
    label = f"text{many}" if table.endswith("enum") else ""
    values = ", ".join(
        f"{column}_label {label}, {column} {sql}{many}" if label else f"{column} {sql}{many}"
        for column in ("value_r", "value_w")
    )
    yield f"""
        CREATE TABLE {table} (
            att_conf_id integer NOT NULL, data_time timestamp WITH TIME ZONE NOT NULL, {values}, quality smallint,
            att_error_desc_id integer, details json, PRIMARY KEY (att_conf_id, data_time),
            FOREIGN KEY (att_conf_id) REFERENCES att_conf (att_conf_id),
            FOREIGN KEY (att_error_desc_id) REFERENCES att_error_desc (att_error_desc_id))"""
    yield f"COMMENT ON TABLE {table} IS '{title} Values Table'"
    yield f"CREATE INDEX {table}_att_conf_id_idx ON {table} (att_conf_id)"
    yield f"CREATE INDEX {table}_att_conf_id_data_time_idx ON {table} (att_conf_id, data_time DESC)"
    if timescale:
        yield _hypertable(table, "data_time")


def _hypertable(table: str, column: str) -> str:
    return (
        f"SELECT create_hypertable('{table}', '{column}', chunk_time_interval => interval "
        f"'{CHUNK_DAYS.get(table, 28)} day', create_default_indexes => FALSE)"
    )
