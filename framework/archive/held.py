"""What was known of attributes at a time: the last that was heard until then, unless the device was away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ronda.framework.archive.reading import EVENT, Reader, View, event
from ronda.framework.archive.record import BREAKS, EVERYTHING, Event, Value, device_of
from ronda.framework.archive.times import text

LOOKS = (60, 3600, 86400, 14 * 86400, None)
"""Seconds before the time that are searched, one after the other; None for all. Most of what is read each second is
found in the first one, where few rows must be looked at."""

REASONS = {
    "error": "it could not be read",
    "appear": "its device had just come, and was not read yet",
    "vanish": "its device was away",
    "start": "the data logger had just begun, and it was not read yet",
    "gap": "the data logger was not listening",
}


@dataclass(frozen=True)
class Held:
    """What was known of an attribute at a time.

    Attributes:
        attribute: its name.
        time: the time asked for, in s since 1970.
        event: the last that was heard of it, or of its device, or of the whole store, until then; None if nothing was.
    """

    attribute: str
    time: float
    event: Event | None

    @property
    def known(self) -> bool:
        """Whether there was a value."""
        return self.event is not None and self.event.kind == "value" and self.event.value is not None

    @property
    def value(self) -> Value:
        """The value; None if there was none."""
        return self.event.value if self.event is not None and self.known else None

    @property
    def age(self) -> float | None:
        """For how long that had been so, in s."""
        return None if self.event is None else self.time - self.event.time

    @property
    def reason(self) -> str:
        """Why there is no value; empty if there is one."""
        if self.event is None:
            return "nothing was stored of it until then"
        if self.known:
            return ""
        since = text(self.event.time)
        if self.event.kind == "value":
            return f"since {since} its quality was {self.event.quality}, without a value"
        note = f": {self.event.text}" if self.event.text else ""
        return f"since {since} {REASONS[self.event.kind]}{note}"


HEARD = ("value", *BREAKS)


def held(reader: Reader, attributes: Sequence[str], time: float) -> list[Held]:
    """What was known of attributes at a time in s since 1970, in their order."""
    stop = round(time * 1e6)
    found: dict[str, Held] = {}
    words: dict[str, Event] = {}
    begin = stop
    missing = list(dict.fromkeys(attributes))
    for look in LOOKS:
        end, begin = begin, 0 if look is None else max(0, stop - look * 1_000_000)
        for name, one in latest_events(reader, _scopes(missing), begin, end if end == stop else end - 1).items():
            words.setdefault(name, one)
        for name in missing:
            last = _last(name, words)
            if last is not None:
                found[name] = Held(name, time, last)
        missing = [name for name in missing if name not in found]
        if not missing or begin == 0:
            break
    return [found.get(name, Held(name, time, None)) for name in attributes]


def last_values(reader: Reader, attributes: Sequence[str], time: float) -> dict[str, Event]:
    """The last value that each attribute had until a time in s since 1970, whatever came between."""
    stop = begin = round(time * 1e6)
    found: dict[str, Event] = {}
    missing = list(attributes)
    for look in LOOKS if missing else ():  # a question takes its time even if it is about nothing
        end, begin = begin, 0 if look is None else max(0, stop - look * 1_000_000)
        found |= latest_events(reader, missing, begin, end if end == stop else end - 1, ["value"])
        missing = [name for name in missing if name not in found]
        if not missing or begin == 0:
            break
    return found


def _scopes(attributes: Iterable[str]) -> list[str]:
    """The names under which something may stand that concerns attributes."""
    scopes = dict.fromkeys(attributes)
    scopes.update(dict.fromkeys(filter(None, (device_of(name) for name in attributes))))
    scopes[EVERYTHING] = None
    return list(scopes)


def _last(attribute: str, latest: dict[str, Event]) -> Event | None:
    """The last word on an attribute; at the same time its own word counts, then its device's."""
    words = [latest[name] for name in (attribute, device_of(attribute), EVERYTHING) if name in latest]
    return max(words, key=lambda one: one.time, default=None)


def latest_events(
    reader: Reader, names: Sequence[str], start: int, stop: int, kinds: Sequence[str] = HEARD
) -> dict[str, Event]:
    """The last event of some kinds that stands under each name between two times in µs, both included."""
    listed = ", ".join(f"'{kind}'" for kind in kinds)

    def answer(view: View) -> list[Event]:
        view.ask("CREATE OR REPLACE TEMP TABLE wanted AS SELECT unnest(?::VARCHAR[]) AS attribute", [list(names)])
        range_ = "time BETWEEN make_timestamptz(?) AND make_timestamptz(?)"
        rows = view.fetch(
            "WITH last AS (SELECT attribute, max(time) AS time FROM events SEMI JOIN wanted USING (attribute) "
            f"WHERE kind IN ({listed}) AND {range_} GROUP BY attribute) "
            f"SELECT {EVENT} FROM events JOIN last USING (attribute, time) WHERE kind IN ({listed}) AND {range_} "
            "ORDER BY file, row",
            *(start, stop) * 2,
        )
        return [event(row) for row in rows]

    return {
        one.attribute: one for one in reader.question(answer, names, start, stop, kinds)
    }  # of the same time the last
