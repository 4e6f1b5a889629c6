"""Who watches a scan while it runs, such as a live table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ronda.framework.clients.axis import Axis
    from ronda.framework.scan.scan import Scan


class Observer:
    """Is told what happens, in the thread or greenlet in which the scan runs; it should return at once."""

    def on_prepared(self, scan: Scan) -> None:
        """All devices are armed; number, channels and start positions are known, nothing has moved."""

    def on_point(self, scan: Scan, index: int, values: Mapping[str, Any]) -> None:
        """A point is measured; `values` holds each channel's value by name, axes included."""

    def on_waiting(self, scan: Scan, sentence: str) -> None:
        """The scan waits for something that is not motion or exposure; empty when it goes on."""

    def on_returning(self, scan: Scan, moves: Sequence[tuple[Axis, float]]) -> None:
        """All is measured, or the scan was stopped; its axes now go back to where they stood before it."""

    def on_end(self, scan: Scan) -> None:
        """The scan has ended; `scan.state` and `scan.sentence` say how."""
