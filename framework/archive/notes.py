"""Who changed what, as devices of ours note it: an attribute says `Velocity by jane@id01, process 4242`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ronda.framework.archive.held import held
from ronda.framework.archive.reading import Reader, View
from ronda.framework.archive.record import device_of

NOTE = "changedby"
"""Name of the attribute, in lower case."""

ACTING = ("position", "setpoint", "value", "filter", "transmission")
"""Attributes of ours that set something going: what is read of them jitters, so their setpoints are compared."""

LATE = 1.0
"""Seconds after a change by which its note may follow."""

NEAR = 2.0
"""Seconds between a change and a note of another setting of the device that brought it along."""


def is_note(attribute: str) -> bool:
    """Whether an attribute says who changed its device."""
    return attribute.rpartition("/")[2] == NOTE


def is_acting(attribute: str) -> bool:
    """Whether an attribute of ours sets something going."""
    return attribute.rpartition("/")[2] in ACTING


@dataclass(frozen=True)
class Notes:
    """The notes of some devices.

    Attributes:
        by_device: times in s since 1970, ascending, each with what was noted; an empty text since a server started.
    """

    by_device: Mapping[str, Sequence[tuple[float, str]]]

    def heard(self, device: str) -> bool:
        """Whether it is known who changed a device, or that nobody did."""
        return bool(self.by_device.get(device))

    def author(self, attribute: str, time: float) -> str | None:
        """Who changed an attribute at a time in s since 1970; None if nobody is known to have."""
        device, _, name = attribute.rpartition("/")
        notes = self.by_device.get(device, ())
        near = None
        for when, note in reversed(notes[: bisect_right(notes, time + LATE, key=lambda one: one[0])]):
            if not note:
                break  # since its server started nobody has
            what, _, who = note.partition(" by ")
            names = what.lower().replace("_", "").split(", ")
            if name in names:
                return who or None
            if near is None and abs(when - time) <= NEAR and not set(ACTING) & {name, *names}:
                near = who or None  # one setting may bring another one along
        return near


def notes_of(reader: Reader, attributes: Sequence[str], since: float, until: float) -> Notes:
    """The notes of the devices of some attributes between two times in s since 1970, and the last one before."""
    names = [f"{device}/{NOTE}" for device in dict.fromkeys(map(device_of, attributes))]
    if not names:
        return Notes({})
    found: dict[str, list[tuple[float, str]]] = {
        device_of(one.attribute): [(one.event.time, str(one.value))] if one.event and one.known else []
        for one in held(reader, names, since)
    }
    span = round(since * 1e6) + 1, round((until + LATE) * 1e6)

    def answer(view: View) -> list[tuple[Any, ...]]:
        return view.fetch(
            "SELECT attribute, epoch_us(time), text FROM events WHERE attribute IN (SELECT unnest(?::VARCHAR[])) "
            "AND kind = 'value' AND time BETWEEN make_timestamptz(?) AND make_timestamptz(?) ORDER BY time, file, row",
            *(names, *span),
        )

    for name, time, text in reader.question(answer, names, *span):
        found[device_of(name)].append((time / 1e6, text or ""))
    return Notes(found)
