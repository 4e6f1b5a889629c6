"""The buffer before the database: what waits, what is told, and that each event is stored once whoever is killed."""

import json
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from ronda.framework.archive import buffer
from ronda.framework.archive.hdbpp import sending
from ronda.framework.archive.hdbpp.place import Place
from ronda.framework.archive.hdbpp.store import FacilityStore, open_store
from ronda.framework.archive.questions import Archive
from ronda.framework.archive.record import Event
from ronda.framework.archive.store import Store
from ronda.framework.errors import NotAllowed, ServiceFailed
from tests.postgresql import PASSWORD, VARIABLE

NOW = 1_795_000_000.0


def serials(first, last):
    return [Event("a/b/c/serial", NOW + n * 0.001, NOW + n * 0.001, n, "DevLong64") for n in range(first, last)]


def stored(facility):
    rows = facility.sql("SELECT value_r FROM att_scalar_devlong64 ORDER BY data_time")
    return [value for (value,) in rows]


def test_what_is_stored_while_the_database_is_away_waits_and_goes_in_when_it_is_back(facility):
    store = facility.store()
    store.append(serials(0, 10))
    store.compact()
    facility.server.kill()
    store.append(serials(10, 20))
    with pytest.raises(ServiceFailed, match=r"the database hdb\d+ on /.* does not answer \(.*\)"):
        store.compact()
    assert (store.buffered, store.last_time) == (10, NOW + 0.019)
    assert store.behind > 0
    assert store.waiting() == "10 events wait on the disk, of which they may take 10 GB"
    with (
        Archive(facility.folder) as archive,
        pytest.raises(ServiceFailed, match=r"the database hdb\d+ on /.* does not answer"),
    ):
        archive.history("a/b/c/serial", NOW, NOW + 1)
    facility.server.start()
    assert store.compact().rows == 10
    assert (store.buffered, store.behind) == (0, 0.0)
    assert stored(facility) == list(range(20))


def test_a_database_that_hangs_is_given_up(facility, monkeypatch):
    store = facility.store()
    store.append(serials(0, 10))
    store.compact()
    store.append(serials(10, 20))
    monkeypatch.setattr(sending, "ANSWER_LIMIT", 0.2)
    facility.server.halt()
    try:
        with pytest.raises(ServiceFailed, match="does not answer"):
            store.compact()
    finally:
        facility.server.go()
    monkeypatch.undo()
    assert store.compact().rows == 10
    assert stored(facility) == list(range(20))


def test_a_commit_that_comes_after_its_connection_was_cut_is_not_done_again(facility):
    """The database was told to commit, and hung; what it is asked next waits until it did."""
    store = facility.store()
    store.append(serials(0, 10))
    store.compact()
    store.append(serials(10, 20))
    rows = store._buffer.connection.execute(f"{buffer.ROWS} ORDER BY e.serial").fetchall()
    former = store._sender
    store._sender = None
    with former.connection.transaction():
        former.send(rows, rows[-1][0])  # not committed before this block ends
        again = threading.Thread(target=store.compact)
        again.start()
        query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        deadline = time.monotonic() + 60
        while facility.sql(query) == [(0,)]:
            assert time.monotonic() < deadline
    again.join(150)
    former.connection.close()
    assert stored(facility) == list(range(20))
    assert (store.buffered, len(facility.events())) == (0, 20)


def test_one_that_comes_while_the_next_connection_is_made_is_not_done_again(facility, monkeypatch):
    """It stores between the question what is there and the first rows."""
    store = facility.store()
    store.append(serials(0, 10))
    rows = store._buffer.connection.execute(f"{buffer.ROWS} ORDER BY e.serial").fetchall()
    position, overtaken = sending.Sender.position, []

    def ask(sender):
        answer = position(sender)
        if not overtaken:
            overtaken.append(former := sending.Sender(facility.place, store._identity))
            position(former)
            former.send(rows, rows[-1][0])
            former.connection.close()
        return answer

    monkeypatch.setattr(sending.Sender, "position", ask)
    store.compact()
    assert stored(facility) == list(range(10))
    assert store.buffered == 0


