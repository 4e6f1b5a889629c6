"""Times as people type them: `yesterday 18:00`, `now`, `2 h`, `2026-11-26 08:30`."""

from __future__ import annotations

import datetime as dt
import re
import time as clock
from typing import TypeAlias

from ronda.framework.errors import BadValue

Time: TypeAlias = str | float | dt.datetime
"""A time: words, seconds since 1970, or a date and time (without a zone: local time)."""

UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
    "w": 604800.0,
    "week": 604800.0,
}

DAYS = {"today": 0, "yesterday": 1}

_SPAN = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]+)")
_SPANS = re.compile(rf"(?:{_SPAN.pattern}[\s,]*)+")

KNOWN = (
    "`2 h`, `30 min ago`, `now`, `today 08:00`, `yesterday 18:00`, `18:00` (the last one), `2026-11-26` or "
    "`2026-11-26 08:30`"
)


def span(text: str | float) -> float:
    """A length of time in s: `2 h`, `1 h 30 min`, `90`.

    Raises:
        BadValue: it is no length of time, or not above 0.
    """
    found = float(text) if isinstance(text, (int, float)) else _span(text.strip().lower())
    if found is None or not 0 < found < 1e11:
        raise BadValue(f"{text!r} is no length of time; say `30 s`, `10 min`, `2 h`, `1 h 30 min`, `3 d` or `1 w`")
    return found


def _span(text: str) -> float | None:
    if re.fullmatch(r"\d+(\.\d*)?", text):
        return float(text)
    if not _SPANS.fullmatch(text):
        return None
    total = 0.0
    for number, unit in _SPAN.findall(text):
        factor = UNITS.get(unit, UNITS.get(unit.removesuffix("s")))
        if factor is None:
            return None
        total += float(number) * factor
    return total


def moment(what: Time, now: float | None = None) -> float:
    """A time in s since 1970. Words without a zone are local time; a length of time means so long ago.

    Args:
        what: the time.
        now: the present, in s since 1970; None for the clock.

    Raises:
        BadValue: it is no time.
    """
    present = clock.time() if now is None else now
    if isinstance(what, dt.datetime):
        return what.timestamp()
    if isinstance(what, (int, float)):
        found: float | None = float(what)
    else:
        found = _moment(what.strip(), present)
    if found is None or not 0 <= found < 253402300800:
        raise BadValue(f"{what!r} is no time; say {KNOWN}")
    return found


def _moment(text: str, now: float) -> float | None:
    words = text.lower()
    if words == "now":
        return now
    ago = _span(words.removesuffix("ago").strip())
    if ago is not None and not re.fullmatch(r"[\d.]+", words):
        return now - ago
    if re.fullmatch(r"\d{9,}(\.\d*)?", words):
        return float(words)  # seconds since 1970
    day, _, rest = words.partition(" ")
    today = dt.datetime.fromtimestamp(now).date()
    try:
        if day in DAYS:
            at = dt.time.fromisoformat(rest.strip() or "00:00")
            return dt.datetime.combine(today - dt.timedelta(days=DAYS[day]), at).timestamp()
        if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?", words):
            at = dt.time.fromisoformat(words.zfill(len(words) + (words.index(":") == 1)))
            last = dt.datetime.combine(today, at).timestamp()
            return last if last <= now else dt.datetime.combine(today - dt.timedelta(days=1), at).timestamp()
        return dt.datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def between(since: Time | None, until: Time | None, now: float | None = None) -> tuple[float, float]:
    """Beginning and end in s since 1970; without an end until now, without a beginning from the beginning of all.

    Raises:
        BadValue: one of them is no time, or the end is not after the beginning.
    """
    present = clock.time() if now is None else now
    start = 0.0 if since is None else moment(since, present)
    stop = present if until is None else moment(until, present)
    if not start < stop:
        raise BadValue(
            f"the time from {text(start)} to {text(stop)} is no interval: its end must be after its beginning"
        )
    return start, stop


def text(time: float, parts: int = 0) -> str:
    """A time for people: local, with so many digits after the seconds."""
    shown = dt.datetime.fromtimestamp(time).isoformat(" ", "microseconds")
    return shown[: 19 + (parts + 1 if parts else 0)]
