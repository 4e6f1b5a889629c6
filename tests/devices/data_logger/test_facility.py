"""A data logger whose events go into PostgreSQL; both, and the servers that it follows, are killed under load."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import tango

from ronda.framework.archive.questions import Archive
from ronda.framework.archive.reading import EVENT, LATER, Reader, event
from ronda.framework.archive.record import Event
from tests.devices.conftest import wait_until
from tests.devices.data_logger.test_data_logger import FAST, had, require_stored_or_marked
from tests.postgresql import VARIABLE, Postgresql


@pytest.fixture
def facility_log(rig: Any, tmp_path: Path, postgresql: Postgresql):
    """`facility_log(**keys)` starts a logger of a database; returns a client of it, its folder and the database."""
    used = []

    def start(**keys: Any) -> tuple[Any, Path, str]:
        folder, url = tmp_path / "archive", postgresql.new_database()
        store = {"database": url, "password": f"${{{VARIABLE}}}"}
        rig.register("log", {"logger": {"kind": "data_logger", "folder": str(folder), "store": store, **keys}})
        rig.start("log")
        used.append(1)
        return rig.proxy("logger"), folder, url

    yield start
    for _ in used[:1]:
        rig.servers["log"].end()


def stored(folder: Path) -> list[Event]:
    """All events of the database, and those that wait for it."""
    reader = Reader(folder)
    rows = reader.question(lambda view: view.fetch(f"SELECT {EVENT} FROM events ORDER BY {LATER}"))
    reader.close()
    return [event(row) for row in rows]


def highest(postgresql: Postgresql, url: str) -> int:
    """The highest serial number that plain SQL finds."""
    with postgresql.connect(url) as connection:
        (there,) = connection.execute("SELECT to_regclass('att_scalar_devlong64') IS NOT NULL").fetchone()
        query = "SELECT coalesce(max(value_r), 0) FROM att_scalar_devlong64 JOIN att_conf USING (att_conf_id)"
        return int(connection.execute(f"{query} WHERE name LIKE 'serial%'").fetchone()[0]) if there else 0


def test_what_is_killed_under_load_loses_nothing_that_is_not_marked(facility_log, rig, new_pusher, postgresql):
    pusher = new_pusher(rig, "facility")
    rules = [{"device": pusher.name, "attributes": ["serial*"], "max_rate": FAST}]
    proxy, folder, url = facility_log(rules=rules, test_period=1)
    had(proxy, 10)
    pusher.proxy.Run(200.0)

    def more(what: str) -> None:
        count = len(pusher.pushed())
        wait_until(lambda: highest(postgresql, url) > count + 20, what)

    more("serial numbers are in the database")
    postgresql.kill()
    wait_until(
        lambda: "does not answer" in proxy.Status() and "events wait on the disk" in proxy.Status(), "it is told"
    )
    assert proxy.State() == tango.DevState.ALARM
    pusher.kill()
    pusher.again()
    pusher.proxy.Run(200.0)
    postgresql.start()
    more("what waited, and what came then, is in the database")
    wait_until(lambda: proxy.State() == tango.DevState.ON, "all is well again")
    postgresql.kill()
    wait_until(lambda: "does not answer" in proxy.Status(), "it is told again")
    rig.servers["log"].end(signal.SIGKILL)
    rig.start("log")
    postgresql.start()
    more("the logger goes on after its own death")
    wait_until(lambda: proxy.SelfTest.startswith("ok, after"), "a test value comes back out of the database")
    require_stored_or_marked(folder, pusher, stored)
    with postgresql.connect(url) as connection:
        query = "SELECT value_r FROM att_scalar_devlong64 JOIN att_conf USING (att_conf_id) WHERE name LIKE 'serial%'"
        found = sorted(value for (value,) in connection.execute(query) if value)
    assert len(found) == len(set(found)), "none is there twice"
    with Archive(folder) as archive:
        assert archive.history(f"{pusher.name}/serial0", "1 h").readings > 10


def test_hdbpp_is_told_what_its_device_says_of_an_attribute(facility_log, rig, new_pusher, postgresql):
    pusher = new_pusher(rig, "described")
    proxy, _, url = facility_log(rules=[{"device": pusher.name, "attributes": ["Mode", "Plain"], "period": 0.1}])
    had(proxy, 2)

    def found() -> Any:
        query = (
            "SELECT att_name, table_name, label, format, value_r, value_r_label FROM att_conf "
            "JOIN att_parameter USING (att_conf_id) JOIN att_scalar_devenum USING (att_conf_id)"
        )
        with postgresql.connect(url) as connection:
            (there,) = connection.execute("SELECT to_regclass('att_parameter') IS NOT NULL").fetchone()
            return connection.execute(query).fetchone() if there else None

    row = wait_until(found, "it is stored")
    name = f"tango://{rig.tango_host}/{pusher.name}/mode"
    assert row == (name, "att_scalar_devenum", "Mode", "%s", 1, "SLOW")
