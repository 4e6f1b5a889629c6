import math
import sqlite3

import numpy as np
import pytest

from ronda.framework.archive import buffer
from ronda.framework.archive.record import Event, same_event
from ronda.framework.archive.store import Store
from ronda.framework.errors import BadValue, NotAllowed

NOW = 1_795_000_000.25

VALUES = [
    1.5,
    math.nan,
    math.inf,
    -3,
    2**63 + 7,
    True,
    "ON",
    "",
    None,
    np.array([1.0, math.nan]),
    np.array([], dtype=np.float64),
    np.array([1, -2]),
    np.array([2**64 - 1], dtype=np.uint64),
    np.array([True, False]),
    np.array(["a", "µ"]),
]


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "archive") as store:
        yield store


def in_buffer(store):
    """What the SQLite file has, read as another process reads it."""
    connection = sqlite3.connect(store.folder / buffer.FILE)
    try:
        return [buffer.event(row) for row in connection.execute(f"{buffer.ROWS} ORDER BY serial")]
    finally:
        connection.close()


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_from_the_buffer_as_it_was(store, value):
    event = Event("d/e/f/a", NOW, NOW + 0.5, value, "DevDouble", "ALARM", value, "me@host", text="so")
    store.append([event])
    (found,) = in_buffer(store)
    assert same_event(found, event)
    assert isinstance(found.value, type(value))


def test_events_stand_in_the_order_in_which_they_were_appended(store):
    events = [Event(f"d/e/f/a{number % 7}", NOW - number, NOW, number) for number in range(100)]
    store.append(events[:30])
    store.append(events[30:])
    assert [event.value for event in in_buffer(store)] == list(range(100))
    assert store.buffered == 100
    assert store.last_time == NOW


@pytest.mark.parametrize(
    "bad",
    [
        Event("d/e/f/new", math.nan, NOW, 1.0),
        Event("d/e/f/new", NOW, 1e300, 1.0),
        Event("d/e/f/new", NOW, NOW, np.zeros((2, 2))),
        Event("d/e/f/new", NOW, NOW, 2**64),
        Event("d/e/f/new", NOW, NOW, object()),
        Event("d/e/f/new", NOW, NOW, 1.0, kind="rumour"),
        Event("d/e/f/new", NOW, NOW, 1.0, quality="GOOD"),
    ],
    ids=["no time", "no such time", "image", "65 bits", "object", "kind", "quality"],
)
def test_a_bad_event_is_refused_with_all_that_came_with_it_and_spoils_nothing_later(store, bad):
    with pytest.raises(BadValue):
        store.append([Event("d/e/f/other", NOW, NOW, 1.0), bad])
    assert in_buffer(store) == []
    good = [Event("d/e/f/b", NOW, NOW, 1.0), Event("d/e/f/new", NOW, NOW, 2.0)]
    store.append(good)
    assert in_buffer(store) == good


def test_a_folder_has_one_writer(store):
    with pytest.raises(NotAllowed, match="another process writes to the archive"):
        Store(store.folder)


def test_a_store_goes_on_where_it_was_when_it_is_opened_again(tmp_path):
    for number in range(3):
        with Store(tmp_path) as store:
            store.append([Event("d/e/f/a", NOW, NOW, number)])
            assert [event.value for event in in_buffer(store)] == list(range(number + 1))
