"""The same events give the same answers out of files and out of PostgreSQL, and SQL finds all of them."""

import itertools
import math
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ronda.framework.archive.hdbpp.store import FacilityStore
from ronda.framework.archive.hdbpp.thinning import Thinned
from ronda.framework.archive.questions import Archive
from ronda.framework.archive.record import Event, same_event, same_value
from ronda.framework.archive.store import Store
from ronda.framework.errors import BadValue
from tests.framework.archive.hdbpp.test_sending import SPECTRA, VALUES
from tests.framework.archive.test_random_events import BEGIN, marks, moments, readings

NUMBERS = itertools.count()

TYPED = [f"a/b/c/{type_.lower()}" for type_ in VALUES] + [f"a/b/d/{type_.lower()}s" for type_ in SPECTRA]


@st.composite
def typed(draw):
    """A reading as a device gives it, of any type."""
    spectrum, type_ = draw(st.booleans()), draw(st.sampled_from(list(VALUES)))
    values = SPECTRA if spectrum else VALUES
    value = draw(st.sampled_from([values[type_], None]))
    if type_ == "DevDouble":
        numbers = st.floats()
        value = draw(st.lists(numbers, max_size=4).map(np.array) if spectrum else numbers)
    elif type_ == "DevString":
        words = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
        value = draw(st.lists(words, min_size=1, max_size=3).map(np.array) if spectrum else words)
    elif type_ == "DevState" and not spectrum:
        value = draw(st.sampled_from(["ON", "OFF", "MOVING", "FAULT"]))
    return Event(
        f"a/b/{'d' if spectrum else 'c'}/{type_.lower()}{'s' if spectrum else ''}",
        draw(moments) + draw(st.sampled_from([0.0, 0.000001, 0.123456])),
        BEGIN + 20.0,
        value,
        type_,
        draw(st.sampled_from(["VALID", "VALID", "ALARM", "CHANGING"])) if value is not None else "INVALID",
        draw(st.sampled_from([None, value])),
        draw(st.sampled_from([None, None, None, "me@host"])),
    )


batches = st.lists(
    st.lists(st.one_of(typed(), typed(), readings(), marks), min_size=1, max_size=15), min_size=1, max_size=5
)


@settings(max_examples=5, suppress_health_check=list(HealthCheck))
@given(batches, st.lists(moments, min_size=2, max_size=2, unique=True))
def test_random_events_give_the_same_answers(facility, batches, span):
    place = replace(facility.place, cs_name=f"host:{next(NUMBERS)}")
    with tempfile.TemporaryDirectory() as folder:
        files, front = Path(folder) / "files", Path(folder) / "front"
        with Store(files) as store, FacilityStore(front, place) as sent:
            for number, batch in enumerate(batches):
                for one in batch:
                    one.received += number
                for each in (store, sent):
                    each.append(batch)
                    each.compact()
        with Archive(files) as one, Archive(front) as other:
            same_answers(one, other, *sorted(span), Path(folder))
    same_rows(facility, place, [event for batch in batches for event in batch])


def same_answers(one, other, since, until, folder):
    names = one.search()
    assert other.search() == names
    same([archive.value_at(names, until) for archive in (one, other)])
    same([archive.value_at(names, since) for archive in (one, other)])
    for name in names:
        for points in (None, 4):
            same([_history(archive, name, since, until, points) for archive in (one, other)])
        same([archive.aligned([name], since, until, 0.5) for archive in (one, other)])
    same([archive.whatchanged(since, until) for archive in (one, other)])
    for device in ("a/b/c", "a/b/d"):
        if any(name.startswith(device) for name in names):
            same([archive.configuration_at(device, until) for archive in (one, other)])
    if names:
        texts = []
        for archive in (one, other):
            for ending in ("csv", "parquet"):
                archive.export(names, folder / f"export.{ending}", since, until)
            texts.append((folder / "export.csv").read_text())
        assert sorted(texts[0].splitlines()) == sorted(texts[1].splitlines())


