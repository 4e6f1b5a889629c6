"""Which slots of a ring may be used again: those whose points every consumer that must not lose has safe."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ronda.framework.errors import ServiceFailed
from ronda.framework.stream.answers import HeldBack, format_bytes
from ronda.framework.stream.connection import Server
from ronda.framework.stream.frames.folder import claimed, remove_rubbish, rings
from ronda.framework.stream.frames.ring import FrameRing, RingView
from ronda.framework.stream.retention import behind, safe


class Room:
    """The room in a ring, as far as it is known from the stream. For one thread.

    What the consumers have safe is asked only when a slot is wanted that is not known to be free.
    """

    def __init__(self, server: Server, ring: FrameRing) -> None:
        self._server = server
        self._ring = ring
        self._safe: dict[str, int | None] = {}

    def held(self, ahead: int = 0) -> Callable[[], HeldBack] | None:
        """None if the next slot may be used; else what makes the error that says who is behind.

        Args:
            ahead: how many slots further.

        Raises:
            CommunicationFailed: Redis does not answer.
        """
        holds = self._ring.holds(self._ring.next + ahead)
        if not holds.scan or self._free(holds.scan, holds.point):
            return None
        self._safe = {holds.scan: safe(self._server, holds.scan, self._ring.device)}
        if self._free(holds.scan, holds.point):
            return None
        return lambda: self._error(holds.scan)

    def _free(self, scan: str, index: int) -> bool:
        known = self._safe.get(scan, 0)
        return known is None or index < known

    def _error(self, scan: str) -> HeldBack:
        ring = self._ring
        size = ring.slots * ring.frame_bytes
        slow = [lag for lag in behind(self._server, scan) if lag.points]
        told = "no consumer is behind any more; try again"
        if slow:
            slow[0] = slow[0]._replace(memory=min(slow[0].points, ring.slots) * ring.frame_bytes)
            told = f"{slow[0]}; start it or speed it up, or make it optional"
        return HeldBack(
            f"{ring.device}: held back, the ring of frames is full ({ring.slots} frames, {format_bytes(size)}): {told}",
            slow[0] if slow else None,
            size,
            size,
        )


def needed(server: Server, view: RingView) -> bool:
    """Whether a consumer that must not lose still needs frames of a ring.

    Raises:
        CommunicationFailed: Redis does not answer.
    """
    for scan, newest in view.newest().items():
        position = safe(server, scan, view.heading["device"])
        if position is not None and newest >= position:
            return True
    return False


def sweep(server: Server) -> list[str]:
    """Remove the rings of this stream whose owners are gone and whose frames nobody needs; returns their names.

    Raises:
        CommunicationFailed: Redis does not answer.
        ServiceFailed: the folder of rings is not ours alone.
    """
    remove_rubbish()
    removed = []
    for path in rings(server.address):
        with claimed(path) as ownerless:
            if ownerless and not _needed(server, path):
                path.unlink(missing_ok=True)
                removed.append(path.name)
    return removed


def _needed(server: Server, path: Path) -> bool:
    with suppress(FileNotFoundError, ServiceFailed):  # what cannot be read as a ring is needed by nobody
        view = RingView(path)
        try:
            return needed(server, view)
        finally:
            view.close()
    return False
