"""Optimising: where a counter is highest or lowest, over one axis or over several together."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence

import numpy as np

from ronda.framework.clients.axis import Axis
from ronda.framework.errors import NotReady
from ronda.framework.scan.choice import Course, Found, Values, number
from ronda.framework.scan.deciding.minimising import Minimum, golden, simplex
from ronda.framework.scan.deciding.searching import Line
from ronda.framework.scan.deciding.summit import extreme
from ronda.framework.scan.plan import Point

REPEATS = 5
"""How often the first point is measured, to see how large the noise is."""

NOTABLE = 6.0
"""Standard deviations of that noise by which a step should change the counter."""

FIRST_STEP = 1 / 4096
"""Part of the whole range of an axis that the first step takes; each further one is twice as long."""

PRECISE = 0.1
"""How near the end is, as a part of the first step that changed the counter."""

PART_OF_RANGE = 0.25
"""First step as a part of the range, where somebody has said how wide that is."""


class Search:
    """What optimising and focusing share: the points so far, and what they say in the end.

    Args:
        axes: which.
        channel: the counter that is looked at.
        unit: of the counter.
        lowest: whether it is to be lowest; else highest.
    """

    def __init__(self, axes: Sequence[Axis], channel: str, unit: str, *, lowest: bool) -> None:
        self.axes = tuple(axes)
        self.channel = channel
        self.unit = unit
        self.sign = 1.0 if lowest else -1.0
        self.places: list[Point] = []
        self.costs: list[float] = []

    def measure(self, point: Point) -> Generator[Point, Values, float]:
        """Measure once; returns what is to be small: the value, or its negative."""
        values = yield point
        self.places.append(point)
        self.costs.append(self.sign * number(values, self.channel))
        return self.costs[-1]

    def drive(self, minimiser: Generator[Point, float, Minimum]) -> Generator[Point, Values, Minimum]:
        """Measure what a minimiser wants."""
        try:
            point = next(minimiser)
            while True:
                cost = yield from self.measure(point)
                point = minimiser.send(cost)
        except StopIteration as end:
            found: Minimum = end.value
            return found

    def conclude(self, found: Minimum, fallback: Sequence[float], remark: str = "") -> Course:
        """Go to the extreme, by all points around it, and measure there.

        Args:
            found: what the minimiser says.
            fallback: how far that may be off for each axis, if the points say nothing better.
            remark: what else is to be said.
        """
        fitted = extreme(np.array(self.places), np.array(self.costs))
        place, errors = (np.array(found.point), np.array(fallback)) if fitted is None else fitted
        inside = [(min(each), max(each)) for each in zip(*self.places, strict=True)]
        if fitted is not None and any(not low <= at <= high for at, (low, high) in zip(place, inside, strict=True)):
            place, errors = np.array(found.point), np.array(fallback)
        cost = yield from self.measure(tuple(place.tolist()))
        value, word = self.sign * cost, "lowest" if self.sign > 0 else "highest"
        told = ", ".join(
            f"{axis.name} = {axis.text(at)} ± {error:.2g} {axis.unit}"
            for axis, at, error in zip(self.axes, place.tolist(), errors.tolist(), strict=True)
        )
        sentence = f"{self.channel} is {word}, {value:.6g} {self.unit}".rstrip() + f", at {told}; moved there{remark}"
        names = [axis.name for axis in self.axes]
        return Found(
            dict(zip(names, place.tolist(), strict=True)),
            dict(zip(names, errors.tolist(), strict=True)),
            sentence,
            {self.channel: value},
        )


class Optimising(Search):
    """Goes uphill, or downhill, from where the axes stand.

    Args:
        bounds: where it may go, for each axis.
        start: where the axes stand.
        steps: length of the first step of each axis; None to try out how long it should be.
        precision: how near the end is to be, for each axis in its unit; None for a part of the first step.
        most: highest number of points.
        other arguments as for `Search`.
    """

    def __init__(
        self,
        axes: Sequence[Axis],
        channel: str,
        unit: str,
        *,
        lowest: bool,
        bounds: Sequence[tuple[float, float]],
        start: Sequence[float],
        steps: Sequence[float] | None,
        precision: Sequence[float] | None,
        most: int,
    ) -> None:
        super().__init__(axes, channel, unit, lowest=lowest)
        self._bounds = bounds
        self._start: Point = tuple(start)
        self._steps = steps
        self._precision = precision
        self._most = most

    def decide(self) -> Course:
        """See `Course`.

        Raises:
            NotReady: an axis does not change the counter.
        """
        if self._steps is None:
            steps = yield from self._try_out()
        else:
            steps = [
                step if at + step <= high else -step
                for step, at, (_, high) in zip(self._steps, self._start, self._bounds, strict=True)
            ]
        near = [PRECISE * abs(step) for step in steps] if self._precision is None else list(self._precision)
        left = self._most - len(self.places) - 1  # the last one is measured at the extreme
        if len(self.axes) == 1 and self._steps is not None:
            (low, high) = self._bounds[0]
            minimiser = golden(low, high, near[0], left)
        else:
            part = min(one / abs(step) for one, step in zip(near, steps, strict=True))
            minimiser = simplex(self._start, steps, self._bounds, part, left)
        found = yield from self.drive(minimiser)
        remark = "" if found.converged else f"; it may be still better elsewhere, {self._most} points did not suffice"
        ends = [
            f"{axis.name} is at the end of where it may go"
            for axis, at, bounds in zip(self.axes, found.point, self._bounds, strict=True)
            if any(axis.is_at(at, end) for end in bounds)
        ]
        return (yield from self.conclude(found, near, remark + "".join(f"; {one}" for one in ends)))

    def _try_out(self) -> Generator[Point, Values, list[float]]:
        """How far each axis goes until the counter changes by more than its noise, to both sides in turn."""
        for _ in range(REPEATS):
            yield from self.measure(self._start)
        first = self.costs[:REPEATS]
        mean, noise = float(np.mean(first)), float(np.std(first, ddof=1))
        steps = []
        for place, (axis, (low, high)) in enumerate(zip(self.axes, self._bounds, strict=True)):
            length, found = FIRST_STEP * (high - low), math.nan
            while math.isnan(found):
                tried = [self._start[place] + sign * length for sign in (1, -1)]
                inside = [at for at in tried if low <= at <= high]
                if not inside:
                    break
                for at in inside:
                    point = (*self._start[:place], at, *self._start[place + 1 :])
                    change = (yield from self.measure(point)) - mean
                    if abs(change) > NOTABLE * noise:
                        found = at - self._start[place]
                        break
                length *= 2
            if math.isnan(found):
                raise NotReady(
                    f"{self.channel}: is {self.sign * mean:.6g} ± {noise:.2g} {self.unit} and does not change by more "
                    f"than its noise while {axis.name} goes from {axis.text(low)} to {axis.text(high)} {axis.unit}; is "
                    "there beam? Measure longer, or give width="
                )
            steps.append(found)
        return steps


class Focusing(Search):
    """Looks along the whole range of one axis for the best place, then closer by golden section.

    Args:
        low, high: where to look.
        precision: how near the end is to be, in the axis's unit; None for a part of the coarse step.
        arguments as for `Search`.
    """

    def __init__(
        self,
        axis: Axis,
        channel: str,
        unit: str,
        *,
        lowest: bool,
        low: float,
        high: float,
        precision: float | None,
        most: int,
    ) -> None:
        super().__init__([axis], channel, unit, lowest=lowest)
        self._line = Line(axis, channel, low, high)
        self._precision = precision
        self._most = most

    def decide(self) -> Course:
        """See `Course`.

        Raises:
            NotReady: the counter does not change, or is best at an end of the range.
        """
        (axis,) = self.axes
        curve = yield from self._line.search()
        costs = self.sign * curve.y
        best = int(costs.argmin())
        if best in (0, len(costs) - 1):
            word = "lowest" if self.sign > 0 else "highest"
            raise NotReady(
                f"{curve.who}: is {word} at {axis.text(float(curve.x[best]))} {axis.unit}, an end of what was "
                f"measured; look farther, with a larger width="
            )
        low, high = float(curve.x[best - 1]), float(curve.x[best + 1])
        near = PRECISE * (high - low) / 2 if self._precision is None else self._precision
        minimum = yield from self.drive(golden(low, high, near, self._most - len(curve.x) - 1))
        for at, cost in zip(curve.x[best - 1 : best + 2].tolist(), costs[best - 1 : best + 2].tolist(), strict=True):
            self.places.append((at,))
            self.costs.append(cost)
        return (yield from self.conclude(minimum, [near]))
