"""scipy's minimisers as generators: they give a point, and are sent the value that was measured there.

The minimisers call a function and wait for its value. Here nothing waits inside them: each time a value is there they
run again from their beginning, with all values so far, until they ask for a new one. They do always the same with the
same values, and a step of theirs costs some µs, a point of a scan some ms; so there is no thread that a stop would have
to end.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ronda.framework.scan.plan import Point


@dataclass(frozen=True)
class Minimum:
    """Where a minimiser ended.

    Attributes:
        point: the best one.
        converged: whether it came as near as it should.
    """

    point: Point
    converged: bool


class _Wanted(Exception):
    """A value that is not there yet."""

    def __init__(self, point: Point) -> None:
        self.point = point


def simplex(
    start: Sequence[float], steps: Sequence[float], bounds: Sequence[tuple[float, float]], precision: float, most: int
) -> Generator[Point, float, Minimum]:
    """The simplex of Nelder and Mead within bounds (`scipy.optimize.minimize`), its axes measured in `steps`.

    J. A. Nelder and R. Mead, Comput. J. 7 (1965) 308.

    Args:
        start: first corner.
        steps: from there to each of the other corners, along each axis, with its sign.
        bounds: lowest and highest value of each axis; the start lies within.
        precision: how near to each other the corners are in the end, as a part of the steps.
        most: highest number of points.
    """
    from scipy.optimize import minimize

    origin, scale = np.asarray(start, np.float64), np.abs(np.asarray(steps, np.float64))
    corners = [np.zeros(len(origin)), *np.diag(np.sign(steps))]
    within = [
        ((low - at) / unit, (high - at) / unit) for (low, high), at, unit in zip(bounds, origin, scale, strict=True)
    ]

    def place(corner: Any) -> Point:
        return tuple((origin + scale * corner).tolist())

    def run(function: Callable[[Any], float]) -> Any:
        options = {"initial_simplex": corners, "xatol": precision, "fatol": np.inf, "maxfev": most}
        found = minimize(function, corners[0], method="Nelder-Mead", bounds=within, options=options)
        return Minimum(place(found.x), bool(found.success))

    return _asked(run, place)


def golden(low: float, high: float, precision: float, most: int) -> Generator[Point, float, Minimum]:
    """Golden section with parabolas where they are better (`scipy.optimize.minimize_scalar`, bounded), of one axis.

    R. P. Brent, Algorithms for Minimization Without Derivatives (1973), chapter 5.

    Args:
        low, high: between these it is looked for.
        precision: how near to the minimum it ends.
        most: highest number of points.
    """
    from scipy.optimize import minimize_scalar

    def run(function: Callable[[Any], float]) -> Any:
        options = {"xatol": precision, "maxiter": most}
        found = minimize_scalar(function, bounds=(low, high), method="bounded", options=options)
        return Minimum((float(found.x),), bool(found.success))

    return _asked(run, lambda x: (float(x),))


def _asked(
    run: Callable[[Callable[[Any], float]], Minimum], place: Callable[[Any], Point]
) -> Generator[Point, float, Minimum]:
    """Run a minimiser again and again, each time with one value more."""
    told: list[float] = []
    while True:
        known = iter(told)

        def function(x: Any, known: Any = known) -> float:
            value = next(known, None)
            if value is None:
                raise _Wanted(place(x))
            return float(value)

        try:
            return run(function)
        except _Wanted as wanted:
            told.append((yield wanted.point))
