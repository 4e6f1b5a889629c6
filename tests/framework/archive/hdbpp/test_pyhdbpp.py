"""The client library of HDB++ reads what was stored, as it is."""

import datetime as dt

import pytest

from ronda.framework.archive.record import Event
from tests.postgresql import PASSWORD, USER

pyhdbpp = pytest.importorskip("pyhdbpp", reason="pyhdbpp is not installed: pip install -e '.[test]'")

NOW = 1_795_000_000.0


@pytest.fixture
def client(facility):
    pytest.importorskip("psycopg2")
    found = pyhdbpp.reader(
        "pyhdbpp.timescaledb.TimescaleDbReader",
        {
            "host": str(facility.server.folder),
            "port": 5432,
            "user": USER,
            "password": PASSWORD,
            "connection_pool_max_conn": 4,  # with one, its own default, it waits for itself
            "database": facility.place.database.partition("?")[0].rpartition("/")[2],
        },
    )
    yield found
    found.connection_pool.closeall()


def when(time):
    return dt.datetime.fromtimestamp(time, dt.UTC)


def test_pyhdbpp_finds_the_valid_readings_of_an_archive(facility, client):
    events = [
        Event("a/b/c/temperature", NOW + n, NOW + n, 20 + n / 10, "DevDouble", write_value=25.0) for n in range(50)
    ]
    events[10] = Event("a/b/c/temperature", NOW + 10, NOW + 10, None, "DevDouble", "INVALID")
    events[20] = Event("a/b/c/temperature", NOW + 20, NOW + 20, 99.0, "DevDouble", "ALARM", 25.0)
    events += [
        Event("a/b/c/temperature", NOW + 50, NOW + 50, type="DevDouble", kind="error", text="its wire is broken"),
        Event("a/b/c", NOW + 51, NOW + 51, kind="vanish"),
        Event("a/b/d/mode", NOW, NOW, "SLOW", "DevEnum"),
        Event("a/b/d/state", NOW + 1, NOW, "MOVING", "DevState"),
    ]
    store = facility.store()
    store.append(events)
    store.compact()
    name = "tango://host:10000/a/b/c/temperature"
    assert sorted(client.get_attributes()) == sorted(
        [name, "tango://host:10000/a/b/d/mode", "tango://host:10000/a/b/d/state"]
    )
    found = client.get_attributes_values([name], when(NOW), when(NOW + 100), sort="ASC")[name]
    valid = [one for one in facility.events() if one.attribute.endswith("e") and one.kind == "value"]
    valid = [one for one in valid if one.type == "DevDouble" and one.quality == "VALID"]
    assert [(time.timestamp(), value, setpoint) for time, value, setpoint, *_ in found] == [
        (one.time, one.value, one.write_value) for one in valid
    ]
    assert len(found) == 48
    ((time, value, _, quality, error),) = client.get_last_attributes_values([name], time_ref=when(NOW + 100))[name]
    assert (time.timestamp(), value, quality) == (NOW + 50, None, 1)
    assert facility.sql("SELECT error_desc FROM att_error_desc WHERE att_error_desc_id = %s", error) == [
        ("its wire is broken",)
    ]
    assert client.is_attribute_archived(name)
    last = client.get_last_attributes_values(["tango://host:10000/a/b/d/state"], time_ref=when(NOW + 100))
    assert [row[1] for row in last["tango://host:10000/a/b/d/state"]] == [6]  # Tango's number of MOVING
