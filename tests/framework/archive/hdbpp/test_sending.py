"""Events that go into PostgreSQL, as others find them there."""

import math

import numpy as np

from ronda.framework.archive.questions import Archive
from ronda.framework.archive.record import Event, same_event

NOW = 1_795_000_000.0


VALUES = {
    "DevBoolean": True,
    "DevUChar": 255,
    "DevShort": -32768,
    "DevUShort": 65535,
    "DevLong": -(2**31),
    "DevULong": 2**32 - 1,
    "DevLong64": -(2**63),
    "DevULong64": 2**64 - 1,
    "DevFloat": float(np.float32(0.1)),
    "DevDouble": 0.1,
    "DevString": "µ 'quoted' \\ \t,\n{}",
    "DevState": "MOVING",
    "DevEnum": "SLOW",
}
SPECTRA = {
    "DevBoolean": np.array([True, False]),
    "DevUChar": np.array([0, 255]),
    "DevShort": np.array([-32768, 1]),
    "DevUShort": np.array([65535]),
    "DevLong": np.array([-(2**31)]),
    "DevULong": np.array([2**32 - 1]),
    "DevLong64": np.array([-(2**63)]),
    "DevULong64": np.array([2**64 - 1], np.uint64),
    "DevFloat": np.array([0.1, math.nan, math.inf], np.float32).astype(float),
    "DevDouble": np.array([0.1, math.nan, -math.inf]),
    "DevString": np.array(["", "a,b", '"}\\']),
    "DevState": np.array(["ON", "UNKNOWN"]),
    "DevEnum": np.array(["FAST", "SLOW"]),
}


def events_of_all_types():
    events = []
    for number, (type_, value) in enumerate([*VALUES.items(), *SPECTRA.items()]):
        name = f"a/b/c/{type_.lower()}{number}"
        at = NOW + number
        events += [
            Event(name, at, at + 0.25, value, type_),
            Event(name, at + 100, at + 101, value, type_, "ALARM", value),
            Event(name, at + 200, at + 201, None, type_, "INVALID"),
            Event(name, at + 300, at + 301, type=type_, kind="error", text="it burns"),
        ]
    return events


def test_values_of_all_types_come_back_as_they_went(facility):
    store, events = facility.store(), events_of_all_types()
    store.append(events)
    assert store.compact(older_than=NOW + 1e6).rows == len(events)
    assert store.buffered == 0
    found = {(one.attribute, one.time): one for one in facility.events()}
    assert len(found) == len(events)
    for one in events:
        assert same_event(one, found[one.attribute, one.time]), (one, found[one.attribute, one.time])


def test_values_stand_in_the_tables_of_hdbpp_and_only_errors_beside_them(facility):
    store = facility.store()
    store.append(events_of_all_types())
    store.compact()
    ask = facility.sql
    assert ask("SELECT DISTINCT kind, type FROM ronda.event WHERE kind = 'value'") == []
    for type_ in VALUES:
        for form in ("scalar", "array"):
            rows = ask(f"SELECT quality, att_error_desc_id IS NULL FROM att_{form}_{type_.lower()} ORDER BY data_time")
            assert rows == [(0, True), (2, True), (1, True), (1, False)]
    assert ask("SELECT value_r FROM att_scalar_devstate ORDER BY data_time LIMIT 1") == [(6,)]
    assert ask("SELECT count(*) FROM att_conf WHERE att_name LIKE 'tango://host:10000/a/b/c/%'") == [(26,)]


def test_what_hdbpp_has_no_place_for_stands_beside_it(facility):
    store = facility.store()
    events = [
        Event("a/b/c/x", NOW, NOW, 1.0, "DevDouble"),
        Event("a/b/c/x", NOW, NOW, 2.0, "DevDouble"),  # at the same microsecond
        Event("a/b/c/x", NOW + 1, NOW, 0.1, "DevFloat"),  # its type is another one now, and the value has no float
        Event("a/b/c/x", NOW + 2, NOW, 3.0, "DevDouble", who="me@host"),
        Event("a/b/c/x", NOW + 3, NOW, "word", "DevDouble"),
        Event("a/b/c/x", NOW + 4, NOW, 7, "DevWhatever"),
        Event("a/b/c/x", NOW + 5, NOW, "nul \x00", "DevString"),
        Event("a/b/c", NOW, NOW, kind="vanish", text="died"),
        Event("*", NOW, NOW, kind="gap", text="not there"),
        Event("a/b/c/x", NOW + 6, NOW, kind="gap", text="not heard"),
        Event("a/b/c/x", NOW + 6, NOW, 4.0, "DevDouble"),
    ]
    store.append(events)
    store.compact(older_than=NOW + 1e6)
    found = facility.events()
    assert len(found) == len(events)
    for name in ("a/b/c/x", "a/b/c", "*"):
        its = [one for one in events if one.attribute == name]
        got = [one for one in found if one.attribute == name]
        assert all(same_event(*pair) for pair in zip(its, got, strict=True)), (its, got)


def test_late_events_are_stored_beside_those_that_are_there(facility):
    store = facility.store()
    store.append([Event("a/b/c/x", NOW + number, NOW, number, "DevLong") for number in range(10)])
    store.compact()
    late = [Event("a/b/c/x", NOW + number / 2, NOW, 100 + number, "DevLong") for number in range(10)]
    store.append(late)
    store.compact(older_than=NOW + 1e6)
    found = [one.value for one in facility.events()]
    assert sorted(found) == [*range(10), *range(100, 110)]
    with Archive(facility.folder) as archive:
        assert archive.history("a/b/c/x", NOW, NOW + 1).value.tolist() == [0, 100, 101, 1, 102]
