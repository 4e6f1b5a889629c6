"""The electronic logbook in Redis: what people did and said, the errors that they met, and the scans."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ronda.framework.stream import keys, scripts
from ronda.framework.stream.connection import Server
from ronda.framework.stream.session import PLACE

MOST = 100_000
"""So many entries stay in memory, about; what reads them has written them elsewhere long before."""

LONGEST = 10_000
"""Characters of a text; the rest is left out, and said to be."""

BEGINNING = "0-0"
"""Before the first entry."""


@dataclass(frozen=True)
class LogEntry:
    """One entry.

    Attributes:
        identifier: its id in Redis, which grows.
        time: when it happened, seconds since 1970.
        kind: `command`, `error`, `note` or `scan`.
        text: what was typed, told or noted.
        user: who.
        session: name of the session, empty for none.
        place: where its data belonged then, as in `framework.policy.place.Place.to_state`.
    """

    identifier: str
    time: float
    kind: str
    text: str
    user: str
    session: str
    place: Mapping[str, Any] = field(default_factory=dict)


class Logbook:
    """The logbook of a beamline; `Stream.logbook` makes it. Entries are only ever added.

    All methods raise CommunicationFailed if Redis does not answer.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def add(
        self,
        kind: str,
        text: str,
        *,
        user: str,
        session: str = "",
        when: float | None = None,
        place: Mapping[str, Any] | None = None,
        token: str = "",
    ) -> str:
        """Add an entry.

        Args:
            kind: `command`, `error`, `note` or `scan`.
            text: what is to be read.
            user, session: whose.
            when: seconds since 1970; now if None.
            place: where data belonged; where those of the session belong now if None.
            token: tells it from all others; one that was added with it within an hour is not added again.

        Returns:
            its id; empty if it was there.
        """
        told = text if len(text) <= LONGEST else f"{text[:LONGEST]} … ({len(text) - LONGEST} characters left out)"
        fields: list[Any] = ["time", f"{time.time() if when is None else when:.6f}", "kind", kind, "text", told]
        fields += ["user", user, "session", session]
        if place is not None:
            fields += ["place", json.dumps(dict(place), ensure_ascii=False)]
        session_key = keys.session(session) if place is None else ""
        said = keys.said(token or secrets.token_hex(8))
        made = self._server.script(scripts.LOG, keys.LOGBOOK, said, MOST, session_key, PLACE, *fields)
        return str(made.decode())

    def after(self, place: str, *, most: int = 200) -> list[LogEntry]:
        """The entries behind a place, the oldest first."""
        return [_entry(*one) for one in self._server.call("XRANGE", keys.LOGBOOK, f"({place}", "+", "COUNT", most)]

    def last(self, number: int) -> list[LogEntry]:
        """The latest entries, the oldest of them first."""
        found = self._server.call("XREVRANGE", keys.LOGBOOK, "+", "-", "COUNT", number)
        return [_entry(*one) for one in reversed(found)]

    def reached(self, reader: str) -> str:
        """How far a reader has come; empty if it never read."""
        found = self._server.call("HGET", keys.LOGBOOK_READERS, reader)
        return "" if found is None else str(found.decode())

    def reach(self, reader: str, place: str) -> None:
        """Keep how far a reader has come."""
        self._server.script(scripts.REACHED, keys.LOGBOOK_READERS, reader, place)


def order_of(identifier: str) -> tuple[int, int]:
    """What ids are compared by: as text `9-10` would come before `9-9`."""
    first, _, second = identifier.partition("-")
    return int(first), int(second)


def _entry(identifier: bytes, fields: list[bytes]) -> LogEntry:
    words = [each.decode(errors="replace") for each in fields]
    told = dict(zip(words[::2], words[1::2], strict=True))
    return LogEntry(
        identifier.decode(),
        float(told["time"]),
        told["kind"],
        told["text"],
        told["user"],
        told["session"],
        json.loads(told["place"]),
    )
