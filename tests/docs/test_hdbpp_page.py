"""What the page on HDB++ says works on an archive in PostgreSQL."""

from __future__ import annotations

import datetime as dt
import re
import time
from pathlib import Path
from typing import Any

import pytest

from ronda.framework.archive.hdbpp.place import Place
from ronda.framework.archive.hdbpp.store import FacilityStore
from ronda.framework.archive.record import Event
from ronda.framework.config.load import check
from tests.postgresql import PASSWORD, USER, VARIABLE, Postgresql

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "archive-into-hdbpp.md").read_text(encoding="utf-8")


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def database(postgresql: Postgresql, tmp_path_factory: Any) -> str:
    """The URL of a database in which an oven's temperature and a motor's state stand."""
    url, now = postgresql.new_database(), time.time()
    place = Place(url, "demo/data_logger/logger", "localhost:10000", f"${{{VARIABLE}}}")
    events = [Event("demo/oven/oven/temperature", now - 900 + n, now, 20 + n / 100, "DevDouble") for n in range(900)]
    events += [Event("demo/motor/mx/state", now - 600, now, "MOVING", "DevState")]
    with FacilityStore(tmp_path_factory.mktemp("buffer"), place) as store:
        store.append(events)
        store.compact()
    return url


def test_its_yaml_is_right(tmp_path: Path) -> None:
    (yaml,) = snippets("yaml")
    (tmp_path / "a.yml").write_text(f"version: 1\nbeamline: {{name: demo}}\n{yaml}")
    assert check(tmp_path, {"HDB_PASSWORD": "word"}) == []


def test_its_queries_for_grafana_answer(database: str, postgresql: Postgresql) -> None:
    _, curve, states = snippets("sql")
    with postgresql.connect(database) as connection:
        rows = connection.execute(_as_grafana_asks(curve)).fetchall()
        assert 15 <= len(rows) <= 17
        assert all(low <= mean <= high for _, low, mean, high in rows)
        assert (rows[0][1], rows[-1][3]) == (20 + 0 / 100, 20 + 899 / 100)
        assert [state for _, state in connection.execute(_as_grafana_asks(states))] == [6]


def _as_grafana_asks(query: str) -> str:
    """With what Grafana puts in place of its macros."""
    query = query.replace("$__timeGroup(data_time, $__interval)", "floor(extract(epoch from data_time)/60)*60")
    span = "data_time BETWEEN now() - interval '1 hour' AND now() + interval '1 hour'"
    return query.replace("$__timeFilter(data_time)", span)


def test_its_python_reads_what_was_stored(database: str, postgresql: Postgresql) -> None:
    pytest.importorskip("pyhdbpp")
    pytest.importorskip("psycopg2")
    (code,) = snippets("python")
    now = dt.datetime.now(dt.UTC)
    names: dict[str, Any] = {
        "host": str(postgresql.folder),
        "port": 5432,
        "user": USER,
        "password": PASSWORD,
        "database": database.partition("?")[0].rpartition("/")[2],
        "start": now - dt.timedelta(hours=1),
        "stop": now,
    }
    exec(code, names)
    names["reader"].connection_pool.closeall()
    assert names["name"] == "tango://localhost:10000/demo/oven/oven/temperature"
    assert sorted(row[1] for row in names["values"]) == [20 + n / 100 for n in range(900)]
