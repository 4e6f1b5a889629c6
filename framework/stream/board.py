"""The board: what people at prompts ask displays to show. Of each kind the latest stays; nothing waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ronda.framework.errors import BadValue
from ronda.framework.stream import keys
from ronda.framework.stream.connection import Server

KINDS = ("plot", "selection", "drawing")
"""What is asked for: a scan, which counters of scans, or arrays to be drawn."""

LARGEST = 16_000_000
"""Bytes of a message; it takes memory in Redis beside the scans."""


class Notice(NamedTuple):
    """What was asked for.

    Attributes:
        kind: one of `KINDS`.
        place: its id in Redis, by which a later one of the kind is told from it.
        message: as it goes to pages.
    """

    kind: str
    place: str
    message: bytes


class Board:
    """A beamline's board; `Stream.board` makes it. All methods raise CommunicationFailed if Redis does not answer."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def put(self, kind: str, message: bytes) -> None:
        """Ask for something, in the place of what was asked for before.

        Args:
            kind: one of `KINDS`.
            message: what displays are sent.

        Raises:
            BadValue: it is too large.
        """
        if len(message) > LARGEST:
            raise BadValue(
                f"{kind}: takes {len(message) / 1e6:.1f} MB, displays take {LARGEST / 1e6:.0f} MB at most; show a part "
                "of it, or every second value"
            )
        self._server.call("XADD", keys.board(kind), "MAXLEN", 1, "*", "message", message)

    def after(self, places: Mapping[str, str], timeout: float) -> list[Notice]:
        """What was asked for since; also what stands there already, for who has no place yet.

        Args:
            places: by kind, the place of the last notice that is known; none of a kind for its beginning.
            timeout: seconds to wait for the first one.
        """
        names = [keys.board(kind) for kind in KINDS]
        known = [places.get(kind, "0-0") for kind in KINDS]
        answer = self._server.call("XREAD", "BLOCK", max(int(timeout * 1000), 1), "STREAMS", *names, *known)
        found = []
        for name, entries in answer or []:
            kind = KINDS[names.index(name.decode())]
            found += [Notice(kind, place.decode(), fields[1]) for place, fields in entries]
        return found
