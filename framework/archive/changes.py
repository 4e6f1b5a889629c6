"""What differs between two times: the settings that somebody moved, told from readings that jitter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ronda.framework.archive.coding import written_value
from ronda.framework.archive.held import held, latest_events
from ronda.framework.archive.reading import Reader, View
from ronda.framework.archive.record import Event, Value, device_of, same_value

WHATS = ("setting", "configuration", "state", "presence")
"""In the order of the answer."""


@dataclass(frozen=True)
class Change:
    """Something that differs between two times.

    Attributes:
        attribute: its name; of a configuration the device's.
        what: `setting` somebody moved it; `configuration` of a device; `state` a reading that is a word or a truth
            value; `presence` it has a value at one of the times only.
        old, new: values at both times; of a setting the setpoints.
        time: when it last changed, in s since 1970; None if that is not stored.
        who: who is known to have changed it last; None if nobody knows.
        times: how often it changed between them.
        reason: why there is no value, at the time at which there is none.
    """

    attribute: str
    what: Literal["setting", "configuration", "state", "presence"]
    old: Value
    new: Value
    time: float | None = None
    who: str | None = None
    times: int = 1
    reason: str = ""

    def command(self) -> str:
        """What to type in Python to go back; empty where nothing can be written."""
        if self.what != "setting" or self.old is None:
            return ""
        device, _, name = self.attribute.rpartition("/")
        old = self.old.tolist() if isinstance(self.old, np.ndarray) else self.old
        return f"tango.DeviceProxy({device!r}).write_attribute({name!r}, {old!r})"


def changes(reader: Reader, names: Sequence[str], since: float, until: float) -> list[Change]:
    """What differs of attributes and devices between two times in s since 1970; settings first, then by time."""
    attributes = [name for name in names if "/" in name]
    known = held(reader, attributes, since), held(reader, attributes, until)
    authors = _authors(reader, attributes, since, until)
    found: list[Change] = []
    for before, after in zip(*known, strict=True):
        one, other = before.event, after.event
        if before.known != after.known:
            reason = before.reason or after.reason
            time = None if other is None else other.time
            found.append(Change(after.attribute, "presence", before.value, after.value, time, reason=reason))
        if not (one and other and before.known and after.known):
            continue
        if _set(one, other):
            found.append(Change(after.attribute, "setting", one.write_value, other.write_value))
        elif after.attribute in authors and not same_value(before.value, after.value):
            found.append(Change(after.attribute, "setting", before.value, after.value))
        elif _discrete(other) and not same_value(before.value, after.value):
            found.append(Change(after.attribute, "state", before.value, after.value, other.time))
    found = _told(reader, found, authors, since, until) + _configurations(reader, names, since, until)
    return sorted(found, key=lambda change: (WHATS.index(change.what), -(change.time or 0), change.attribute))


def _set(before: Event, after: Event) -> bool:
    """Whether the setpoint is another one."""
    if before.write_value is None or after.write_value is None:
        return False
    return not same_value(before.write_value, after.write_value)


def _discrete(event: Event) -> bool:
    """Whether a reading that differs is news: it does not jitter."""
    if isinstance(event.value, np.ndarray):
        return event.value.dtype.kind in "Ub"
    return isinstance(event.value, (str, bool)) or event.type in ("DevEnum", "DevState")


def _authors(reader: Reader, names: Sequence[str], since: float, until: float) -> dict[str, tuple[float, str]]:
    """The last known author of each attribute that has one between two times, and when."""
    span = round(since * 1e6) + 1, round(until * 1e6)

    def answer(view: View) -> list[tuple[Any, ...]]:
        return view.fetch(
            "SELECT attribute, max(epoch_us(time)), arg_max(who, time) FROM events WHERE who IS NOT NULL "
            "AND time BETWEEN make_timestamptz(?) AND make_timestamptz(?) GROUP BY attribute",
            *span,
        )

    wanted = set(names)
    return {
        name: (time / 1e6, who) for name, time, who in reader.question(answer, None, *span, who=True) if name in wanted
    }


def _told(
    reader: Reader, found: list[Change], authors: dict[str, tuple[float, str]], since: float, until: float
) -> list[Change]:
    """The same changes; settings with when, how often and by whom."""
    names = [change.attribute for change in found if change.what == "setting"]
    if not names:
        return found
    span = round(since * 1e6) + 1, round(until * 1e6)

    def answer(view: View) -> list[tuple[Any, ...]]:
        return view.fetch(
            "SELECT attribute, epoch_us(time), written, who FROM (SELECT attribute, time, written, who, file, row, "
            "lag(written) OVER (PARTITION BY attribute ORDER BY time, file, row) AS former FROM events "
            "WHERE attribute IN (SELECT unnest(?::VARCHAR[])) AND kind = 'value' "
            "AND time BETWEEN make_timestamptz(?) AND make_timestamptz(?)) "
            "WHERE written IS DISTINCT FROM former ORDER BY attribute, time, file, row",
            *(names, *span),
        )

    moves: dict[str, list[tuple[float, Value, str | None]]] = {name: [] for name in names}
    for name, time, written, who in reader.question(answer, names, *span):
        moves[name].append((time / 1e6, written_value(written), who))
    told = []
    for change in found:
        if change.what != "setting":
            told.append(change)
            continue
        steps = moves[change.attribute]
        if steps and same_value(steps[0][1], change.old):
            steps = steps[1:]  # what was read first is what it was before
        author = authors.get(change.attribute)
        time = steps[-1][0] if steps else (author[0] if author else None)
        who = (steps[-1][2] if steps else None) or (author[1] if author else None)
        told.append(replace(change, time=time, who=who, times=max(len(steps), 1)))
    return told


def _configurations(reader: Reader, names: Sequence[str], since: float, until: float) -> list[Change]:
    devices = list(dict.fromkeys([*names, *filter(None, map(device_of, names))]))
    kinds = ["configuration"]
    before = latest_events(reader, devices, 0, round(since * 1e6), kinds)
    after = latest_events(reader, devices, round(since * 1e6) + 1, round(until * 1e6), kinds)
    return [
        Change(name, "configuration", before[name].text, event.text, event.time, event.who)
        for name, event in after.items()
        if name in before and before[name].text != event.text
    ]
