import csv

import duckdb
import h5py
import numpy as np
import pytest

from ronda.framework.archive.questions import Archive
from ronda.framework.archive.record import Event
from ronda.framework.archive.store import Store
from ronda.framework.errors import BadValue

NOW = 1_795_046_400.0
NAMES = ["a/b/c/x", "a/b/c/state", "a/b/c/spectrum"]


@pytest.fixture
def archive(tmp_path):
    events = [
        Event("a/b/c/x", NOW, NOW + 0.5, 1.5, "DevDouble", write_value=2.0, who="me"),
        Event("a/b/c/x", NOW + 1, NOW + 1, 2.5, "DevDouble", "ALARM"),
        Event("a/b/c/state", NOW + 2, NOW + 2, "ON", "DevState"),
        Event("a/b/c/spectrum", NOW + 3, NOW + 3, np.array([1, 2, 3]), "DevLong"),
        Event("a/b/c/other", NOW + 3, NOW + 3, 3.0, "DevDouble"),
    ]
    with Store(tmp_path / "archive") as store:
        store.append(events)
    with Archive(tmp_path / "archive") as archive:
        yield archive


def test_an_export_to_csv_has_a_line_for_each_event(archive, tmp_path):
    assert archive.export(NAMES, tmp_path / "out.csv", NOW, NOW + 10) == 4
    with (tmp_path / "out.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert lines[0] == {
        "time": "2026-11-19T00:00:00.000000Z",
        "received": "2026-11-19T00:00:00.500000Z",
        "attribute": "a/b/c/x",
        "kind": "value",
        "type": "DevDouble",
        "quality": "VALID",
        "value": "1.5",
        "setpoint": "2.0",
        "who": "me",
        "note": "",
    }
    assert [line["value"] for line in lines] == ["1.5", "2.5", "ON", "[1,2,3]"]


def test_an_export_to_parquet_has_the_columns_of_the_archive(archive, tmp_path):
    assert archive.export(NAMES, tmp_path / "out.parquet", NOW + 1, NOW + 10) == 3
    rows = duckdb.execute(
        "SELECT attribute, real, text, integers FROM read_parquet(?)", [str(tmp_path / "out.parquet")]
    ).fetchall()
    assert rows == [
        ("a/b/c/spectrum", None, None, [1, 2, 3]),
        ("a/b/c/state", None, "ON", None),
        ("a/b/c/x", 2.5, None, None),
    ]


def test_an_export_to_nexus_has_a_log_for_each_attribute(archive, tmp_path):
    assert archive.export(NAMES, tmp_path / "out.nxs", NOW - 5, NOW + 10) == 4
    with h5py.File(tmp_path / "out.nxs") as file:
        log = file["entry/archive/a__b__c__x"]
        assert log.attrs["NX_class"] == "NXlog"
        assert log["time"].attrs["start"] == "2026-11-18T23:59:55.000000+00:00"
        assert log["time"][()].tolist() == [5.0, 6.0]
        assert log["value"][()].tolist() == [1.5, 2.5]
        assert log["maximum_value"][()] == 2.5
        assert file["entry/archive/a__b__c__state/value"].asstr()[()].tolist() == ["ON"]
        assert file["entry/archive/a__b__c__spectrum/value"][()].tolist() == [[1.0, 2.0, 3.0]]


@pytest.mark.parametrize("name", ["out.xls", "nowhere/out.csv"])
def test_a_file_that_cannot_be_made_is_refused_and_leaves_nothing(archive, tmp_path, name):
    with pytest.raises(BadValue, match="out"):
        archive.export(NAMES, tmp_path / name, NOW, NOW + 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive"]
