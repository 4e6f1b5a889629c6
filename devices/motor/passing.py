"""Triggers of a controller that keeps no time: which were given, and when, follows from where its axis is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ronda.devices.motor.contract import Knots, Latches

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@dataclass
class Passing:
    """The triggers of one axis in one line, in the order in which it passes them.

    Attributes:
        places: what is passed: positions in steps, or values of a parameter; rising or falling; (n,).
        times: when, in s from the first that bounds a point; (n,).
        positions: of the axis then, in steps; (n,).
        bounds: which bound points; the others set the clocks; (n,) bool.
        timed: whether places are values of a parameter, the time of a trajectory in s.
        begun: whether the motion has begun in which they are passed.
        over: whether they are passed no more, whatever moves.
        passed: how many were.
    """

    places: Floats
    times: Floats
    positions: Floats
    bounds: npt.NDArray[np.bool_]
    timed: bool = False
    begun: bool = False
    over: bool = False
    passed: int = 0

    @property
    def rising(self) -> bool:
        """Whether places rise in the order in which they are passed."""
        return len(self.places) < 2 or bool(self.places[-1] > self.places[0])

    def reach(self, place: float) -> None:
        """The axis is at a place now. It does not take back what it has passed."""
        if self.begun and not self.over:
            sign = 1.0 if self.rising else -1.0
            self.passed = max(self.passed, int(np.searchsorted(sign * self.places, sign * place, "right")))

    def latched(self, first: int) -> Latches:
        """Those from number `first` on that were passed."""
        some = slice(first, self.passed)
        nan = np.full(max(self.passed - first, 0), np.nan)
        return Latches(self.passed, self.times[some], self.positions[some], nan, self.bounds[some])


def over_positions(start: float, step: float, count: int, period: float, clocks: Sequence[float]) -> Passing:
    """Of a sweep at constant velocity, whose controller counts whole steps; see `MotorController.compare`."""
    places = np.rint(np.concatenate([np.asarray(clocks, float), start + step * np.arange(count)]))
    bounds = np.arange(len(places)) >= len(clocks)
    times = (places - places[len(clocks)]) / step * period
    return Passing(places, times, places, bounds)


def over_times(first: float, period: float, count: int, clocks: Sequence[float]) -> Passing:
    """Along a trajectory whose parameter is the time; arguments as of `MotorController.compare_times`."""
    places = np.concatenate([np.asarray(clocks, float), first + period * np.arange(count)])
    unknown, bounds = np.full(len(places), np.nan), np.arange(len(places)) >= len(clocks)
    return Passing(places, places - first, unknown, bounds, timed=True)


def on_trajectory(knots: Knots, place: int, times: Floats) -> Floats:
    """Where an axis is at n times of its trajectory, in steps; (n,). Cubic Hermite interpolation.

    Args:
        knots: of all axes.
        place: of the axis among them.
        times: from its start, in s; (n,).
    """
    row = np.clip(np.searchsorted(knots.times, times, "right") - 1, 0, len(knots.times) - 2)
    h, s = np.diff(knots.times)[row], times - knots.times[row]
    p, v, w = knots.positions[row, place], knots.velocities[row, place], knots.velocities[row + 1, place]
    mean = (knots.positions[row + 1, place] - p) / h
    found: Floats = p + (v + ((3 * mean - 2 * v - w) / h + (v + w - 2 * mean) / h**2 * s) * s) * s
    return found
