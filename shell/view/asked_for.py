"""What people at prompts ask the page to show, followed in a thread of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

from ronda.framework.stream import Stream

LOOK = 0.5
"""Seconds after which the thread looks whether it shall end."""

PAUSE = 1.0
"""Seconds until Redis is asked again after it did not answer."""


class AskedFor:
    """The latest of each kind.

    Args:
        stream: where.
        call: is called with the id of a scan that somebody plots.

    Raises:
        CommunicationFailed: Redis does not answer.

    Attributes:
        version: another number after each change.
    """

    def __init__(self, stream: Stream, call: Callable[[str], None]) -> None:
        self.version = 0
        self._board = stream.board()
        self._call = call
        # what was asked for before this began is no news: its shell may be gone
        self._places = {notice.kind: notice.place for notice in self._board.after({}, 0.0)}
        self._kept: dict[str, tuple[int, bytes]] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._end.set()
        self._thread.join(2 * LOOK)

    def since(self, version: int) -> tuple[list[bytes], int]:
        """Messages that came behind a version, and the version now; the oldest first."""
        kept = list(self._kept.values())
        return [message for number, message in sorted(kept) if number > version], max((n for n, _ in kept), default=0)

    def _follow(self) -> None:
        while not self._end.is_set():
            try:
                for notice in self._board.after(self._places, LOOK):
                    self._places[notice.kind] = notice.place
                    if notice.kind == "plot":
                        self._call(_scan(notice.message))
                    self._kept[notice.kind] = (self.version + 1, notice.message)
                    self.version += 1
            except Exception:  # noqa: BLE001 - whatever it is, what prompts ask for next must be followed
                self._end.wait(PAUSE)  # the list of scans tells that Redis is away


def _scan(message: bytes) -> str:
    """The scan of a message `plot`: its header is enough."""
    length = int.from_bytes(message[:4], "little")
    return str(json.loads(message[4 : 4 + length]).get("scan", ""))
