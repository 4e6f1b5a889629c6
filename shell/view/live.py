"""What all pages are sent at the same moment: each message is made once, whoever wants it.

One clock for all pages says when they look for news, so that those that look at the same scan have the same
of it and are sent the same bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ronda.framework.errors import RondaError
from ronda.shell.view.axes import Axes
from ronda.shell.view.following import Following
from ronda.shell.view.messages import encode
from ronda.shell.view.shown_scan import ShownScan, summary

PERIOD = 0.05
"""Seconds between two messages: 20 Hz."""

FEW = 2000
"""Points that are put into a message at once; more are put in a thread, which holds up no page."""

READERS = 4
"""Scans, frames and very long messages that are read or made at the same time."""

T = TypeVar("T")


class Live:
    """What is new, for all pages.

    Args:
        following: the scans.
        axes: the axes.
    """

    def __init__(self, following: Following, axes: Axes) -> None:
        self.following = following
        self._axes = axes
        self._beat = asyncio.Event()
        self._waiting = False
        self._kept: dict[str, tuple[int, bytes]] = {}
        self._coming: dict[Hashable, asyncio.Future[Any]] = {}
        self._readers = ThreadPoolExecutor(READERS, "live")  # its own: orders that hang hold up no curve

    def close(self) -> None:
        """Begin nothing more."""
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def next_moment(self) -> None:
        """Wait until it is time to look for news again: for all pages at once, and not at all if there is none."""
        if not self._waiting:
            self._waiting = True
            asyncio.get_running_loop().call_later(PERIOD, self._strike)
        await self._beat.wait()

    def _strike(self) -> None:
        struck, self._beat, self._waiting = self._beat, asyncio.Event(), False
        struck.set()

    def scans(self, beyond: int) -> tuple[bytes | None, int]:
        """A message with the list of scans if there is a newer one than a page has, and its version."""
        return self._once("scans", self.following.version, beyond, self._list_of_scans)

    def axes(self, beyond: int) -> tuple[bytes | None, int]:
        """A message with all axes if there is a newer one than a page has, and its version."""
        return self._once(
            "axes", self._axes.version, beyond, lambda: encode({"type": "axes", "axes": self._axes.shown()})
        )

    async def scan(self, identifier: str) -> ShownScan | None:
        """A scan; None if memory does not have it.

        Raises:
            CommunicationFailed: Redis does not answer.
        """
        return await self._read(identifier, lambda: self.following.show(identifier))

    async def points(self, scan: ShownScan, sent: dict[str, int]) -> tuple[bytes | None, dict[str, int]]:
        """As `ShownScan.points`."""
        if sum(scan.lengths().values()) - sum(sent.values()) <= FEW:
            return scan.points(sent)
        return await self._read((scan, *sorted(sent.items())), lambda: scan.points(sent))

    def latest(self, scan: ShownScan, channel: str, beyond: int) -> tuple[bytes | None, int]:
        """As `ShownScan.latest`; a frame that must be read comes at a later moment, and holds up nothing.

        One that cannot be read does not come; the next one does, or its file has it.
        """
        if not scan.must_be_read(channel, beyond):
            return scan.latest(channel, beyond, self.following.frames)
        key = (scan, channel)
        if key not in self._coming:
            self._begin(key, lambda: scan.latest(channel, beyond, self.following.frames))
        return scan.read_before(channel, beyond)

    async def waterfall(self, scan: ShownScan, channel: str, beyond: int) -> tuple[bytes | None, int]:
        """As `ShownScan.waterfall`."""
        return await self._read((scan, channel, "waterfall", beyond), lambda: scan.waterfall(channel, beyond))

    def _list_of_scans(self) -> bytes:
        lines = [summary(record) for record in self.following.records()]
        return encode({"type": "scans", "scans": lines, "trouble": self.following.trouble})

    def _once(self, kind: str, version: int, beyond: int, make: Callable[[], bytes]) -> tuple[bytes | None, int]:
        if version == beyond:
            return None, beyond
        kept = self._kept.get(kind)
        if kept is None or kept[0] != version:  # what changes while it is made comes with the next version
            kept = self._kept[kind] = (version, make())
        return kept[1], version

    async def _read(self, key: Hashable, read: Callable[[], T]) -> T:
        """What a thread reads; those who want the same wait for the same."""
        reading = self._coming.get(key) or self._begin(key, read)
        found: T = await asyncio.shield(reading)
        return found

    def _begin(self, key: Hashable, read: Callable[[], object]) -> asyncio.Future[Any]:
        reading = self._coming[key] = asyncio.get_running_loop().run_in_executor(self._readers, read)

        def done(one: asyncio.Future[Any]) -> None:
            self._coming.pop(key, None)
            if not one.cancelled() and not isinstance(one.exception(), RondaError | None):
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "live view", "exception": one.exception()}
                )

        reading.add_done_callback(done)
        return reading
