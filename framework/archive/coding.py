"""How events stand in the rows of the buffer: one number for each name, values as SQLite has them."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from ronda.framework.archive.record import KINDS, QUALITIES, Event, Value
from ronda.framework.errors import BadValue

LATEST = 253402300800.0
"""Seconds since 1970 until the year 10000: the end of what calendars can say."""

NOTHING, REAL, INTEGER, UNSIGNED, BOOLEAN, TEXT = range(6)
REALS, INTEGERS, UNSIGNEDS, BOOLEANS, TEXTS = range(6, 11)
"""Forms of a value: which column of the Parquet files has it."""

DTYPES = {REALS: np.dtype("<f8"), INTEGERS: np.dtype("<i8"), UNSIGNEDS: np.dtype("<u8"), BOOLEANS: np.dtype("?")}

_SIGNED_END = 1 << 63


def micros(event: Event) -> tuple[int, int]:
    """Time of an event in µs, and how much later it was received, in µs.

    Raises:
        BadValue: a time that no calendar has.
    """
    time, received = event.time, event.received
    if not (0 <= time < LATEST and 0 <= received < LATEST):
        raise BadValue(
            f"an event of {event.attribute} has the time {time} s, received {received} s: "
            "times are seconds since 1970, until the year 9999"
        )
    start = round(time * 1e6)
    return start, round(received * 1e6) - start


def check_words(event: Event) -> None:
    """Raises BadValue if a kind or quality is none of those that there are."""
    if event.kind not in KINDS:
        raise BadValue(f"an event of {event.attribute} is of kind {event.kind!r}; kinds are {', '.join(KINDS)}")
    if event.quality not in QUALITIES:
        raise BadValue(
            f"an event of {event.attribute} has quality {event.quality!r}; qualities are {', '.join(QUALITIES)}"
        )


def stored(value: Value) -> tuple[int, float | int | str | bytes | None]:
    """Form of a value, and how SQLite keeps it.

    Raises:
        BadValue: a value that the archive has no place for.
    """
    if value is None:
        return NOTHING, None
    if isinstance(value, (bool, np.bool_)):
        return BOOLEAN, int(value)
    if isinstance(value, (int, np.integer)):
        return _stored_integer(int(value))
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return REAL, None if math.isnan(number) else number
    if isinstance(value, str):
        return TEXT, str(value)
    if isinstance(value, (np.ndarray, list, tuple)):
        return _stored_spectrum(value)
    raise BadValue(f"a value of type {type(value).__name__} cannot be archived; numbers, words and spectra of them can")


def _stored_integer(value: int) -> tuple[int, int | str]:
    if -_SIGNED_END <= value < _SIGNED_END:
        return INTEGER, value
    if 0 <= value < 2 * _SIGNED_END:
        return UNSIGNED, value - _SIGNED_END  # SQLite's integers are signed
    raise BadValue(f"the integer {value} has more than 64 bits and cannot be archived")


def _stored_spectrum(value: Any) -> tuple[int, bytes | str]:
    array = np.asarray(value)
    if array.ndim != 1:
        raise BadValue(f"a value of shape {array.shape} cannot be archived; spectra of one dimension can")
    if array.dtype.kind == "b":
        return BOOLEANS, array.tobytes()
    if array.dtype.kind == "u" and array.dtype.itemsize == 8 and (array >= _SIGNED_END).any():
        return UNSIGNEDS, array.astype("<u8").tobytes()
    if array.dtype.kind in "iu":
        return INTEGERS, array.astype("<i8").tobytes()
    if array.dtype.kind == "f":
        return REALS, array.astype("<f8").tobytes()
    if array.dtype.kind == "U" or all(isinstance(one, str) for one in array):
        return TEXTS, json.dumps([str(one) for one in array])
    raise BadValue(f"a spectrum of {array.dtype} cannot be archived; those of numbers, truth values and words can")


def restored(form: int, kept: Any) -> Value:
    """A value from its form and what SQLite kept."""
    if form == REAL:
        return math.nan if kept is None else float(kept)
    if form == BOOLEAN:
        return bool(kept)
    if form == UNSIGNED:
        return int(kept) + _SIGNED_END
    if form == TEXTS:
        return np.array(json.loads(kept), dtype=np.str_)
    if form in DTYPES:
        return np.frombuffer(kept, DTYPES[form])
    return kept  # type: ignore[no-any-return]  # nothing, an integer or a word stand as they are


def written_text(value: Value) -> str | None:
    """A write value as JSON; None for none."""
    if value is None:
        return None
    if type(value) is float:
        return repr(value) if math.isfinite(value) else json.dumps(value)
    if isinstance(value, (np.ndarray, np.generic)):
        return json.dumps(value.tolist())
    return json.dumps(value)


def written_value(text: str | None) -> Value:
    """A write value from its JSON."""
    if text is None:
        return None
    value = json.loads(text)
    return np.array(value) if isinstance(value, list) else value
