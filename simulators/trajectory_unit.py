"""The trajectory unit of the motor controller: several axes pass given positions at given times, together."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ronda.simulators.instrument import ProtocolError
from ronda.simulators.line_protocol import BAD_ARGUMENT, REFUSED, expect, number
from ronda.simulators.physics.axis import Axis, Range, Refused
from ronda.simulators.physics.path import Knot
from ronda.simulators.physics.position_compare import PositionCompare

USAGE = "TRAJECTORY CLEAR axis [axis ...] | ADD time position velocity [position velocity ...] ... | START | STATE"

TIMES = Range(0.0, 1e6)

MOST_KNOTS = 20_000
"""How many rows its memory holds."""


class TrajectoryUnit:
    """Holds one table of knots for some axes, and lets them pass it.

    A fault, a limit switch or a stop of one axis ends it for all of them.

    Args:
        axis: finds one by its number.
        unit: the compare unit of an axis.
        values: what position registers can hold.
    """

    def __init__(self, axis: Callable[[str], Axis], unit: Callable[[Axis], PositionCompare], values: Range) -> None:
        self._axis = axis
        self._unit = unit
        self._values = values
        self._axes: list[Axis] = []
        self._rows: list[list[float]] = []
        self._running: list[Axis] = []

    def command(self, words: list[str], now: float) -> str:
        """Answer `TRAJECTORY …`."""
        commands: Mapping[str, Callable[[list[str], float], str]] = {
            "CLEAR": self._clear,
            "ADD": self._add,
            "START": self._start,
            "STATE": self._state,
        }
        if not words or words[0] not in commands:
            raise ProtocolError(BAD_ARGUMENT, f"usage: {USAGE}")
        return commands[words[0]](words[1:], now)

    def others(self, axis: Axis, now: float) -> list[Axis]:
        """The axes that follow a trajectory now with this one, which must end with it; they emit no more."""
        if axis not in self._running or not any(one.moving(now) for one in self._running):
            return []
        running, self._running = self._running, []
        for one in running:
            self._unit(one).disarm()
        return [one for one in running if one is not axis]

    def _clear(self, words: list[str], now: float) -> str:
        if not words:
            raise ProtocolError(BAD_ARGUMENT, f"usage: {USAGE}")
        axes = [self._axis(word) for word in words]
        if len(set(axes)) != len(axes):
            raise ProtocolError(BAD_ARGUMENT, "an axis stands twice")
        self._require_rest(now)
        self._axes, self._rows = axes, []
        return ""

    def _add(self, words: list[str], now: float) -> str:
        self._require_rest(now)
        width = 1 + 2 * len(self._axes)
        if not self._axes or not words or len(words) % width:
            raise ProtocolError(BAD_ARGUMENT, f"a row has {width} numbers for {len(self._axes)} axes; usage: {USAGE}")
        rows: list[list[float]] = []
        for first in range(0, len(words), width):
            row = [number(words[first], "the time", TIMES, "s")]
            row += [
                number(word, "position or velocity", self._values, "steps") for word in words[first + 1 : first + width]
            ]
            if (rows or self._rows) and row[0] <= (rows or self._rows)[-1][0]:
                raise ProtocolError(
                    BAD_ARGUMENT, f"the time {row[0]!r} does not follow {(rows or self._rows)[-1][0]!r}"
                )
            rows.append(row)
        if len(self._rows) + len(rows) > MOST_KNOTS:
            raise ProtocolError(REFUSED, f"the table is full: {MOST_KNOTS} rows")
        self._rows += rows
        return ""

    def _start(self, words: list[str], now: float) -> str:
        expect(words, 0, "TRAJECTORY START")
        self._require_rest(now)
        if len(self._rows) < 2:
            raise ProtocolError(REFUSED, "a trajectory has 2 rows or more")
        zero = self._rows[0][0]
        ways = [
            [Knot(row[0] - zero, row[1 + 2 * place], row[2 + 2 * place]) for row in self._rows]
            for place in range(len(self._axes))
        ]
        try:
            for axis, knots in zip(self._axes, ways, strict=True):
                axis.check_follow(knots, now)
        except Refused as refused:
            raise ProtocolError(REFUSED, str(refused)) from None
        trips = [axis.follow(knots, now) for axis, knots in zip(self._axes, ways, strict=True)]
        for axis in self._axes:
            self._unit(axis).begin(now)
        self._running = list(self._axes)
        first = min((trip for trip in trips if trip is not None), default=None)
        if first is not None:
            for axis in self._axes:
                self._unit(axis).end(first)
                axis.stage.brake(first)
        return ""

    def _state(self, words: list[str], now: float) -> str:
        expect(words, 0, "TRAJECTORY STATE")
        moving = any(axis.moving(now) for axis in self._running)
        return f"{'MOVING' if moving else 'IDLE'},{len(self._rows)}"

    def _require_rest(self, now: float) -> None:
        if any(axis.moving(now) for axis in self._running):
            raise ProtocolError(REFUSED, "a trajectory runs")
