"""Where an axis was last seen at rest, noted in the Tango database, so that it is found out if it stands elsewhere.

A write takes the database 2 ms, so it is done beside the work: the note is "moving" from the first move on, and gets a
position again when the axis has rested for a while. A scan of quick moves thus writes once. After a kill in mid-move
the note says "moving": then wherever the axis stands is right.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

REST = 0.5
"""Seconds for which an axis stands before its place is noted."""

DIAL, HOMED, ENCODER_OFFSET = "dial", "homed", "encoder_offset"
"""Keys of the note."""


class Record:
    """What is known of one axis beside what its hardware says. Worker's thread, or while it stands.

    Args:
        stored: the note of an earlier run.
        note: keeps a note, without waiting.
        tolerance: by how much an axis that stands still may seem to move, in units.

    Attributes:
        homed: whether the dial was made right by a reference mark, and has not been lost since.
        encoder_offset: of the encoder against the dial, in units, if it was redefined; else None.
        expected: dial position where it was last seen at rest; None if it has moved since, or nobody knows.
    """

    def __init__(self, stored: Mapping[str, Any], note: Callable[[Mapping[str, Any]], None], tolerance: float) -> None:
        self.tolerance = tolerance
        self.expected = _number(stored.get(DIAL))
        self.homed = stored.get(HOMED) is True
        self.encoder_offset = _number(stored.get(ENCODER_OFFSET))
        self._note = note
        self._noted = self.expected
        self._rests_since: float | None = None

    def moves(self) -> None:
        """It moves, or will: where it will stand is not known."""
        self.expected = None
        self._rests_since = None
        if self._noted is not None:
            self._write(None)

    def rests(self, dial: float) -> bool:
        """It stands at a dial position; returns whether this is where it should stand."""
        if self.expected is not None and abs(dial - self.expected) > self.tolerance:
            return False
        self.expected = dial
        now = time.monotonic()
        if self._rests_since is None:
            self._rests_since = now
        if now - self._rests_since >= REST and (self._noted is None or abs(dial - self._noted) > self.tolerance / 2):
            self._write(dial)
        return True

    def accept(self, dial: float) -> None:
        """It stands at this dial position now, and that is right."""
        self.expected = dial
        self._write(dial)

    def redefine(self, *, homed: bool, encoder_offset: float | None) -> None:
        """The dial has another meaning now; where it stands is not yet known."""
        self.homed, self.encoder_offset = homed, encoder_offset
        self.expected = self._rests_since = None
        self._write(None)

    def _write(self, dial: float | None) -> None:
        self._noted = dial
        self._note({DIAL: dial, HOMED: self.homed, ENCODER_OFFSET: self.encoder_offset})


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