def _history(archive, name, since, until, points):
    try:
        return archive.history(name, since, until, points)
    except Exception as error:  # noqa: BLE001 - whatever it says, both say it
        return str(error)


def same(answers):
    left, right = (_plain(answer) for answer in answers)
    assert left == right


def _plain(answer):
    """An answer of which NaN is equal to NaN."""
    if isinstance(answer, Event):
        return ("event", repr(asdict(answer)))
    if hasattr(answer, "__dataclass_fields__"):
        return {name: _plain(getattr(answer, name)) for name in answer.__dataclass_fields__}
    if isinstance(answer, np.ndarray):
        return (str(answer.dtype), _plain(answer.tolist()))
    if isinstance(answer, (list, tuple)):
        return [_plain(one) for one in answer]
    if isinstance(answer, dict):
        return {name: _plain(one) for name, one in answer.items()}
    return "NaN" if isinstance(answer, float) and math.isnan(answer) else answer


def same_rows(facility, place, events):
    """SQL on HDB++'s tables finds each reading once, but those that have no place there and stand beside them."""
    (beside,) = facility.sql(
        "SELECT count(*) FROM ronda.event JOIN ronda.logger USING (logger_id) WHERE cs_name = %s", place.cs_name
    )[0]
    plainly = 0
    for type_, form in itertools.product(VALUES, ("scalar", "array")):
        plainly += facility.sql(
            f"SELECT count(*) FROM att_{form}_{type_.lower()} JOIN att_conf USING (att_conf_id) "
            "WHERE cs_name = %s AND details->>'ronda' IS NULL",
            place.cs_name,
        )[0][0]
    assert beside + plainly == len(events)
    exact = [one for one in events if one.type == "DevDouble" and one.kind == "value" and one.attribute == TYPED[9]]
    first = {one.time: one for one in reversed(exact)}
    rows = facility.sql(
        "SELECT extract(epoch FROM data_time)::float8, value_r FROM att_scalar_devdouble JOIN att_conf "
        "USING (att_conf_id) WHERE cs_name = %s AND att_name LIKE %s ORDER BY data_time",
        place.cs_name,
        f"%/{TYPED[9]}",
    )
    assert [time for time, _ in rows] == [round(time, 6) for time in sorted(first)]
    assert all(same_value(value, first[time].value) for time, value in rows)


def test_many_readings_are_thinned_by_the_database_to_the_same_points(facility, tmp_path):
    """Of each type of numbers; with readings that are missing, beside HDB++'s rows, and not in the database yet."""
    chance = np.random.default_rng(9)
    events = []
    for number in range(6000):
        at = BEGIN + 0.25 * number + 0.000001 * int(chance.integers(100_000))
        real = float(chance.choice([math.nan, 1.0, chance.normal()], p=[0.01, 0.1, 0.89]))
        who = "me@host" if number in (17, 5990) else None
        events.append(Event("a/b/c/real", at, at, real, "DevDouble", who=who))
        events.append(Event("a/b/c/short", at, at, float(np.float32(real)), "DevFloat"))
        events.append(Event("a/b/c/whole", at, at, int(chance.integers(-9, 9)), "DevLong"))
        events.append(Event("a/b/c/large", at, at, int(chance.integers(2**63)) + 2**62, "DevULong64"))
        events.append(Event("a/b/c/truth", at, at, bool(chance.integers(2)), "DevBoolean"))
    events.append(Event("a/b/c", BEGIN + 700, BEGIN + 700, kind="gap", text="not heard"))
    store = facility.store()
    with Store(tmp_path / "files") as files:
        files.append(events)
        files.compact()
        store.append(events[:29_000])
        store.compact()
        store.append(events[29_000:])
    with Archive(tmp_path / "files") as one, Archive(facility.folder) as other:
        for name in one.search():
            for points, span in (
                (100, (BEGIN, BEGIN + 1600)),
                (7, (BEGIN + 0.3, BEGIN + 1499.7)),
                (10_000, (0.0, BEGIN + 1600)),
            ):
                same([archive.history(name, *span, points) for archive in (one, other)])
        left_out = other._reader.question(
            lambda view: view.left_out,
            ["a/b/c/real"],
            thinned=Thinned("a/b/c/real", 0, round((BEGIN + 1e5) * 1e6), 100),
        )
        assert left_out > 5000


