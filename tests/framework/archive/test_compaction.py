import datetime as dt
import math

import duckdb
import numpy as np
import pytest

from ronda.framework.archive import compaction, parquet
from ronda.framework.archive.questions import Archive
from ronda.framework.archive.record import Event
from ronda.framework.archive.retention import Keep
from ronda.framework.archive.store import Store
from ronda.framework.errors import BadValue

DAY = 86400.0
BEGIN = 1_795_046_400.0
"""Midnight, UTC."""


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "archive") as store:
        yield store


def readings(count, start=BEGIN, step=1.0, name="a/b/c/x"):
    return [Event(name, start + n * step, start + n * step, float(n), "DevDouble") for n in range(count)]


def files(store, level="events"):
    return sorted(path.relative_to(store.folder / level).as_posix() for path in (store.folder / level).glob("*/*"))


def test_events_stand_in_files_of_their_days_sorted_by_attribute_and_time(store):
    events = [
        Event(f"a/b/c/{name}", BEGIN + second, BEGIN + second + 0.001, float(second), "DevDouble")
        for second in (5, -5, 3, -3)
        for name in "yx"
    ]
    store.append(events)
    assert store.compact(now=BEGIN).rows == 8
    assert [name.split("/")[0] for name in files(store)] == ["2026-11-18", "2026-11-19"]
    for day in ("2026-11-18", "2026-11-19"):
        rows = duckdb.execute(
            "SELECT attribute, epoch_us(time) / 1e6, delay, real FROM read_parquet(?)",
            [str(store.folder / "events" / day / "*.parquet")],
        ).fetchall()
        assert rows == sorted(rows)
        assert {delay for _, _, delay, _ in rows} == {1000}
        assert {dt.datetime.fromtimestamp(time, dt.UTC).date().isoformat() for _, time, _, _ in rows} == {day}


def test_only_events_received_until_a_time_are_compacted(store):
    store.append(readings(100))
    assert store.compact(BEGIN + 30.5, now=BEGIN).rows == 31
    assert store.buffered == 69
    assert store.compact(BEGIN + 30.5, now=BEGIN).rows == 0


def test_files_of_a_day_are_merged_when_there_are_many_and_when_it_is_over(store):
    for part in range(compaction.MERGED):
        store.append(readings(10, BEGIN + 100 * part))
        store.compact(now=BEGIN + 10)
    assert files(store) == ["2026-11-19/000000000000001-000000000000080-2.parquet"]
    for part in range(2):
        store.append(readings(10, BEGIN + 2000 + 100 * part))
        store.compact(now=BEGIN + 10)
    assert len(files(store)) == 3
    store.compact(now=BEGIN + 2 * DAY)
    assert files(store) == [
        "2026-11-19/000000000000001-000000000000080-2.parquet",
        "2026-11-19/000000000000081-000000000000100-2.parquet",
    ]
    with Archive(store.folder) as archive:
        assert archive.history("a/b/c/x", BEGIN, BEGIN + DAY).readings == 100


def test_a_day_that_is_over_is_rolled_up_by_minutes_and_hours(store):
    wild = Event("a/b/c/x", BEGIN + 60.5, BEGIN + 60.5, math.nan, "DevDouble")
    words = Event("a/b/c/state", BEGIN + 60.5, BEGIN + 60.5, "ON", "DevState")
    truth = [Event("a/b/c/open", BEGIN + n, BEGIN + n, n == 0, "DevBoolean") for n in range(4)]
    store.append([*readings(7200), wild, words, *truth])
    assert store.compact(now=BEGIN + DAY).rolled == 0  # its events may still be on their way
    assert store.compact(now=BEGIN + DAY + 3601).rolled == 2
    minutes, hours = (
        duckdb.execute(
            "SELECT attribute, epoch_us(time) / 1e6, low, high, mean, count FROM read_parquet(?)",
            [str(store.folder / level / "*/*.parquet")],
        ).fetchall()
        for level in ("minute", "hour")
    )
    assert minutes[0] == ("a/b/c/open", BEGIN, 0.0, 1.0, 0.25, 4)
    assert len(minutes) == 121
    assert minutes[2] == ("a/b/c/x", BEGIN + 60, 60.0, 119.0, 89.5, 60)
    assert hours[1:] == [
        ("a/b/c/x", BEGIN, 0.0, 3599.0, 1799.5, 3600),
        ("a/b/c/x", BEGIN + 3600, 3600.0, 7199.0, 5399.5, 3600),
    ]


