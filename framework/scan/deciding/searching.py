"""Looking for a signal along an axis: coarse first, then finer, until there is one beside the noise."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from ronda.framework.clients.axis import Axis
from ronda.framework.errors import BadValue, NotReady
from ronda.framework.scan.analysis.curve import Curve
from ronda.framework.scan.choice import Values, number
from ronda.framework.scan.plan import Point

COARSE = 17
"""Points of the first look along a range; each further look adds one between two."""

LOOKS = 3


class Line:
    """The points of one axis so far.

    Args:
        axis: which.
        channel: of the counter that is looked at.
        low, high: between these positions, in the axis's unit.
    """

    def __init__(self, axis: Axis, channel: str, low: float, high: float) -> None:
        self.axis = axis
        self.channel = channel
        self.low, self.high = low, high
        self._x: list[float] = []
        self._y: list[float] = []

    def visit(self, places: Sequence[float]) -> Generator[Point, Values, None]:
        """Measure at these, from the end that is nearer."""
        near = self._x[-1] if self._x else self.low
        ordered = sorted(places, reverse=len(places) > 1 and abs(max(places) - near) < abs(min(places) - near))
        for place in ordered:
            values = yield (place,)
            self._x.append(place)
            self._y.append(number(values, self.channel))

    def curve(self, low: float | None = None, high: float | None = None) -> Curve:
        """All points, or those between two positions."""
        x, y = np.array(self._x), np.array(self._y)
        inside = (x >= (self.low if low is None else low)) & (x <= (self.high if high is None else high))
        return Curve.of(x[inside], y[inside], f"{self.channel} over {self.axis.name}")

    def search(self) -> Generator[Point, Values, Curve]:
        """Measure along the whole range, finer and finer, until something stands out; returns the curve.

        Raises:
            NotReady: nothing does.
        """
        points = COARSE
        places = np.linspace(self.low, self.high, points)
        for look in range(LOOKS):
            yield from self.visit((places if look == 0 else places[1::2]).tolist())
            curve = self.curve()
            try:
                curve.require_signal()
            except BadValue as error:
                points = 2 * points - 1
                places, why = np.linspace(self.low, self.high, points), str(error)
            else:
                return curve
        text = self.axis.text
        raise NotReady(
            f"{why}, at {len(self._x)} points from {text(self.low)} to {text(self.high)} {self.axis.unit}; is there "
            f"beam, and does {self.axis.name} change it? Something narrow is found with a smaller width="
        )
