"""The bounded way to the disk."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from ronda.devices.data_logger.storing import Storing
from ronda.framework.archive.record import Event
from ronda.framework.archive.store import Store
from ronda.framework.errors import BadValue, ServiceFailed
from tests.devices.conftest import wait_until

NOW = 1_800_000_000.0


class Log:
    def __init__(self) -> None:
        self.said: list[str] = []

    def warning(self, sentence: str) -> None:
        self.said.append(sentence)

    exception = warning


class Disk:
    """A store that a test lets wait or fail."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.batches: list[int] = []
        self.takes = threading.Event()
        self.takes.set()
        self.full = False
        self.last_time = None

    def append(self, events):
        self.takes.wait(60)
        if self.full:
            raise ServiceFailed("the disk is full")
        if any(isinstance(event.value, str) for event in events):
            raise BadValue("a value that cannot be archived")
        self.batches.append(len(events))
        self.events += events

    def close(self) -> None:
        self.takes.clear()


@pytest.fixture
def storing(tmp_path):
    """`storing(limit)` makes the way to a disk."""
    made = []

    def make(limit: int = 1000):
        disk = Disk()
        way = Storing(tmp_path, limit, Log(), lambda _: disk)
        way.start()
        made.append((way, disk))
        return way, disk

    yield make
    for way, disk in made:
        disk.full = False
        disk.takes.set()
        way.end()
        wait_until(lambda way=way: way.ended, "the thread ends")


def event(number: int, value=None, attribute="a/b/c/d") -> Event:
    return Event(attribute, NOW + number, time.time(), number if value is None else value)


def test_what_comes_is_stored_in_its_order(storing):
    way, disk = storing()
    for number in range(100):
        way.put(event(number))
    wait_until(lambda: way.stored == 100, "all is stored")  # and out of the buffer, in one step
    assert [one.value for one in disk.events] == list(range(100))
    assert (way.waiting, way.lag, way.dropped, way.error) == (0, 0.0, 0, "")


def test_what_finds_no_place_is_dropped_counted_and_marked_for_each_attribute(storing):
    way, disk = storing(limit=10)
    disk.takes.clear()
    for number in range(20):
        way.put(event(number, attribute=f"a/b/c/{number % 3}"))
    dropped = way.dropped
    assert dropped == 10
    assert way.lag >= 0
    disk.takes.set()
    wait_until(lambda: way.stored >= 13 and not way.waiting, "the rest is stored")
    gaps = {one.attribute: one.time - NOW for one in disk.events if one.kind == "gap"}
    assert gaps == {"a/b/c/1": 10, "a/b/c/2": 11, "a/b/c/0": 12}
    way.put(event(21))
    wait_until(lambda: disk.events[-1].value == 21, "there is place again")
    assert way.dropped == dropped


def test_a_long_spectrum_takes_the_place_of_many_values(storing):
    way, disk = storing(limit=110)
    disk.takes.clear()
    for number in range(3):
        way.put(event(number, np.arange(400.0)))
    assert way.dropped == 1
    disk.takes.set()
    wait_until(lambda: way.stored == 3, "two and a mark are stored")


def test_a_full_disk_is_told_and_loses_nothing_that_was_taken(storing):
    way, disk = storing()
    disk.full = True
    way.put(event(1))
    wait_until(lambda: way.error == "the disk is full", "the failure is told")
    assert way._log.said == ["the disk is full"]
    way.put(event(2))
    disk.full = False
    wait_until(lambda: way.stored == 2, "both are stored")
    assert way.error == ""
    assert [one.value for one in disk.events] == [1, 2]


def test_a_mistake_while_storing_does_not_end_the_thread(storing):
    way, disk = storing()
    good, disk.append = disk.append, None  # it cannot be called
    way.put(event(1))
    wait_until(lambda: "mistake of ours" in way.error, "it is told")
    disk.append = good
    wait_until(lambda: way.stored == 1, "the value is stored")


def test_a_value_that_cannot_be_stored_takes_no_other_with_it(storing):
    way, disk = storing()
    disk.takes.clear()
    for number, value in enumerate([1, "bad", 3]):
        way.put(event(number, value))
    disk.takes.set()
    wait_until(lambda: way.stored == 2, "the others are stored")
    assert [(one.kind, one.value) for one in disk.events] == [("value", 1), ("gap", None), ("value", 3)]
    assert way.dropped == 1


def test_a_refused_time_stamp_is_counted(storing):
    way, _ = storing()
    way.refuse("a/b/c/d")
    assert (way.refused, way.refused_of) == (1, "a/b/c/d")


def test_what_an_attribute_holds_back_is_stored_when_its_rate_allows(storing):
    way, disk = storing()
    looks = []

    def flush() -> bool:
        looks.append(1)
        if len(looks) < 3:
            return False
        way.put(event(7))
        return True

    way.wait(SimpleNamespace(flush=flush))
    wait_until(lambda: [one.value for one in disk.events] == [7], "it is stored at the third look")


def test_at_the_end_everything_is_stored_and_the_archive_let_go(tmp_path):
    way = Storing(tmp_path, 100_000, Log())
    way.start()
    assert way.opened(60)
    assert way.last_time is None
    for number in range(1234):
        way.put(event(number))
    way.end()
    wait_until(lambda: way.ended, "the thread ends")
    assert way.stored == 1234
    with Store(tmp_path) as again:  # nobody holds it
        assert again.last_time is not None


def test_an_archive_that_another_process_writes_is_waited_for(tmp_path):
    with Store(tmp_path):
        way = Storing(tmp_path, 1000, Log())
        way.start()
        wait_until(lambda: "another process writes to the archive" in way.error, "that is told")
    assert way.opened(60)
    assert way.error == ""
    way.end()
    wait_until(lambda: way.ended, "the thread ends")