def test_readings_that_are_too_old_live_on_as_roll_ups_first_of_minutes_then_of_hours(tmp_path):
    rule = Keep("a/b/c*", readings=2, minutes=5, hours=30)
    with Store(tmp_path, [rule]) as store:
        store.append([*readings(7200), *readings(10, name="a/b/other/x")])
        store.append([Event("a/b/c", BEGIN + 1, BEGIN + 1, kind="vanish")])
        ask = "a/b/c/x", BEGIN, BEGIN + DAY
        for days, points, rolled in ((1.5, 7200, 0), (4, 120, 120), (7, 2, 2), (40, 0, 0)):
            store.compact(now=BEGIN + days * DAY)
            with Archive(tmp_path) as archive:
                found = archive.history(*ask)
                assert (len(found.time), found.rolled) == (points, rolled)
                if days == 4:
                    assert found.value[:2].tolist() == [29.5, 89.5]
                    coarse = archive.history(*ask, points=10)
                    assert (coarse.value.min(), coarse.value.max()) == (0.0, 7199.0)
                assert [event.kind for event in found.breaks] == ["vanish"] * (days < 30)
                assert archive.history("a/b/other/x", BEGIN, BEGIN + DAY).readings == 10
        assert store.check() == []


def test_a_late_event_of_a_day_whose_readings_are_gone_does_not_replace_its_roll_up(tmp_path):
    with Store(tmp_path, [Keep(readings=2)]) as store:
        store.append(readings(7200))
        store.compact(now=BEGIN + 4 * DAY)
        store.append(readings(1, BEGIN + 10))
        store.compact(now=BEGIN + 4 * DAY)
    with Archive(tmp_path) as archive:
        assert archive.history("a/b/c/x", BEGIN, BEGIN + DAY).rolled == 120


def test_what_came_late_for_such_a_day_is_rolled_up_with_what_there_was_before_it_goes_too(tmp_path):
    with Store(tmp_path, [Keep(readings=2)]) as store:
        store.append(readings(120))
        store.compact(now=BEGIN + 4 * DAY)  # rolled up, then the readings go
        store.append([Event("a/b/c/x", BEGIN + 30.5, BEGIN + 4 * DAY, 1000.0)])
        store.compact(now=BEGIN + 4 * DAY + 1)
        (rolled,) = tmp_path.glob("minute/*/*.parquet")
        rows = duckdb.sql(f"SELECT low, high, mean, count FROM '{rolled}' ORDER BY time").fetchall()
        assert rows[0] == (0.0, 1000.0, pytest.approx((sum(range(60)) + 1000) / 61), 61)
        assert rows[1] == (60.0, 119.0, pytest.approx(89.5), 60)
        assert files(store) == []


def test_long_spectra_are_compacted_a_few_at_a_time(store, monkeypatch):
    monkeypatch.setattr(compaction, "STEP_BYTES", 3 * 8000)
    loaded = []
    load = parquet.load
    monkeypatch.setattr(parquet, "load", lambda connection, rows: (loaded.append(len(rows)), load(connection, rows))[1])
    store.append([Event("a/b/c/s", BEGIN + n, BEGIN + n, np.full(1000, float(n))) for n in range(10)])
    store.compact(now=BEGIN)
    assert sum(loaded) == 10
    assert max(loaded) <= 3


@pytest.mark.parametrize("days", [{"readings": 0}, {"minutes": math.nan}, {"readings": 5, "minutes": 5, "hours": 4}])
def test_a_retention_that_makes_no_sense_is_refused(days):
    with pytest.raises(BadValue, match="retention of"):
        Keep("x", **days)


def test_appending_goes_on_while_another_thread_compacts(store, monkeypatch):
    """The appending thread is told when the files are being written, and stores events there and then."""
    from ronda.framework.archive import parquet

    write, seen = parquet.write, []

    def watched(*args):
        store.append(readings(3, BEGIN + 500))
        seen.append(store.buffered)
        return write(*args)

    monkeypatch.setattr(parquet, "write", watched)
    store.append(readings(10))
    store.compact(BEGIN + 100, now=BEGIN)
    assert seen == [13]
    assert store.buffered == 3
