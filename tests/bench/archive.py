"""Figures of the archive's store and its questions: `python tests/bench/archive.py`, about a minute."""

from __future__ import annotations

import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ronda.framework.archive import buffer, compaction, parquet
from ronda.framework.archive.questions import Archive
from ronda.framework.archive.record import Event
from ronda.framework.archive.store import Store

ATTRIBUTES = 10_000
BATCH = 100_000
BATCHES = 10

WEEK_ATTRIBUTES = 20
"""Of the synthetic week at 1 Hz; 10 000 of them would be 6 000 000 000 readings, 50 GB."""

HOUR_ATTRIBUTES = 1000
MOTORS = 4000

MONDAY = 1_794_787_200.0
"""Midnight, UTC."""


def show(name: str, figure: str, wanted: str) -> None:
    """Print one line."""
    print(f"{name:<64} {figure:>24}   wanted {wanted}", flush=True)


def events(batch: int) -> list[Event]:
    """Noisy readings of many attributes, as a logger makes them."""
    chance, start = random.Random(batch), MONDAY + batch * 10.0
    made = []
    for number in range(BATCH):
        at = start + number // ATTRIBUTES + number % ATTRIBUTES * 1e-5 + chance.random() * 0.005
        late = at + 0.001 + chance.random() * 0.001
        made.append(Event(f"demo/test/{number % ATTRIBUTES}/value", at, late, 20 + chance.gauss(0, 0.01), "DevDouble"))
    return made


def store_figures(folder: Path) -> None:
    """Appending, compacting, and what an event takes."""
    batches = [events(batch) for batch in range(BATCHES)]
    with Store(folder) as store:
        start = time.perf_counter()
        for batch in batches:
            store.append(batch)
        seconds = time.perf_counter() - start
        show("append, 10 000 attributes, durable", f"{BATCH * BATCHES / seconds:10,.0f} changes/s", "100 000")
        start = time.perf_counter()
        store.compact(now=MONDAY)
        seconds = time.perf_counter() - start
        show("compaction", f"{BATCH * BATCHES / seconds:10,.0f} events/s", "10 000")
        small = sum(file.stat().st_size for file in folder.glob("events/*/*")) / (BATCH * BATCHES)
        store.compact(now=MONDAY + 10 * 86400)
        size = sum(file.stat().st_size for file in folder.glob("*/*/*.parquet")) / (BATCH * BATCHES)
    show("noisy reading in a file of 20 s, before merging", f"{small:10.2f} bytes", "")
    show("noisy reading, merged, with its roll-ups", f"{size:10.2f} bytes", "<= 12")


def synthetic(folder: Path, attributes: int, start: float, seconds: int, setpoints: bool = False) -> int:
    """A store of readings at 1 Hz, its files written as compaction writes them, an hour or a day in each."""
    written = "'1.5'" if setpoints else "NULL::VARCHAR"
    other = {"kind": "'value'", "type": "'DevDouble'", "quality": "'VALID'", "written": written}
    columns = []
    for name, sql in parquet.COLUMNS.items():
        columns.append(f'{other.get(name, f"NULL::{sql}")} AS "{name}"')
    columns[:3] = [
        "'demo/test/' || lpad(a::VARCHAR, 5, '0') || '/value' AS attribute",
        f"make_timestamptz(({round(start * 1e6)} + s * 1000000 + (random() * 5000)::BIGINT)::BIGINT) AS time",
        "(1000 + random() * 1000)::BIGINT AS delay",
    ]
    columns[6] = "20 + (random() + random() - 1) * 0.01 AS real"
    query = f"SELECT {', '.join(columns)} FROM range({attributes}) t(a), range({seconds}) u(s) ORDER BY a, s"
    with Store(folder) as store:
        made = store._buffer
        first = made.serial + 1
        made.add_names([f"demo/test/{number:05}/value" for number in range(attributes)])
        span = round(start * 1e6), round((start + seconds) * 1e6)
        day = compaction.day_name(span[0] // compaction.DAY)
        like = buffer.File("", "events", day, first, first + attributes * seconds, attributes * seconds, *span, 0, "")
        connection = parquet.connect(folder)
        file = compaction.write(connection, query, folder, made, like, 1)
        connection.close()
        made.add_files([file], compacted=like.last)
    return attributes * seconds


def best(action: Callable[[], object]) -> str:
    """How long something takes: the first time, and the median of five later ones."""
    times = []
    for _ in range(6):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return f"{times[0]:.3f} s, then {statistics.median(times[1:]):.3f} s"


def week(folder: Path) -> None:
    """One attribute over a week."""
    rows = sum(synthetic(folder, WEEK_ATTRIBUTES, MONDAY + day * 86400, 86400) for day in range(7))
    name = f"demo/test/{WEEK_ATTRIBUTES // 2:05}/value"
    with Archive(folder) as archive:
        figure = best(lambda: archive.history(name, MONDAY, MONDAY + 7 * 86400, 1000))
    show(
        f"week of one of {WEEK_ATTRIBUTES} attributes at 1 Hz ({rows / 1e6:.0f} M), 1000 points",
        figure,
        "0.2 s of 10 000",
    )


def hours(folder: Path) -> None:
    """Values of many attributes at a time."""
    rows = sum(synthetic(folder, HOUR_ATTRIBUTES, MONDAY + hour * 3600, 3600) for hour in range(2))
    names = [f"demo/test/{number:05}/value" for number in range(1000)]
    with Archive(folder) as archive:
        figure = best(lambda: archive.value_at(names, MONDAY + 5400))
    show(f"value at a time of 1000 of {HOUR_ATTRIBUTES} attributes at 1 Hz ({rows / 1e6:.0f} M)", figure, "0.5 s")


def night(folder: Path) -> None:
    """What changed between two times among motors that jitter, each with a setpoint."""
    rows = sum(synthetic(folder, MOTORS, MONDAY + hour * 3600, 600, setpoints=True) for hour in range(2))
    moved = Event("demo/test/01234/value", MONDAY + 4300, MONDAY + 4300, 2.5, "DevDouble", write_value=2.5, who="jane")
    with Store(folder) as store:
        store.append([moved])
    with Archive(folder) as archive:
        (found,) = archive.whatchanged(MONDAY + 500, MONDAY + 4400)
        assert (found.attribute, found.who) == (moved.attribute, "jane")
        figure = best(lambda: archive.whatchanged(MONDAY + 500, MONDAY + 4400))
    show(f"the one motor that was moved, of {MOTORS} that jitter ({rows / 1e6:.0f} M)", figure, "1 s")


if __name__ == "__main__":
    for measure in (store_figures, week, hours, night):
        place = Path(tempfile.mkdtemp(prefix="ronda-bench-"))
        try:
            measure(place)
        finally:
            shutil.rmtree(place)
