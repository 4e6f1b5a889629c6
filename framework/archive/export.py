"""What is stored of attributes between two times, as a file for other programs: CSV, Parquet, or NeXus (NXlog)."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ronda.framework.archive import parquet, past
from ronda.framework.archive.past import History
from ronda.framework.archive.reading import LATER, Reader, View
from ronda.framework.errors import BadValue, ServiceFailed

ASKED = "attribute IN ({names}) AND time BETWEEN make_timestamptz({start}) AND make_timestamptz({stop})"

VALUE = "coalesce({}, {})".format(
    ", ".join(f'"{name}"::VARCHAR' for name in (*past.KEEPERS, "text")),
    ", ".join(f'to_json("{name}")::VARCHAR' for name in parquet.SPECTRA.values()),
)
"""A value as text; spectra as JSON."""

TABLE = (
    "strftime(time AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ') AS time, "
    "strftime(make_timestamptz(epoch_us(time) + delay) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ') AS received, "
    f"attribute, kind, type, quality, {VALUE} AS value, written AS setpoint, who, note"
)


def export(reader: Reader, attributes: Sequence[str], path: Path, since: float, until: float) -> int:
    """Write what is stored of attributes into a file; its ending says which kind.

    Returns:
        How many events it has.

    Raises:
        BadValue: another ending, or more readings than a NeXus file is made of.
        ServiceFailed: the file cannot be written.
    """
    kinds: dict[str, Callable[..., int]] = {".csv": _csv, ".parquet": _parquet, ".nxs": _nexus, ".h5": _nexus}
    write = kinds.get(path.suffix.lower())
    if write is None:
        raise BadValue(f"{path.name}: the ending says the kind of file; it can be {', '.join(kinds)}")
    try:
        with _replacing(path) as fresh:
            return write(reader, attributes, fresh, since, until)
    except OSError as error:
        raise ServiceFailed(f"{path} cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file that takes the place of another one when it is whole."""
    if not path.parent.is_dir():
        raise BadValue(f"{path} cannot be written: there is no folder {path.parent}")
    fresh = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        fresh.touch()  # says what is wrong with the folder better than who writes the file
        yield fresh
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _csv(reader: Reader, attributes: Sequence[str], path: Path, since: float, until: float) -> int:
    return _copy(reader, attributes, path, since, until, TABLE, f"ORDER BY {LATER}", "FORMAT csv, HEADER")


def _parquet(reader: Reader, attributes: Sequence[str], path: Path, since: float, until: float) -> int:
    columns = ", ".join(f'"{column}"' for column in parquet.COLUMNS)
    order = "ORDER BY attribute, time, file, row"
    return _copy(reader, attributes, path, since, until, columns, order, parquet.OPTIONS)


def _copy(
    reader: Reader, names: Sequence[str], path: Path, since: float, until: float, columns: str, order: str, options: str
) -> int:
    start, stop = round(since * 1e6), round(until * 1e6)
    listed = ", ".join(parquet.quoted(name) for name in names)
    where = ASKED.format(names=listed, start=start, stop=stop)

    def answer(view: View) -> int:
        query = f"SELECT {columns} FROM events WHERE {where} {order}"
        rows = view.fetch(f"COPY ({query}) TO {parquet.quoted(path)} ({options})")
        return int(rows[0][0])

    return reader.question(answer, names, start, stop)


def _nexus(reader: Reader, attributes: Sequence[str], path: Path, since: float, until: float) -> int:
    """One NXlog for each attribute, in an NXcollection; names with `/` replaced by `__`."""
    import h5py

    count = 0
    with h5py.File(path, "w", locking=False) as file:
        file.attrs.update(NX_class="NXroot", default="entry")
        entry = file.create_group("entry")
        entry.attrs.update(NX_class="NXentry", default="archive")
        entry["start_time"], entry["end_time"] = _iso(since), _iso(until)
        archive = entry.create_group("archive")
        archive.attrs["NX_class"] = "NXcollection"
        for name in attributes:
            found = past.history(reader, name, since, until, None)
            _log(archive.create_group(name.replace("/", "__")), name, found, since)
            count += len(found.time)
    return count


def _log(group: Any, name: str, found: History, since: float) -> None:
    import h5py

    group.attrs.update(NX_class="NXlog", attribute=name)
    time = group.create_dataset("time", data=found.time - since)
    time.attrs.update(units="s", start=_iso(since))
    numbers = _numbers(found.value)
    if numbers is None:
        words = np.array(["" if one is None else str(one) for one in found.value.tolist()], object)
        group.create_dataset("value", data=words, dtype=h5py.string_dtype())
        return
    group.create_dataset("value", data=numbers)
    finite = numbers[np.isfinite(numbers)] if numbers.dtype.kind == "f" else numbers
    if numbers.ndim == 1 and len(finite):
        group["minimum_value"], group["maximum_value"] = float(finite.min()), float(finite.max())
        group["average_value"] = float(finite.mean())


def _numbers(values: Any) -> Any:
    """Values as numbers, spectra of one length as rows; None where they are neither."""
    if values.dtype.kind != "O":
        return values
    kept = [np.nan if one is None else one for one in values.tolist()]
    try:
        return np.array(kept, np.float64) if kept else np.zeros(0)
    except (TypeError, ValueError):
        return None


def _iso(time: float) -> str:
    return dt.datetime.fromtimestamp(time, dt.UTC).isoformat(timespec="microseconds")
