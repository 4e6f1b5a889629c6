"""Random events, appended and compacted in random steps, give the answers that a plain list gives."""

import math
import tempfile
from pathlib import Path

import duckdb
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ronda.framework.archive.questions import Archive
from ronda.framework.archive.reading import EVENT, LATER, Reader, event
from ronda.framework.archive.record import Event, same_event, same_value
from ronda.framework.archive.store import Store
from tests.framework.archive import plain

BEGIN = 1_795_046_400.0
"""Midnight, UTC; events lie on both sides of it."""

ATTRIBUTES = ["a/b/c/x", "a/b/c/y", "a/b/d/x", "a/b/d/word"]
MARKED = [*ATTRIBUTES, "a/b/c", "a/b/d", "*"]

moments = st.integers(-40, 40).map(lambda step: BEGIN + step * 0.25)
numbers = st.one_of(st.floats(width=32), st.integers(-(2**63), 2**64 - 1), st.booleans(), st.none())
spectra = st.one_of(
    st.lists(st.floats(width=32), max_size=3).map(np.array),
    st.lists(st.integers(-5, 5), max_size=3).map(lambda values: np.array(values, np.int64)),
    st.lists(st.text(max_size=3), min_size=1, max_size=2).map(lambda words: np.array(words, np.str_)),
)
words = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=5)


@st.composite
def readings(draw):
    name = draw(st.sampled_from(ATTRIBUTES))
    value = draw(st.one_of(words, spectra) if name.endswith("word") else numbers)
    return Event(
        name,
        draw(moments),
        BEGIN + 20.0,
        value,
        draw(st.sampled_from(["DevDouble", "DevLong"])),
        draw(st.sampled_from(["VALID", "ALARM"])),
        draw(st.one_of(st.none(), st.integers(0, 3), st.just(math.nan))),
        draw(st.sampled_from([None, "me@host"])),
    )


marks = st.builds(
    Event,
    st.sampled_from(MARKED),
    moments,
    st.just(BEGIN + 20.0),
    kind=st.sampled_from(["error", "vanish", "appear", "gap", "start", "configuration"]),
    text=words,
)

steps = st.lists(
    st.one_of(
        st.lists(st.one_of(readings(), readings(), readings(), marks), min_size=1, max_size=12),
        st.sampled_from(["compact", "compact later", "reopen"]),
    ),
    min_size=1,
    max_size=10,
)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(steps, st.lists(moments, min_size=2, max_size=2, unique=True))
def test_random_events_give_the_answers_that_a_plain_list_gives(steps, span):
    with tempfile.TemporaryDirectory() as folder:
        events = _live(Path(folder), steps)
        with Archive(Path(folder)) as archive:
            _same_events(archive, events)
            _same_parquet(Path(folder), events)
            for name in {event.attribute for event in events if event.attribute in ATTRIBUTES}:
                _same_answers(archive, events, name, *sorted(span))


def _live(folder, steps):
    """Do the steps; gives all events that were appended."""
    events = []
    store = Store(folder)
    for number, step in enumerate(steps):
        if step == "compact":
            store.compact(now=BEGIN + 1000.0)
        elif step == "compact later":
            store.compact(now=BEGIN + 10 * 86400.0)  # the days are over: they are merged and rolled up
        elif step == "reopen":
            store.close()
            store = Store(folder)
        else:
            for event in step:
                event.received += number
            store.append(step)
            events += step
    assert store.check() == []
    store.close()
    return events


def _same_events(archive, events):
    rows = Reader(archive.folder).question(lambda view: view.fetch(f"SELECT {EVENT} FROM events ORDER BY {LATER}"))
    found = [event(row) for row in rows]
    for name in MARKED:
        wanted = plain.in_time(events, name)
        got = [event for event in found if event.attribute == name]
        assert len(got) == len(wanted)
        for one, other in zip(got, wanted, strict=True):
            assert same_event(one, other), (one, other)


def _same_parquet(folder, events):
    """Plain DuckDB on the Parquet files: the events that were compacted, each once."""
    files = [str(path) for path in folder.glob("events/*/*.parquet")]
    if not files:
        return
    (count, distinct), *_ = duckdb.execute(
        "SELECT count(*), count(DISTINCT (filename, file_row_number)) "
        "FROM read_parquet(?, filename = true, file_row_number = true)",
        [files],
    ).fetchall()
    with Store(folder) as store:
        assert count == distinct == len(events) - store.buffered


def _same_answers(archive, events, name, since, until):
    wanted = plain.readings(events, name, since, until)
    whole = archive.history(name, since, until)
    assert whole.time.tolist() == [event.time for event in wanted]
    assert whole.readings == len(wanted)
    assert all(
        same_value(one, math.nan if event.value is None and whole.value.dtype.kind == "f" else event.value)
        for one, event in zip(whole.value.tolist() if whole.value.dtype != object else whole.value, wanted, strict=True)
    )
    for time in (since, until):
        (held,) = archive.value_at([name], time)
        last = plain.last(events, name, time)
        assert (held.event is None) == (last is None)
        assert last is None or same_event(held.event, last)
        assert held.known == (last is not None and last.kind == "value" and last.value is not None)
        assert bool(held.reason) != held.known
    steps = archive.aligned([name], since, until, 1.0)
    for time, value in zip(steps.time, steps.values[name], strict=True):
        known = plain.value(events, name, time)
        if steps.values[name].dtype.kind == "f":
            known = math.nan if known is None else float(known)
        assert same_value(value, known)
