"""What a shutter is doing, judged by the latest order and by what its hardware says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ronda.devices.shutter.contract import ShutterPosition, ShutterReading


class Doing(Enum):
    """What it is doing."""

    STANDS = "stands"
    MOVES = "moves"
    LATE = "late"


@dataclass
class Way:
    """The way of a shutter's blade; times in s of any clock.

    Attributes:
        target: where the latest order sends it; None once it has arrived.
    """

    target: ShutterPosition | None = None
    _began: float | None = None

    def order(self, target: ShutterPosition, now: float) -> None:
        """It was told to go somewhere."""
        self.target, self._began = target, now

    def look(self, reading: ShutterReading, now: float, time_limit: float) -> tuple[Doing, str]:
        """What it is doing, and a clause that says so."""
        at = reading.position
        if self.target is ShutterPosition.OPEN and reading.forbidden:
            self.target = None  # it closes, and nobody needs to wait for it to open
        if self.target == at:
            self.target = None
        if self.target is None and at is not ShutterPosition.BETWEEN:
            self._began = None
            return Doing.STANDS, f"{at}; may not be opened: {reading.forbidden}" if reading.forbidden else str(at)
        if self._began is None:
            self._began = now  # somebody else moves it
        if now - self._began <= time_limit:
            return Doing.MOVES, {"open": "opening", "closed": "closing"}.get(str(self.target), "moving")
        stands = f"it is {at}" if at is not ShutterPosition.BETWEEN else "it stands between open and closed"
        if self.target is None:
            return Doing.LATE, f"neither open nor closed for {time_limit:g} s"
        verb = "open" if self.target is ShutterPosition.OPEN else "close"
        return Doing.LATE, f"did not {verb} within {time_limit:g} s; {stands}"