def test_a_database_that_was_never_there_is_waited_for(facility):
    place = Place("postgresql://ronda@/nothing?host=/nowhere", "log", "host:10000")
    with FacilityStore(facility.folder, place) as store:
        store.append(serials(0, 5))
        with pytest.raises(ServiceFailed, match="the database nothing on /nowhere does not answer"):
            store.compact()
    store = facility.store()  # the YAML is right now
    assert store.compact().rows == 5
    assert stored(facility) == list(range(5))


def test_a_wrong_password_is_told_and_no_password_is(facility, monkeypatch):
    monkeypatch.setenv(VARIABLE, "swordfish")
    store = facility.store()
    store.append(serials(0, 5))
    with pytest.raises(ServiceFailed, match="password authentication failed") as told:
        store.compact()
    assert "swordfish" not in str(told.value)
    monkeypatch.setenv(VARIABLE, PASSWORD)
    assert store.compact().rows == 5
    files = [path.read_bytes() for path in facility.folder.rglob("*") if path.is_file()]
    assert not [one for one in files if PASSWORD.encode() in one]
    assert json.loads((facility.folder / "database.json").read_text())["password"] == f"${{{VARIABLE}}}"


def fill(store):
    for first in range(0, 100_000, 1000):
        store.append(serials(first, first + 1000))


def test_the_buffer_takes_no_more_of_the_disk_than_it_may(facility):
    store = facility.store(space=200_000)
    full = r"the buffer in .* is full: \d+ events take 0.0002 GB and wait for the database"
    with pytest.raises(ServiceFailed, match=full):
        fill(store)
    waiting = store.buffered
    assert 1000 < waiting < 20_000
    assert store.compact().rows == waiting
    store.append(serials(waiting, waiting + 1000))  # there is place again
    store.compact()
    assert stored(facility) == list(range(waiting + 1000))


def test_what_is_in_the_database_stays_in_the_buffer_as_long_as_it_is_told(facility):
    store, now = facility.store(), time.time()
    store.append([Event("a/b/c/x", now - age, now - age, float(age), "DevDouble") for age in (300, 100, 50, 10)])
    store.compact(older_than=now - 60)
    assert [row[0] for row in store._buffer.connection.execute("SELECT serial FROM events")] == [3, 4]
    assert [one.value for one in facility.events()] == [300, 100, 50, 10]
    store.compact()
    assert store._buffer.connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
    assert store.last_time == pytest.approx(now - 10)
    store.append([Event("a/b/c/x", now, now, 0.0, "DevDouble")])
    store.compact()
    assert [one.value for one in facility.events()] == [300, 100, 50, 10, 0]


def test_a_database_that_was_made_anew_has_a_mark_that_something_is_missing(facility):
    store = facility.store()
    store.append(serials(0, 5))
    store.compact()
    facility.close(store)
    facility.place = Place(facility.server.new_database(), *list(vars(facility.place).values())[1:])
    store = facility.store()
    store.append(serials(10, 15))
    store.compact()
    events = facility.events()
    assert [one.value for one in events if one.kind == "value"] == list(range(10, 15))
    assert [(one.attribute, one.kind) for one in events if one.kind != "value"] == [("*", "gap")]
    assert "not in the database any more" in next(one.text for one in events if one.kind == "gap")


def test_a_store_of_files_goes_on_in_a_database_and_all_of_it_is_found(facility):
    with Store(facility.folder) as store:
        store.append(serials(0, 5))
        store.compact()
        store.append(serials(5, 10))
    store = facility.store()
    assert store.compact().rows == 5
    assert stored(facility) == list(range(5, 10))
    with Archive(facility.folder) as archive:
        assert archive.history("a/b/c/serial", NOW, NOW + 1).value.tolist() == list(range(10))


def test_a_buffer_that_was_lost_is_begun_anew_and_the_past_is_found(facility, tmp_path):
    store = facility.store()
    store.append(serials(0, 5))
    store.compact()
    facility.close(store)
    facility.folder = tmp_path / "another"
    store = facility.store()
    store.append(serials(5, 10))
    store.compact()
    with Archive(facility.folder) as archive:
        assert archive.history("a/b/c/serial", NOW, NOW + 1).value.tolist() == list(range(10))


