"""Figures of the store in PostgreSQL: `python -m tests.bench.hdbpp`, about a minute; beside them those of files."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ronda.framework.archive.hdbpp.place import Place
from ronda.framework.archive.hdbpp.store import FacilityStore
from ronda.framework.archive.questions import Archive
from ronda.framework.archive.record import Event
from ronda.framework.archive.store import Store
from tests.bench.archive import BATCH, MONDAY, events, show
from tests.postgresql import PASSWORD, VARIABLE, postgresql

BATCHES = 3
"""Of 100 000 readings."""

DAY = 86_400
"""Readings of a day at 1 Hz."""

NAMES = 1000


def best(what: Callable[[], Any], times: int = 3) -> float:
    """Seconds of the quickest try."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        what()
        taken.append(time.perf_counter() - start)
    return min(taken)


def store_figures(front: Path, place: Place, files: Path, server: Any) -> None:
    """Events into the database, and what one takes there."""
    first, *made = (events(number) for number in range(BATCHES + 1))
    with FacilityStore(front, place) as store, Store(files) as plain:
        store.append(first[:10_000])
        store.compact()  # the tables are made, and the names known
        begun = size(server, place)
        for batch in made:
            for each in (store, plain):
                each.append(batch)
        waiting = store.used / BATCH / BATCHES
        count = BATCH * BATCHES
        start = time.perf_counter()
        store.compact()
        seconds = time.perf_counter() - start
        start = time.perf_counter()
        plain.compact(now=MONDAY)
        other = time.perf_counter() - start
        show("into PostgreSQL, 10 000 attributes", f"{count / seconds:10,.0f} events/s", "10 000")
        show("the same into Parquet files", f"{count / other:10,.0f} events/s", "")
        show("an event that waits in the buffer", f"{waiting:10.0f} bytes", "")
        show("an event in PostgreSQL, with HDB++'s indexes", f"{(size(server, place) - begun) / count:10.0f} bytes", "")


def size(server: Any, place: Place) -> int:
    with server.connect(place.database) as connection:
        (found,) = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        return int(found)


def question_figures(front: Path, place: Place, files: Path) -> None:
    """A day of one attribute, and the values of many at a time."""
    day = [Event("a/b/c/day", MONDAY + n, MONDAY + n, 20 + n % 977 / 100, "DevDouble") for n in range(DAY)]
    many = [
        Event(f"a/b/many/{name}", MONDAY + n, MONDAY + n, float(n), "DevDouble")
        for n in range(0, 3600, 36)
        for name in range(NAMES)
    ]
    with FacilityStore(front, place) as store, Store(files) as plain:
        for each in (store, plain):
            each.append(day + many)
            each.compact(now=MONDAY)
    names = [f"a/b/many/{name}" for name in range(NAMES)]
    for folder, where in ((front, "PostgreSQL"), (files, "files")):
        with Archive(folder) as archive:
            seconds = best(lambda archive=archive: archive.history("a/b/c/day", MONDAY, MONDAY + DAY, 1000))
            show(f"a day at 1 Hz to 1 000 points, from {where}", f"{seconds * 1000:10.0f} ms", "")
            seconds = best(lambda archive=archive: archive.value_at(names, MONDAY + 1800))
            show(f"1 000 attributes at a time, from {where}", f"{seconds * 1000:10.0f} ms", "500")


def main() -> None:
    """All figures."""
    for server in postgresql():
        os.environ[VARIABLE] = PASSWORD
        with tempfile.TemporaryDirectory() as folder:
            place = Place(server.new_database(), "bench", "host:10000", f"${{{VARIABLE}}}")
            store_figures(Path(folder) / "front", place, Path(folder) / "files", server)
            place = Place(server.new_database(), "bench", "host:10000", f"${{{VARIABLE}}}")
            question_figures(Path(folder) / "front2", place, Path(folder) / "files2")


if __name__ == "__main__":
    main()
