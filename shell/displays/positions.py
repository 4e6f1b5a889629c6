"""Where axes are, as tables: positions and limits, user and dial, the unit in the heading."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ronda.framework.clients.axis import Axis
from ronda.shell.displays.columns import Column, table

ERROR = "!ERR"
"""What stands in the place of a position that could not be read."""


@dataclass(frozen=True)
class Place:
    """Where an axis is.

    Attributes:
        name: of the axis.
        unit: of its positions.
        digits: decimals to show.
        user, dial: its positions; None if they could not be read.
    """

    name: str
    unit: str
    digits: int
    user: float | None
    dial: float | None

    def text(self, position: float | None) -> str:
        """A position as it stands in the table."""
        return ERROR if position is None else f"{position:.{self.digits}f}"


@dataclass(frozen=True)
class Whereabouts:
    """Where an axis is and where it may go, in its unit: user positions.

    Attributes:
        low, position, high: limits are infinite where there are none.
        sign, offset: user position = sign × dial position + offset.
    """

    low: float
    position: float
    high: float
    sign: int
    offset: float

    @classmethod
    def of(cls, axis: Axis) -> Whereabouts:
        """Ask an axis."""
        low, high = axis.limits
        return cls(low, axis.position, high, axis.sign, axis.offset)

    def dial(self) -> tuple[float, float, float]:
        """Low limit, position and high limit on the dial."""
        low, position, high = ((each - self.offset) * self.sign for each in (self.low, self.position, self.high))
        return min(low, high), position, max(low, high)


def positions_table(places: Sequence[Place], width: int, *, dial: bool = True) -> str:
    """The table, in as many blocks as fit the width."""
    if not places:
        return "there are no axes"
    rows = ["user", "dial"] if dial else ["user"]
    columns = [
        Column(f"{place.name}[{place.unit}]", [place.text(place.user), place.text(place.dial)][: len(rows)])
        for place in places
    ]
    return table(Column("", rows), columns, width)


def limits_table(found: Sequence[Whereabouts | None], axes: Sequence[Axis], width: int) -> str:
    """Limits and positions of axes, in as many blocks as fit the width; None for an axis that did not answer."""
    if not axes:
        return "there are no axes"
    rows = ["user high", "user", "user low", "offset", "dial high", "dial", "dial low"]
    columns = []
    for axis, one in zip(axes, found, strict=True):
        cells = [ERROR] * len(rows)
        if one is not None:
            low, dial, high = one.dial()
            values = (one.high, one.position, one.low, one.offset, high, dial, low)
            cells = ["none" if math.isinf(value) else axis.text(value) for value in values]
        columns.append(Column(f"{axis.name}[{axis.unit}]", cells))
    return table(Column("", rows), columns, width)