def test_a_question_that_would_take_too_many_events_says_so(facility, monkeypatch):
    monkeypatch.setattr("ronda.framework.archive.hdbpp.source.MOST", 100)
    store = facility.store()
    store.append(
        [Event("a/b/c/x", BEGIN + number, BEGIN + number, float(number), "DevDouble") for number in range(200)]
    )
    store.compact()
    with Archive(facility.folder) as archive, pytest.raises(BadValue, match="more than 100 events out of the database"):
        archive.history("a/b/c/x", BEGIN, BEGIN + 1000)


@pytest.mark.parametrize("kind", ["value", "gap"])  # in the tables of HDB++, and beside them
def test_such_a_question_does_not_bring_all_events_into_memory(facility, monkeypatch, kind):
    monkeypatch.setattr("ronda.framework.archive.hdbpp.source.MOST", 100)
    given = []
    execute = psycopg.Cursor.execute

    def counting(cursor, *arguments, **more):
        answer = execute(cursor, *arguments, **more)
        given.append(cursor.rowcount)
        return answer

    store = facility.store()
    value, type_ = (1.0, "DevDouble") if kind == "value" else (None, "")
    store.append([Event("a/b/c/x", BEGIN + number, BEGIN + number, value, type_, kind=kind) for number in range(500)])
    store.compact()
    with Archive(facility.folder) as archive:
        monkeypatch.setattr(psycopg.Cursor, "execute", counting)
        with pytest.raises(BadValue, match="more than 100 events out of the database"):
            archive.export(["a/b/c/x"], facility.folder / "export.csv", BEGIN, BEGIN + 1000)
    assert max(given) == 101


def test_a_night_gives_the_same_answers(facility, tmp_path):
    """Attributes as a beamline has them; decimated, aligned, and what somebody moved."""
    events = []
    for number in range(4000):
        at = BEGIN + 0.5 * number
        events.append(Event("a/b/c/x", at, at + 0.001, 20 + math.sin(number / 50), "DevDouble"))
        if number % 40 == 0:
            setpoint = 1.0 if number < 2000 else 2.5
            who = "jane@console" if number == 2000 else None
            events.append(Event("a/b/m/position", at, at, setpoint, "DevDouble", "VALID", setpoint, who))
            events.append(Event("a/b/m/state", at, at, "ON" if number % 80 else "MOVING", "DevState"))
    events.append(Event("a/b/m", BEGIN, BEGIN, kind="configuration", text='{"velocity": 1}'))
    events.append(Event("a/b/m", BEGIN + 1000, BEGIN + 1000, kind="configuration", text='{"velocity": 2}'))
    events.append(Event("a/b/c", BEGIN + 1500, BEGIN + 1500, kind="vanish", text="died"))
    store = facility.store()
    with Store(tmp_path / "files") as files:
        for each in (files, store):
            for start in range(0, len(events), 700):
                each.append(events[start : start + 700])
                each.compact()
    with Archive(tmp_path / "files") as one, Archive(facility.folder) as other:
        same_answers(one, other, BEGIN + 10, BEGIN + 1900, tmp_path)
        found = other.history("a/b/c/x", BEGIN, BEGIN + 2000, 100)
        assert (len(found.time) <= 100, found.readings, found.decimated) == (True, 4000, True)
        changes = other.whatchanged(BEGIN + 10, BEGIN + 1400)
        assert [(change.attribute, change.what, change.who) for change in changes] == [
            ("a/b/m/position", "setting", "jane@console"),
            ("a/b/m", "configuration", None),
        ]
    assert all(
        same_event(*pair)
        for pair in zip(
            sorted((one for one in events if one.attribute == "a/b/c/x"), key=lambda one: one.time),
            [one for one in facility.events() if one.attribute == "a/b/c/x"],
            strict=True,
        )
    )
