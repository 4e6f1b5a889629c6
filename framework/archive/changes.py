"""What differs between two times: the settings that somebody moved, told from readings that jitter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ronda.framework.archive.coding import written_value
from ronda.framework.archive.export import VALUE
from ronda.framework.archive.held import Held, held, last_values, latest_events
from ronda.framework.archive.notes import Notes, is_acting, is_note, notes_of
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
    attributes = [name for name in names if "/" in name and not is_note(name)]
    ours = {device_of(name) for name in reader.names() if is_note(name)}
    known = held(reader, attributes, since), held(reader, attributes, until)
    earlier = last_values(reader, [one.attribute for one in known[0] if one.event and not one.known], since)
    later = last_values(reader, [one.attribute for one in known[1] if _is_blind(one)], until)
    authors = _authors(reader, attributes, since, until)
    found: list[Change] = []
    by_value: set[str] = set()
    for before, after in zip(*known, strict=True):
        name = after.attribute
        one = before.event if before.known else earlier.get(name)  # away, or nobody listened: as it was before that
        other = after.event if after.known else later.get(name)
        if before.event is None or (one is None and other is None):
            continue  # it is what the archive began with
        if one is None and other is not None:
            found.append(Change(name, "presence", None, other.value, other.time, reason="it was not there before"))
        elif before.known and not (after.known or _is_blind(after)):
            time = None if after.event is None else after.event.time
            found.append(Change(name, "presence", before.value, None, time, reason=after.reason))
        if one is None or other is None or one.value is None or other.value is None:
            continue
        if not (after.known or _is_blind(after)):
            continue
        same = same_value(one.value, other.value)
        if device_of(name) in ours and other.write_value is not None and not is_acting(name):
            if not same:  # what was written last is forgotten when its server restarts, and what counts is read
                by_value.add(name)
                found.append(Change(name, "setting", one.value, other.value))
        elif _set(one, other):
            found.append(Change(name, "setting", one.write_value, other.write_value))
        elif name in authors and not same:
            found.append(Change(name, "setting", one.value, other.value))
        elif _discrete(other) and not same:
            found.append(Change(name, "state", one.value, other.value, other.time))
    settings = [change.attribute for change in found if change.what == "setting"]
    steps = _steps(reader, [name for name in settings if name not in by_value], since, until, "written")
    steps |= _steps(reader, [name for name in settings if name in by_value], since, until, VALUE)
    notes = notes_of(reader, [name for name in settings if device_of(name) in ours], since, until)
    told = _configurations(reader, names, since, until)
    for change in found:
        whole = _told(change, steps, authors, notes) if change.what == "setting" else change
        if whole is not None:
            told.append(whole)
    return sorted(told, key=lambda change: (WHATS.index(change.what), -(change.time or 0), change.attribute))


def _is_blind(one: Held) -> bool:
    """Whether there is no value because nobody listened, which is no news of the device."""
    return one.event is not None and one.event.kind in ("appear", "start", "gap")


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


def _steps(
    reader: Reader, names: Sequence[str], since: float, until: float, what: str
) -> dict[str, list[tuple[float, str | None, str | None]]]:
    """When settings became others between two times: the time, what they became, and the author where it is stored.

    Args:
        what: a text in SQL that differs when they do.
    """
    moves: dict[str, list[tuple[float, str | None, str | None]]] = {name: [] for name in names}
    if not names:
        return moves
    span = round(since * 1e6) + 1, round(until * 1e6)

    def answer(view: View) -> list[tuple[Any, ...]]:
        return view.fetch(
            "SELECT attribute, epoch_us(time), what, who FROM (SELECT attribute, time, what, who, file, row, "
            "lag(what) OVER (PARTITION BY attribute ORDER BY time, file, row) AS former FROM "
            f"(SELECT attribute, time, {what} AS what, who, file, row FROM events "
            "WHERE attribute IN (SELECT unnest(?::VARCHAR[])) AND kind = 'value' "
            "AND time BETWEEN make_timestamptz(?) AND make_timestamptz(?))) "
            "WHERE what IS DISTINCT FROM former ORDER BY attribute, time, file, row",
            *(names, *span),
        )

    for name, time, became, who in reader.question(answer, names, *span):
        moves[name].append((time / 1e6, became, who))
    return moves


def _told(
    change: Change,
    steps: dict[str, list[tuple[float, str | None, str | None]]],
    authors: dict[str, tuple[float, str]],
    notes: Notes,
) -> Change | None:
    """A setting with when, how often and by whom; None if it is a setpoint of ours that nobody moved."""
    name = change.attribute
    moves = steps[name]
    if moves and _is(moves[0][1], change.old):
        moves = moves[1:]  # what was read first is what it was before
    whos = [(time, who or notes.author(name, time)) for time, _, who in moves]
    known = [(time, who) for time, who in whos if who]
    if not known and is_acting(name) and notes.heard(device_of(name)):
        return None  # its server restarted, and took where it stood for the setpoint
    author = authors.get(name)
    time, who = (known or whos or [(author or (None, None))])[-1]
    if who is None and author is not None:
        who = author[1]
    return replace(change, time=time, who=who, times=max(len(moves), 1))


def _is(text: str | None, value: Value) -> bool:
    """Whether a step is to a value; steps by value are text that JSON does not read in all cases."""
    if isinstance(value, str) and text == value:
        return True
    try:
        return same_value(written_value(text), value)
    except ValueError:
        return False


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
