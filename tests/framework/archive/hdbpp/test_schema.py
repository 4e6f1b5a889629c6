"""The tables of HDB++ that are made in an empty database, and those that are left as they are."""

from ronda.framework.archive.hdbpp import schema
from ronda.framework.archive.record import Event

NOW = 1_795_000_000.0

DOUBLE = [
    ("att_conf_id", "integer", "NO"),
    ("data_time", "timestamp with time zone", "NO"),
    ("value_r", "double precision", "YES"),
    ("value_w", "double precision", "YES"),
    ("quality", "smallint", "YES"),
    ("att_error_desc_id", "integer", "YES"),
    ("details", "json", "YES"),
]

TABLES = {
    *("att_conf", "att_conf_type", "att_conf_format", "att_conf_write", "att_history", "att_history_event"),
    *("att_parameter", "att_error_desc"),
    *(
        f"att_{form}_dev{name}"
        for form in ("scalar", "array")
        for name in (
            *("boolean", "uchar", "short", "ushort", "long", "ulong", "long64", "ulong64", "float", "double"),
            *("string", "state", "encoded", "enum"),
        )
    ),
}


def columns(facility, table):
    return facility.sql(
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_name = %s "
        "AND table_schema = 'public' ORDER BY ordinal_position",
        table,
    )


def test_the_tables_are_those_of_hdbpp(facility):
    facility.store().compact()
    tables = {name for (name,) in facility.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert tables == TABLES
    assert columns(facility, "att_scalar_devdouble") == DOUBLE
    assert [name for name, *_ in columns(facility, "att_array_devenum")] == [
        *("att_conf_id", "data_time", "value_r_label", "value_r", "value_w_label", "value_w", "quality"),
        *("att_error_desc_id", "details"),
    ]
    assert [name for name, *_ in columns(facility, "att_conf")] == [
        *("att_conf_id", "att_name", "att_conf_type_id", "att_conf_format_id", "att_conf_write_id", "table_name"),
        *("cs_name", "domain", "family", "member", "name", "ttl", "hide"),
    ]
    domains = facility.sql("SELECT domain_name FROM information_schema.domains WHERE domain_schema = 'public'")
    assert {name for (name,) in domains} == {"uchar", "ushort", "ulong", "ulong64"}
    numbers = dict(facility.sql("SELECT type, type_num FROM att_conf_type"))
    assert (len(numbers), numbers["DEV_DOUBLE"], numbers["DEV_STATE"], numbers["DEV_ENUM"]) == (14, 5, 19, 30)


def test_an_attribute_is_told_as_hdbpp_names_it(facility):
    store = facility.store()
    store.append([Event("demo/motor/mx/position", NOW, NOW, 1.0, "DevDouble", write_value=2.0)])
    store.compact()
    assert facility.sql(
        "SELECT att_name, cs_name, domain, family, member, c.name, table_name, type, format, write, event "
        "FROM att_conf c JOIN att_conf_type USING (att_conf_type_id) JOIN att_conf_format USING (att_conf_format_id) "
        "JOIN att_conf_write USING (att_conf_write_id) JOIN att_history USING (att_conf_id) "
        "JOIN att_history_event USING (att_history_event_id)"
    ) == [
        (
            *("tango://host:10000/demo/motor/mx/position", "host:10000", "demo", "motor", "mx", "position"),
            *("att_scalar_devdouble", "DEV_DOUBLE", "SCALAR", "READ_WRITE", "add"),
        )
    ]


def test_tables_that_are_there_are_used_and_their_rows_are_found(facility):
    with facility.server.connect(facility.place.database) as connection:
        for statement in schema.hdbpp(timescale=False):
            connection.execute(statement)
        connection.execute(
            "INSERT INTO att_conf (att_name, att_conf_type_id, att_conf_format_id, att_conf_write_id, table_name) "
            "SELECT 'tango://host:10000/a/b/c/x', att_conf_type_id, 1, 1, 'att_scalar_devdouble' "
            "FROM att_conf_type WHERE type = 'DEV_DOUBLE'"
        )
        connection.execute("INSERT INTO att_error_desc (error_desc) VALUES ('it was hot')")
        connection.execute(
            "INSERT INTO att_scalar_devdouble VALUES (1, to_timestamp(%s), 1.5, NULL, 0, NULL, NULL), "
            "(1, to_timestamp(%s), NULL, NULL, 1, 1, NULL)",
            (NOW - 10, NOW - 5),
        )
    store = facility.store()
    store.append([Event("a/b/c/x", NOW - 10, NOW, 7.0, "DevDouble"), Event("a/b/c/x", NOW, NOW, 2.5, "DevDouble")])
    store.compact()
    found = [(one.time, one.kind, one.value, one.text) for one in facility.events()]
    assert found == [
        (NOW - 10, "value", 1.5, ""),
        (NOW - 10, "value", 7.0, ""),  # which has no place beside the other in HDB++
        (NOW - 5, "error", None, "it was hot"),
        (NOW, "value", 2.5, ""),
    ]
    assert facility.sql("SELECT count(*) FROM att_conf") == [(1,)]


def test_each_table_of_values_becomes_a_hypertable_where_there_are_some(facility):
    """As the statements would be with TimescaleDB, which Debian does not have: its function notes what it is told."""
    with facility.server.connect(facility.place.database) as connection:
        connection.execute("CREATE TABLE made (name text, time text, chunk interval, indexes boolean)")
        connection.execute(
            "CREATE FUNCTION create_hypertable(text, text, chunk_time_interval interval, create_default_indexes boolean) "
            "RETURNS void LANGUAGE sql AS 'INSERT INTO made VALUES ($1, $2, $3, $4)'"
        )
        for statement in schema.hdbpp(timescale=True):
            connection.execute(statement)
    made = {name: (time, chunk.days, indexes) for name, time, chunk, indexes in facility.sql("SELECT * FROM made")}
    assert len(made) == 29
    assert made["att_parameter"] == ("recv_time", 28, False)
    assert made["att_scalar_devdouble"] == ("data_time", 14, False)
    assert made["att_array_devstring"] == ("data_time", 28, False)
