"""Aligning an axis: the middle of a peak, of a slit or a dip, or an edge, from coarse to fine."""

from __future__ import annotations

import math
from collections.abc import Generator

import numpy as np

from ronda.framework.clients.axis import Axis
from ronda.framework.errors import BadValue, NotReady
from ronda.framework.scan.analysis.curve import Curve
from ronda.framework.scan.analysis.fits import Fit, fit, rise
from ronda.framework.scan.choice import Course, Found, Values, number
from ronda.framework.scan.deciding.searching import Line
from ronda.framework.scan.plan import Point

FINE = 13
"""Points of each closer look."""

STEPS_IN_WIDTH = 3
"""Steps that fit into the width of a peak, or of the rise of an edge, which is seen well enough then."""

CLOSER = 6
"""Closer looks at most."""

SIGNIFICANT = 5.0
"""Standard deviations of its height that a peak or an edge should have at least."""

WIDE = {"peak": 1.25, "dip": 1.25, "edge": 1.5}
"""How far to each side of the middle a closer look goes, in widths."""


class Aligning:
    """Finds where an axis belongs.

    Args:
        axis: which.
        channel: the counter that says it.
        unit: of the counter.
        low, high: where to look, in the axis's unit.
        shape: `gauss`, `lorentz`, `pseudo_voigt` or `erf`; empty for `erf` for an edge, and else `gauss`.
    """

    def __init__(self, axis: Axis, channel: str, unit: str, low: float, high: float, shape: str = "") -> None:
        self._axis = axis
        self._unit = unit
        self._shape = shape
        self._line = Line(axis, channel, low, high)

    def decide(self) -> Course:
        """See `Course`.

        Raises:
            NotReady: there is nothing that stands out of the noise, or its middle is outside.
        """
        line, axis = self._line, self._axis
        curve = yield from line.search()
        curve = yield from self._closer(curve)
        found = self._fitted(curve)
        centre, error = found.centre, found.errors["centre"]
        values = yield (centre,)
        text = axis.text
        kind = "edge" if found.shape == "erf" else "peak" if found.values["height"] > 0 else "dip"
        there = number(values, line.channel)
        sentence = (
            f"{axis.name}: the {kind} of {line.channel} is at {text(centre)} ± {error:.2g} {axis.unit}, "
            f"{found.fwhm:.3g} {axis.unit} wide; moved there, {line.channel} is {there:.6g} {self._unit}".rstrip()
        )
        details = {**found.values, line.channel: there}
        return Found({axis.name: centre}, {axis.name: error}, sentence, details)

    def _closer(self, curve: Curve) -> Generator[Point, Values, Curve]:
        """Look closer until it is seen well; returns the latest look, with earlier points that lie there."""
        line = self._line
        for _ in range(CLOSER):
            try:
                centre, width = curve.cen, _width(curve)
            except BadValue as error:  # what stood out was noise
                raise NotReady(str(error)) from error
            step = float(np.median(np.diff(curve.x)))
            half = max(WIDE[curve.form] * width, 2.5 * step)
            low, high = max(centre - half, line.low), min(centre + half, line.high)
            yield from line.visit(np.linspace(low, high, FINE).tolist())
            closer = line.curve(low, high)
            seen = width >= STEPS_IN_WIDTH * (high - low) / (FINE - 1)
            fine = 2 * half / (FINE - 1) < 10.0**-self._axis.digits
            curve = closer
            if seen or fine:
                break
        return curve

    def _fitted(self, curve: Curve) -> Fit:
        """The fit that says where it is."""
        line, axis = self._line, self._axis
        shape = self._shape or ("erf" if curve.form == "edge" else "gauss")
        try:
            found = fit(curve, shape, counts=self._unit == "count", units=(axis.unit, self._unit))
        except BadValue as error:
            raise NotReady(str(error)) from error
        height, doubt = found.values["height"], found.errors["height"]
        if not math.isfinite(found.errors["centre"]) or abs(height) < SIGNIFICANT * doubt:
            raise NotReady(
                f"{curve.who}: what stands out is noise, a {shape} {height:.3g} ± {doubt:.2g} {self._unit} high; "
                "measure longer, or look elsewhere"
            )
        if not line.low <= found.centre <= line.high:
            raise NotReady(
                f"{curve.who}: its middle would be at {found.centre:.6g} {axis.unit}, outside of what was measured, "
                f"[{line.low:g}, {line.high:g}] {axis.unit}; look farther"
            )
        return found


def _width(curve: Curve) -> float:
    """Full width at half maximum; of an edge the way in which it rises."""
    return rise(curve) if curve.form == "edge" else curve.fwhm
