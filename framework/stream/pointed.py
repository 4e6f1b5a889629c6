"""What people point at in the live view: clicks that a prompt waits for, and marks that are kept with a scan."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ronda.framework.errors import BadValue
from ronda.framework.stream import keys
from ronda.framework.stream.connection import Server

CLICK, MARK = "click", "mark"
"""Kinds of entries: a place somebody may want to go to; a place with a note."""

MOST = 1000
"""Entries of a kind that stay in memory, about: clicks do not push marks out."""

MOST_MARKS = 100
"""Marks of one scan that are kept, the latest ones."""

LONGEST_NOTE = 500
"""Characters of a note."""

LONGEST = 4000
"""Characters of an entry as JSON."""


@dataclass(frozen=True)
class Pointed:
    """A place that somebody pointed at.

    Attributes:
        identifier: its id in Redis, which grows.
        kind: CLICK or MARK.
        scan: id of the scan that was looked at.
        number: its number.
        who: who pointed, for people.
        time: when, seconds since 1970.
        channel: what was drawn there.
        positions: of axes, by name, in their units; empty on images and spectra.
        pixel: row and column of an image, or the channel of a spectrum; empty on curves and maps.
        index: of the point of the scan; None if it is none.
        values: what was drawn there, by channel.
        note: what is said of it; of marks.
        token: tells it from all others.
    """

    identifier: str
    kind: str
    scan: str
    number: int
    who: str
    time: float
    channel: str = ""
    positions: Mapping[str, float] = field(default_factory=dict)
    pixel: tuple[int, ...] = ()
    index: int | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    token: str = ""

    def __str__(self) -> str:
        """Where it is, in words."""
        words = [f"{name} {at:.7g}" for name, at in self.positions.items()]
        if self.pixel:
            words += [f"row {self.pixel[0]} column {self.pixel[1]}" if self.pixel[1:] else f"channel {self.pixel[0]}"]
        if self.index is not None:
            words.append(f"point {self.index}")
        told = ", ".join(f"{name} {value:.7g}" for name, value in self.values.items())
        return ", ".join(words) + (f": {told}" if told else "")


class Pointer:
    """The streams of such places, one for each kind; `Stream.pointer` makes it.

    All methods raise CommunicationFailed if Redis does not answer.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def add(self, kind: str, scan: str, number: int, who: str, **where: Any) -> Pointed:
        """Point at a place.

        Args:
            kind: CLICK or MARK.
            scan, number: id and number of the scan that is looked at.
            who: for people.
            where: attributes of `Pointed` that say where, and the note.

        Raises:
            BadValue: it is too long to be kept.
        """
        if len(str(where.get("note", ""))) > LONGEST_NOTE:
            raise BadValue(f"a note of {len(str(where['note']))} characters is too long; {LONGEST_NOTE} are allowed")
        told = {"number": number, "who": who, "time": time.time(), "token": secrets.token_hex(8), **where}
        text = json.dumps(told, ensure_ascii=False, allow_nan=False)
        if len(text) > LONGEST:
            raise BadValue(f"a place of {len(text)} characters is too long; {LONGEST} are allowed")
        fields = ("kind", kind, "scan", scan, "place", text)
        made = self._server.call("XADD", keys.pointed(kind), "MAXLEN", "~", MOST, "*", *fields)
        return Pointed(made.decode(), kind, scan, **told)

    def place(self, kind: str) -> str:
        """Behind the latest entry of a kind: what is pointed at from now on comes after it."""
        found = self._server.call("XREVRANGE", keys.pointed(kind), "+", "-", "COUNT", 1)
        return str(found[0][0].decode()) if found else "0-0"

    def after(self, place: str, kind: str, scan: str = "") -> list[Pointed]:
        """Entries of a kind behind a place, the oldest first; of one scan if its id is given. Each is told once."""
        found: dict[str, Pointed] = {}
        for identifier, entry in self._server.call("XRANGE", keys.pointed(kind), f"({place}", "+"):
            fields = dict(zip(entry[::2], entry[1::2], strict=True))
            if scan in ("", fields[b"scan"].decode()):
                told = json.loads(fields[b"place"])
                told["pixel"] = tuple(told.get("pixel", ()))
                one = Pointed(identifier.decode(), kind, fields[b"scan"].decode(), **told)
                found.setdefault(one.token, one)  # who got no answer adds it again
        return list(found.values())

    def marks(self, scan: str) -> list[Pointed]:
        """The marks of a scan, the oldest first; the latest ones if there are very many."""
        return self.after("0-0", MARK, scan)[-MOST_MARKS:]


def to_text(marks: list[Pointed]) -> str:
    """Marks as the file of a scan keeps them: a JSON list, empty text for none."""
    if not marks:
        return ""
    told = [
        {
            "time": one.time,
            "who": one.who,
            "note": one.note,
            "channel": one.channel,
            "index": one.index,
            "positions": dict(one.positions),
            "pixel": list(one.pixel),
            "values": dict(one.values),
        }
        for one in marks
    ]
    return json.dumps(told, ensure_ascii=False)
