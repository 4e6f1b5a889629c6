"""Points that are chosen while a scan runs: who chooses them, within which bounds, and how many at most."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ronda.framework.clients.axis import Axis
from ronda.framework.errors import BadValue, NotReady, OutOfRange
from ronda.framework.scan.plan import Point

Values = Mapping[str, Any]
"""What was measured at a point, by channel: numbers of counters, and where the axes stood."""


@dataclass(frozen=True)
class Found:
    """What a scan that chooses its points has found; its axes are left there.

    Attributes:
        place: position of each axis, by name, in its unit.
        errors: standard deviations of these; NaN, or nothing, where nobody knows.
        sentence: the same for people, with what else was found.
        details: numbers to go on with, such as `fwhm`, by name.
    """

    place: Mapping[str, float]
    errors: Mapping[str, float] = field(default_factory=dict)
    sentence: str = ""
    details: Mapping[str, float] = field(default_factory=dict)


Course = Generator[Point, Values, Found | Point | None]
"""Gives the next point, and is sent what was measured there; returns where the axes are to be left, or None."""


@dataclass(frozen=True)
class Choice:
    """How a scan chooses its points.

    Attributes:
        decide: called when the scan begins, see `Course`. An error that it raises lets the scan fail.
        bounds: for each axis the lowest and the highest position that may be chosen, in its unit.
        most: highest number of points.
        results: channels of live analysis that it is told of too; each point waits for them.
        goes_back: whether the axes go back to where they stood, unless something was found.
    """

    decide: Callable[[], Course] = field(repr=False)
    bounds: tuple[tuple[float, float], ...]
    most: int
    goes_back: bool = True
    results: tuple[str, ...] = ()

    def allowed(self, who: str, axes: tuple[Axis, ...], point: Any) -> Point:
        """A point that was chosen, if axes may go there now.

        Args:
            who: the scan, for messages.
            axes: of the scan.

        Raises:
            BadValue: it is none.
            OutOfRange: it is outside the bounds, or the limits of an axis.
            NotAllowed, Busy, NotReady: an axis cannot move now.
        """
        try:
            found = tuple(map(float, point))
        except (TypeError, ValueError):
            found = ()
        if len(found) != len(axes) or not all(map(math.isfinite, found)):
            names = ", ".join(axis.name for axis in axes)
            raise BadValue(f"{who}: has chosen {point!r}, which should be a finite position for each of {names}")
        for axis, position, (low, high) in zip(axes, found, self.bounds, strict=True):
            if not low <= position <= high and not any(axis.is_at(position, end) for end in (low, high)):
                raise OutOfRange(
                    f"{who}: has chosen {axis.name} = {axis.text(position)} {axis.unit}, which is outside of "
                    f"[{axis.text(low)}, {axis.text(high)}] {axis.unit}, where it may go"
                )
            axis.check([position])
        return found


def number(values: Values, channel: str) -> float:
    """What a channel had at a point.

    Raises:
        NotReady: it has no number there, so that nothing can be decided.
    """
    found = values.get(channel)
    if found is None or not math.isfinite(found):
        why = "was not measured" if found is None else f"is {found}"
        raise NotReady(f"{channel}: {why} at a point, so nobody can say where to go on; measure it at each point")
    return float(found)
