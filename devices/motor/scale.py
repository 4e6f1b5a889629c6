"""User position, dial position and steps of an axis, and the limits between which it may move."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ronda.devices.motor.parameters import AxisParameters
from ronda.framework.errors import BadValue, OutOfRange
from ronda.framework.tango.names import NO_LIMIT

ROUNDING = 1e-9
"""Part of a limit by which a target may miss it: 10.1 as typed and as computed are not the same float."""


@dataclass(frozen=True, slots=True)
class Scale:
    """user = sign × dial + offset; steps = dial × steps_per_unit. Limits stay where they are on the dial.

    With a modulo, user positions are shown from 0 up to it; several dial positions then have the same user position.

    Attributes:
        sign: 1 or -1.
        offset: in units.
        steps_per_unit: positive.
        low: lowest dial position allowed; -inf for none.
        high: highest dial position allowed; inf for none.
        unit: what positions are in.
        modulo: after which user positions repeat; None for none.
        shortest_way: with a modulo, whether to turn the shorter way rather than stay within the turn.
    """

    sign: int
    offset: float
    steps_per_unit: float
    low: float
    high: float
    unit: str
    modulo: float | None = None
    shortest_way: bool = True

    @classmethod
    def of(cls, axis: AxisParameters) -> Scale:
        """The scale that an axis is configured with."""
        low, high = axis.limits
        return cls(
            axis.sign,
            axis.offset,
            axis.steps_per_unit,
            -math.inf if low is None else low,
            math.inf if high is None else high,
            axis.unit,
            axis.modulo,
            axis.shortest_way,
        )

    def user(self, dial: float) -> float:
        """User position of a dial position."""
        position = self.sign * dial + self.offset
        if self.modulo is None:
            return position
        turned = position % self.modulo
        # what is less than half a step below a full turn is 0
        return turned - self.modulo if turned > self.modulo - 0.5 / self.steps_per_unit else turned

    def dial(self, user: float) -> float:
        """Dial position of a user position; with a modulo, the one of no further turn."""
        return (user - self.offset) * self.sign

    def aim(self, who: str, target: float, here: float) -> float:
        """Dial position to go to.

        Args:
            who: for messages.
            target: user position.
            here: dial position where it stands, which with a modulo decides on the way.

        Raises:
            BadValue, OutOfRange: as `check`.
        """
        self.check(who, target)
        plain = self.dial(target)
        if self.modulo is None:
            return plain
        if not self.shortest_way:
            turn = math.floor((self.sign * here + self.offset) / self.modulo + 0.5 * ROUNDING)
            aimed = self.dial(target % self.modulo + turn * self.modulo)
            if not self.low <= aimed <= self.high:
                raise OutOfRange(
                    f"{who}: cannot move to {target} {self.unit} within this turn: that is dial {_tidy(aimed)} "
                    f"{self.unit}, outside dial limits [{self.low}, {self.high}] {self.unit}"
                )
            return aimed
        first, last = self._turns(plain)
        turns = min(max(round((here - plain) / self.modulo), first), last)
        return plain + turns * self.modulo

    def steps(self, dial: float) -> float:
        """Controller's position, in steps, of a dial position."""
        return dial * self.steps_per_unit

    def from_steps(self, steps: float) -> float:
        """Dial position of a controller's position."""
        return steps / self.steps_per_unit

    def limits(self) -> tuple[float, float]:
        """Lowest and highest user position allowed, without the noise of floating point."""
        low, high = sorted((self.user(self.low), self.user(self.high)))
        return _tidy(low), _tidy(high)

    def dial_limits(self, who: str, low: float, high: float) -> tuple[float | None, float | None]:
        """What stands on the dial for limits in user units; None for none (as `NO_LIMIT` and more).

        Raises:
            BadValue: the low one is not below the high one.
        """
        if not low < high:
            raise BadValue(f"{who}: the low limit {low} {self.unit} must be below the high limit {high} {self.unit}")
        bounds = sorted((self.dial(low), self.dial(high)))
        first, second = (None if abs(bound) >= NO_LIMIT else _tidy(bound) for bound in bounds)
        return first, second

    def check(self, who: str, target: float) -> None:
        """Refuse a target (user position) that is no place to go to.

        Raises:
            BadValue: it is no number.
            OutOfRange: it is outside the limits.
        """
        if not math.isfinite(target):
            raise BadValue(f"{who}: cannot move to {target}; a position is a finite number of {self.unit}")
        if self.modulo is not None:
            first, last = self._turns(self.dial(target))
            if first > last:
                raise OutOfRange(
                    f"{who}: cannot move to {target} {self.unit}, nor to what is {self.modulo:g} {self.unit} apart: "
                    f"outside dial limits [{self.low}, {self.high}] {self.unit}"
                )
            return
        low, high = self.limits()
        margin = ROUNDING * max(abs(target), *(abs(bound) for bound in (low, high) if math.isfinite(bound)), 1e-9)
        if not low - margin <= target <= high + margin:
            raise OutOfRange(f"{who}: cannot move to {target} {self.unit}, outside limits [{low}, {high}] {self.unit}")

    def _turns(self, dial: float) -> tuple[float, float]:
        """How many times the modulo may at least and at most be added to a dial position."""
        if self.modulo is None:
            return 0.0, 0.0
        low, high = (self.low - dial) / self.modulo, (self.high - dial) / self.modulo
        return (
            low if math.isinf(low) else math.ceil(low - ROUNDING),
            high if math.isinf(high) else math.floor(high + ROUNDING),
        )


def move_time(distance: float, velocity: float, acceleration_time: float) -> float:
    """Time in s that a trapezoidal move takes.

    Args:
        distance: of the move, in any unit.
        velocity: in that unit per s; positive.
        acceleration_time: from rest to this velocity, in s.
    """
    way = abs(distance)
    if way >= velocity * acceleration_time:
        return way / velocity + acceleration_time
    return 2.0 * math.sqrt(way * acceleration_time / velocity)


def _tidy(value: float) -> float:
    """The nearest number of 12 digits, which is what was meant by 10.000000000000002."""
    return float(f"{value:.12g}") if math.isfinite(value) else value