def test_two_loggers_store_in_one_database_each_its_own(facility, tmp_path):
    place = Place(
        *list(vars(facility.place).values())[:1], "test/data_logger/other", *list(vars(facility.place).values())[2:]
    )
    one, other = facility.store(), FacilityStore(tmp_path / "other", place)
    facility.opened.append(other)
    for store, name in ((one, "a/b/c/x"), (other, "a/b/d/x")):
        store.append([Event("*", NOW, NOW, kind="start"), Event(name, NOW + 1, NOW, 1.0, "DevDouble")])
    for number in range(3):  # what another one stores of the same attribute is not stored twice
        both = Event("a/b/e/x", NOW + 2 + number, NOW, 2.0, "DevDouble")
        for store in (one, other):
            store.append([both])
            store.compact()
    assert facility.sql("SELECT count(*) FROM att_scalar_devdouble") == [(5,)]
    for folder, name in ((facility.folder, "a/b/c/x"), (tmp_path / "other", "a/b/d/x")):
        with Archive(folder) as archive:
            assert archive.search() == [name, "a/b/e/x"]
    with pytest.raises(NotAllowed, match="another process writes"):
        facility.store()
    facility.close(one)
    with open_store(facility.folder) as again:
        assert isinstance(again, FacilityStore)


def test_a_value_that_the_database_refuses_holds_up_no_other(facility):
    store = facility.store()
    store.append(serials(0, 5))
    store.compact()
    facility.sql_only("ALTER TABLE att_scalar_devlong64 ADD CHECK (value_r <> 7)")
    store.append(serials(5, 10))
    assert store.compact().rows == 5
    assert stored(facility) == list(range(5))
    assert [one.value for one in facility.events()] == list(range(10))
    store.append(serials(10, 12))
    store.compact()
    assert stored(facility) == [*range(5), 10, 11]


WRITER = """
import sys, threading, time
from pathlib import Path
from ronda.framework.archive.hdbpp.place import Place
from ronda.framework.archive.hdbpp.store import FacilityStore
from ronda.framework.archive.record import Event
from ronda.framework.errors import ServiceFailed

store, first = FacilityStore(Path(sys.argv[1]), Place(*sys.argv[3:])), int(sys.argv[2])

def send():
    while True:
        try:
            store.compact()
        except ServiceFailed:
            time.sleep(0.01)

threading.Thread(target=send, daemon=True).start()
while True:
    last = first + 50
    store.append([Event("a/b/c/serial", 1795000000.0 + n * 0.001, 1795000000.0 + n * 0.001, n, "DevLong64") for n in range(first, last)])
    print(last, flush=True)
    first = last
"""


def test_a_writer_and_its_database_killed_again_and_again_have_each_serial_number_once(facility):
    chance, first = random.Random(9), 0
    place = list(vars(facility.place).values())
    for _ in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, facility.folder, str(first), *place], stdout=subprocess.PIPE, text=True
        )
        said = [int(writer.stdout.readline()) for _ in range(chance.randint(20, 200))]
        if chance.random() < 0.5:
            facility.server.kill()
            said += [int(writer.stdout.readline()) for _ in range(chance.randint(1, 50))]
            facility.server.start()
            said += [int(writer.stdout.readline()) for _ in range(chance.randint(1, 200))]
        writer.send_signal(signal.SIGKILL)
        said += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
        assert writer.wait() == -signal.SIGKILL
        writer.stdout.close()
        with FacilityStore(facility.folder, facility.place) as store:
            store.compact()
        found = stored(facility)
        assert found == list(range(len(found)))
        assert len(found) in (said[-1], said[-1] + 50)  # killed after it was stored, before it was said
        first = len(found)
    assert [one.value for one in facility.events()] == list(range(first))
    assert facility.sql("SELECT count(*) FROM ronda.event") == [(0,)]
