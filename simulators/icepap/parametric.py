"""Parametric motion of an IcePAP's board: a table of positions over a parameter, and the axis that follows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ronda.simulators.physics.path import Knot
from ronda.simulators.physics.trajectory import Phase, Trajectory, at_rest, trapezoid

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Floats: TypeAlias = "npt.NDArray[np.float64]"

PARTS = 400
"""Knots that a motion with a ramp of the parameter is divided into."""


@dataclass(frozen=True)
class Table:
    """Positions over a parameter, with cubic polynomials between the rows.

    Attributes:
        parameters: rising; (n,).
        positions: in steps; (n,).
        slopes: in steps for one unit of the parameter; (n,).
    """

    parameters: Floats
    positions: Floats
    slopes: Floats

    def at(self, values: Floats) -> tuple[Floats, Floats]:
        """Positions and slopes at values of the parameter (cubic Hermite interpolation)."""
        import numpy as np

        place = np.clip(np.searchsorted(self.parameters, values, "right") - 1, 0, len(self.parameters) - 2)
        h = self.parameters[place + 1] - self.parameters[place]
        s = values - self.parameters[place]
        p, v, w = self.positions[place], self.slopes[place], self.slopes[place + 1]
        mean = (self.positions[place + 1] - p) / h
        c, d = (3 * mean - 2 * v - w) / h, (v + w - 2 * mean) / h**2
        positions, slopes = p + (v + (c + d * s) * s) * s, v + (2 * c + 3 * d * s) * s
        last = values >= self.parameters[-1]  # to the last bit
        positions[last], slopes[last] = self.positions[-1], self.slopes[-1]
        return positions, slopes

    @property
    def ends(self) -> tuple[float, float]:
        """First and last value of the parameter."""
        return float(self.parameters[0]), float(self.parameters[-1])


def natural_slopes(parameters: Floats, positions: Floats) -> Floats:
    """Slopes of the natural cubic spline through points: its second derivative is continuous, and 0 at both ends."""
    import numpy as np

    h, n = np.diff(parameters), len(parameters)
    mean = np.diff(positions) / h
    matrix, right = np.zeros((n, n)), np.zeros(n)
    matrix[0, :2], right[0] = (2, 1), 3 * mean[0]
    matrix[-1, -2:], right[-1] = (1, 2), 3 * mean[-1]
    for row in range(1, n - 1):
        matrix[row, row - 1 : row + 2] = 1 / h[row - 1], 2 / h[row - 1] + 2 / h[row], 1 / h[row]
        right[row] = 3 * (mean[row - 1] / h[row - 1] + mean[row] / h[row])
    return np.asarray(np.linalg.solve(matrix, right), np.float64)


def parameter_course(start: float, origin: float, target: float, velocity: float, ramp: float) -> Trajectory:
    """How the parameter goes from a value to another, from a time on; with a ramp of so many s at both ends."""
    if origin == target:
        return at_rest(start, origin)
    if ramp:
        return trapezoid(start, origin, target, velocity, velocity / ramp)
    signed = velocity if target > origin else -velocity
    end = start + (target - origin) / signed
    return Trajectory((Phase(start, origin, signed, 0.0), Phase(end, target, 0.0, 0.0)), velocity * 1e3)


def knots(table: Table, course: Trajectory) -> list[Knot]:
    """Where the axis passes while the parameter takes its course; times count from its start."""
    import numpy as np

    low, high = sorted((course.origin, course.target))
    if len(course.phases) == 2:  # at constant velocity: between rows, cubic polynomials stay such
        inside = table.parameters[(table.parameters > low) & (table.parameters < high)]
        values = np.concatenate([[low], inside, [high]])
        values = values if course.direction > 0 else values[::-1]
        times = (values - course.origin) / course.phases[0].velocity
        rates = np.full(len(values), course.phases[0].velocity)
    else:
        times = np.linspace(0.0, course.end - course.start, PARTS + 1)
        values = np.array([course.position(course.start + time) for time in times])
        rates = np.array([course.velocity(course.start + time) for time in times])
    positions, slopes = table.at(values)
    return [Knot(*row) for row in zip(times.tolist(), positions.tolist(), (slopes * rates).tolist(), strict=True)]
