"""What people, programs and rules tell the owner of a running scan, over a stream of the scan's own."""

from __future__ import annotations

from typing import NamedTuple

from ronda.framework.stream import keys
from ronda.framework.stream.connection import Server

WORDS = ("pause", "resume", "stop", "abort")
"""The orders that there are."""

OVER = "over"
"""The last entry: the scan has ended."""

BLOCKING = 1.0
"""Longest wait in one command, in seconds."""


class Order(NamedTuple):
    """An order.

    Attributes:
        word: one of WORDS, or OVER.
        who: gave it, for people.
    """

    word: str
    who: str


class Orders:
    """The orders for one scan, as they come in; all of them, from the first."""

    def __init__(self, server: Server, scan: str) -> None:
        self._server = server
        self._scan = scan
        self._place: bytes | str = "0-0"

    def wait(self, limit: float) -> list[Order]:
        """The next ones; none if none came in time.

        Args:
            limit: longest wait in s, above 0.

        Raises:
            redis.RedisError, OSError: as they come.
        """
        milliseconds = max(int(min(limit, BLOCKING) * 1000), 1)
        key = keys.orders(self._scan)
        answer = self._server.once(("XREAD", "COUNT", 10, "BLOCK", milliseconds, "STREAMS", key, self._place))[0]
        found = []
        for identifier, entry in answer[0][1] if answer else []:
            self._place = identifier
            fields = dict(zip(entry[::2], entry[1::2], strict=True))
            found.append(Order(fields.get(b"order", b"").decode(), fields.get(b"who", b"").decode()))
        return found
