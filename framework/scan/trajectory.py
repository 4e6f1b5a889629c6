"""A trajectory: where several axes are at each moment, smooth between given positions, from rest to rest.

Between two knots each axis moves on a cubic polynomial, which positions and velocities at the knots determine (PVT:
position, velocity, time). Here u is the unit of an axis.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue

Floats = npt.NDArray[np.float64]

MOST_KNOTS = 10_000
"""How many knots a trajectory has at most; a motor controller must hold them in its memory."""

MARGIN = 0.05
"""Part of the time to run up that is added at constant velocity, so that the velocity has settled."""

SHORTEST = 1e-3
"""Shortest time to run up, in s: less is nothing to a clock."""

AT_REST = 1e-9
"""Part of the highest velocity below which an axis needs no run-up."""

EXAMPLE = '{"axes": ["samx", "samy"], "times": [0, 1], "positions": [[0, 0], [1, 2]], "velocities": [[1, 2], [1, 2]]}'


@dataclass(frozen=True)
class Trajectory:
    """Knots of m axes.

    Attributes:
        axes: their names.
        times: of the k knots, rising, in s; (k,) float64.
        positions: in u; (k, m) float64.
        velocities: in u/s; (k, m) float64.
    """

    axes: tuple[str, ...]
    times: Floats
    positions: Floats
    velocities: Floats

    @property
    def duration(self) -> float:
        """From the first knot to the last, in s."""
        return float(self.times[-1] - self.times[0])

    def at(self, times: npt.ArrayLike) -> Floats:
        """Positions at n times between the first knot and the last, in u; (n, m)."""
        wanted = np.asarray(times, float)
        place = np.clip(np.searchsorted(self.times, wanted, "right") - 1, 0, len(self.times) - 2)
        after = (wanted - self.times[place])[:, None]
        p, v, c, d = (each[place] for each in self._polynomials)
        found: Floats = p + (v + (c + d * after) * after) * after
        last = wanted >= self.times[-1]
        found[last] = self.positions[-1]  # to the last bit
        return found

    @cached_property
    def _polynomials(self) -> tuple[Floats, Floats, Floats, Floats]:
        """p, v, c and d of p + v s + c s² + d s³, s after each knot but the last; (k − 1, m) each.

        Cubic Hermite interpolation, as in each book on numerical methods.
        """
        h = np.diff(self.times)[:, None]
        p, v, w = self.positions[:-1], self.velocities[:-1], self.velocities[1:]
        mean = np.diff(self.positions, axis=0) / h
        return p, v, (3 * mean - 2 * v - w) / h, (v + w - 2 * mean) / h**2

    def reach(self) -> tuple[Floats, Floats]:
        """Lowest and highest position of each axis on the whole way, in u; (m,) each."""
        p, v, c, d = self._polynomials
        h = np.diff(self.times)[:, None]
        lowest, highest = self.positions.min(axis=0), self.positions.max(axis=0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            # where the velocity v + 2 c s + 3 d s² is 0, in the form that loses no digits
            q = -(c + np.copysign(np.sqrt(c * c - 3 * d * v), c))
            roots = q / (3 * d), v / q
        for root in roots:
            s = _within(root, h)
            turn = p + (v + (c + d * s) * s) * s
            lowest, highest = np.minimum(lowest, turn.min(axis=0)), np.maximum(highest, turn.max(axis=0))
        return lowest, highest

    def fastest(self) -> tuple[Floats, Floats]:
        """Highest velocity (u/s) and acceleration (u/s²) of each axis on the whole way, positive; (m,) each."""
        _, v, c, d = self._polynomials
        h = np.diff(self.times)[:, None]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            root = -c / (3 * d)
        s = _within(root, h)
        inside = np.abs(v + (2 * c + 3 * d * s) * s).max(axis=0)
        velocity = np.maximum(np.abs(self.velocities).max(axis=0), inside)
        return velocity, np.maximum(np.abs(2 * c), np.abs(2 * c + 6 * d * h)).max(axis=0)

    def back(self) -> Self:
        """The same way in the other direction."""
        times = self.times[0] + self.times[-1] - self.times[::-1]
        return type(self)(self.axes, times, self.positions[::-1], -self.velocities[::-1])

    def with_run_up(self, accelerations: Floats) -> tuple[Self, float]:
        """From rest to rest: with the way to run up before the first knot, and to brake behind the last.

        Args:
            accelerations: that may be used for it, in u/s²; (m,).

        Returns:
            The whole way, which begins at 0 s; and the time of the first knot on it, in s.
        """
        before, settles = _ramp(self.velocities[0], accelerations)
        after, settled = _ramp(self.velocities[-1], accelerations)
        first, last = self.velocities[0], self.velocities[-1]
        zero = before + settles
        times, positions, velocities = [self.times - self.times[0] + zero], [self.positions], [self.velocities]
        if zero:
            reached = self.positions[0] - first * settles
            times.insert(0, np.array([0.0, before]))
            positions.insert(0, np.array([reached - first * before / 2, reached]))
            velocities.insert(0, np.array([0 * first, first]))
        else:
            velocities[0] = np.concatenate([[0 * first], self.velocities[1:]])
        end = zero + self.duration
        if after:
            left = self.positions[-1] + last * settled
            times.append(np.array([end + settled, end + settled + after]))
            positions.append(np.array([left, left + last * after / 2]))
            velocities.append(np.array([last, 0 * last]))
        else:
            velocities[-1] = np.concatenate([velocities[-1][:-1], [0 * last]])
        whole = type(self)(self.axes, np.concatenate(times), np.concatenate(positions), np.concatenate(velocities))
        return whole, zero

    def to_json(self, **more: Any) -> str:
        """As text, with more keys."""
        arrays = {name: getattr(self, name).tolist() for name in ("times", "positions", "velocities")}
        return json.dumps({"axes": self.axes, **arrays, **more})

    def later(self, wait: float) -> Self:
        """The same way, which begins at rest, after so many s."""
        times = np.concatenate([self.times[:1], self.times + wait])
        positions, velocities = (np.concatenate([each[:1], each]) for each in (self.positions, self.velocities))
        return type(self)(self.axes, times, positions, velocities)

    @classmethod
    def from_json(cls, text: str) -> tuple[Self, dict[str, Any]]:
        """From text; also the other keys.

        Raises:
            BadValue: it is no trajectory.
        """
        try:
            told = json.loads(text)
            axes = tuple(map(str, told.pop("axes")))
            times, positions, velocities = (
                np.array(told.pop(key), float) for key in ("times", "positions", "velocities")
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadValue(f"a trajectory is JSON such as {EXAMPLE}, not {text[:100]!r}") from error
        fits = times.ndim == 1 and positions.shape == velocities.shape == (len(times), len(axes))
        if not fits or len(times) < 2 or not axes or len(set(axes)) != len(axes):
            raise BadValue(
                f"a trajectory has 2 knots or more, with a position and a velocity of each axis: {text[:100]}"
            )
        if not all(np.isfinite(each).all() for each in (times, positions, velocities)) or (np.diff(times) <= 0).any():
            raise BadValue(f"a trajectory has finite numbers, and its times rise: {text[:100]}")
        return cls(axes, times, positions, velocities), told


def _within(moments: Floats, h: Floats) -> Floats:
    """Moments within intervals that begin at 0, and their ends for those that are not, or are none."""
    return np.clip(np.nan_to_num(moments, nan=0.0), 0.0, h)


def _ramp(velocity: Floats, accelerations: Floats) -> tuple[float, float]:
    """Time from rest to velocities, and for them to settle, in s."""
    if not velocity.any():
        return 0.0, 0.0
    time = max(float(np.max(np.abs(velocity) / accelerations)), SHORTEST)
    return time, MARGIN * time


def through(axes: Sequence[str], times: Floats, positions: Floats) -> Trajectory:
    """The smooth way through k positions of m axes: a cubic spline, whose acceleration is continuous.

    With two positions it is a straight line, with three a parabola.

    Args:
        axes: names.
        times: when they are passed, rising, in s; (k,).
        positions: in u; (k, m).
    """
    from scipy.interpolate import CubicSpline  # loads scipy, which few programs need

    spline = CubicSpline(times, positions, axis=0)  # not-a-knot
    velocities = spline(times, 1)
    still = np.abs(velocities) <= AT_REST * np.abs(velocities).max(axis=0)
    return Trajectory(tuple(axes), times, positions, np.where(still, 0.0, velocities))


def slower(velocity: float, fastest: float, acceleration: float, hardest: float) -> float:
    """By which factor a trajectory must take longer so that velocity and acceleration are at most what is allowed."""
    return max(velocity / fastest if fastest else math.inf, math.sqrt(acceleration / hardest) if hardest else math.inf)
