"""Shutters, whose blade needs time to open and to close, and the interlock that keeps one of them shut."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

REMEMBERED_MOVES = 1000
"""How far back the openings of a shutter are known."""


@dataclass(frozen=True, slots=True)
class _Move:
    """What the blade does from a time on: it goes towards open (1) or closed (0), or stands where it is (None)."""

    start: float
    opened: float
    towards: int | None


class Shutter:
    """A shutter with its history. What passes grows in proportion to the time that the blade opens.

    Args:
        travel_time: from closed to open, in s.
        opened: whether it is open at first.
        interlocked: whether the interlock shuts it.
        time: from when on.
    """

    def __init__(self, travel_time: float, *, opened: bool, interlocked: bool = False, time: float = 0.0) -> None:
        self.travel_time = travel_time
        self.interlocked = interlocked
        self._ordered = opened
        self._jammed = False
        self._moves = deque([_Move(time, float(opened), int(opened))], REMEMBERED_MOVES)

    @property
    def ordered(self) -> bool:
        """Whether it is told to be open."""
        return self._ordered

    @property
    def latest(self) -> object:
        """Its latest move: another object for each."""
        return self._moves[-1]

    @property
    def rests_from(self) -> float:
        """When the blade came to rest, or will."""
        return self._end(self._moves[-1])

    def order(self, opened: bool, time: float) -> None:
        """Tell it to open or to close."""
        if opened != self._ordered:
            self._ordered = opened
            self._go(time)

    def jam(self, jammed: bool, time: float) -> None:
        """Let the blade stick where it is, or come free again."""
        if jammed != self._jammed:
            self._jammed = jammed
            self._go(time)

    def opened(self, time: float) -> float:
        """How far it is open at a time: 0 closed, 1 open."""
        move = next((move for move in reversed(self._moves) if move.start <= time), self._moves[0])
        return self._after(move, time)

    def openings(self, times: Sequence[float]) -> list[float]:
        """How far it is open at each of rising times; one value if it stands all the while."""
        if self._end(self._moves[-1]) <= times[0]:
            return [self.opened(times[0])]
        return [self.opened(time) for time in times]

    def changes(self, start: float, end: float) -> list[float]:
        """When, between two times, the blade began or ended to move."""
        if self._end(self._moves[-1]) <= start:
            return []
        edges = [edge for move in self._moves for edge in (move.start, self._end(move))]
        return [edge for edge in edges if start < edge < end]

    def _go(self, time: float) -> None:
        self._moves.append(_Move(time, self.opened(time), None if self._jammed else int(self._ordered)))

    def _after(self, move: _Move, time: float) -> float:
        if move.towards is None:
            return move.opened
        if time >= self._end(move):
            return float(move.towards)
        way = max(time - move.start, 0.0) / self.travel_time
        return move.opened + way if move.towards else move.opened - way

    def _end(self, move: _Move) -> float:
        return move.start if move.towards is None else move.start + abs(move.towards - move.opened) * self.travel_time


class Interlock:
    """Lets a shutter open only while the hutch is searched; when somebody opens the hutch, it shuts.

    Args:
        shutters: all shutters, by name.
    """

    def __init__(self, shutters: dict[str, Shutter]) -> None:
        self._shutters = shutters
        self._searched = True

    @property
    def searched(self) -> bool:
        """Whether the hutch is searched and locked."""
        return self._searched

    def search(self, searched: bool, time: float) -> None:
        """Search and lock the hutch, or open it."""
        self._searched = searched
        if not searched:
            for shutter in self._shutters.values():
                if shutter.interlocked:
                    shutter.order(False, time)

    def order(self, shutter: Shutter, opened: bool, time: float) -> None:
        """Pass an order on to a shutter; one to open is lost while the interlock forbids it."""
        if not opened or self._searched or not shutter.interlocked:
            shutter.order(opened, time)
