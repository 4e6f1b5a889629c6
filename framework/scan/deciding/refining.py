"""A mesh that becomes finer where the values change: each new point divides the triangle that says least."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ronda.framework.scan.choice import Course, number
from ronda.framework.scan.plan import Point
from ronda.framework.scan.shapes import mesh

FLOOR = 0.03
"""So much of the whole range of values counts as change in each triangle, so that no large one stays unseen."""

FINEST = 1 / 500
"""Part of the ranges beyond which no triangle is divided."""

NEARLY = 0.7
"""Of the triangles that have at least this part of the largest loss, the nearest is divided: less way to go."""

Array = npt.NDArray[np.float64]


class Refining:
    """Two axes over a rectangle.

    Args:
        channel: the counter that says where it changes.
        rows: positions of a coarse lattice that is measured first: those of the second axis, which is the slow one, and
            those of the first; ascending, at least two of each.
        points: how many in all.
    """

    def __init__(self, channel: str, rows: tuple[tuple[float, ...], tuple[float, ...]], points: int) -> None:
        self._channel = channel
        self._rows = rows
        self._points = points

    def decide(self) -> Course:
        """See `Course`."""
        slow, fast = self._rows
        low = np.array([fast[0], slow[0]])
        span = np.array([fast[-1], slow[-1]]) - low
        places: list[Point] = []
        values: list[float] = []
        for y, x in mesh(self._rows, backnforth=True):
            values.append(number((yield (x, y)), self._channel))
            places.append((x, y))
        while len(places) < self._points:
            found = divided((np.array(places) - low) / span, np.array(values))
            if found is None:
                break
            point: Point = tuple((low + span * found).tolist())
            values.append(number((yield point), self._channel))
            places.append(point)
        return None


def divided(places: Array, values: Array) -> Array | None:
    """Where the next point belongs: the middle of the longest side of a triangle with a large loss.

    The loss of a triangle of Delaunay's triangulation is its area times the range of values at its corners, as a part
    of the range of all, plus `FLOOR`.

    Args:
        places: shape (n, 2), the whole rectangle being the unit square; the last one is where the axes stand.
        values: shape (n,).

    Returns:
        A place, shape (2,); None if all triangles are as small as `FINEST`.
    """
    from scipy.spatial import Delaunay

    corners = Delaunay(places).simplices
    triangles = places[corners]
    sides = triangles - np.roll(triangles, 1, axis=1)
    lengths = np.hypot(sides[..., 0], sides[..., 1])
    area = np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0]) / 2
    change = np.ptp(values[corners], axis=1) / (np.ptp(values) or 1.0)
    loss = np.where(lengths.max(axis=1) > FINEST, area * (change + FLOOR), 0.0)
    if not loss.max() > 0:
        return None
    longest = lengths.argmax(axis=1)
    rows = np.arange(len(corners))
    middles = (triangles[rows, longest] + triangles[rows, longest - 1]) / 2
    far = np.hypot(*(middles - places[-1]).T)
    chosen = np.where(loss >= NEARLY * loss.max(), far, np.inf).argmin()
    found: Array = middles[chosen]
    return found
