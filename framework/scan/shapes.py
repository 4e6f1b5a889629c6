"""Shapes of scans: where their points lie, as plain arithmetic. Axes and units do not matter here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from ronda.framework.errors import BadValue

GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
"""In rad: 137.508°, by which a circle is divided in the golden section."""

MOST_POINTS = 1_000_000
"""A shape of more points is a slip of the hand."""


def line(start: float, stop: float, intervals: int) -> tuple[float, ...]:
    """Evenly spaced: `intervals` steps, so one point more; both ends are exact."""
    return tuple(float(position) for position in np.linspace(start, stop, intervals + 1))


def logarithmic(start: float, stop: float, intervals: int) -> tuple[float, ...]:
    """Each point is the same factor from the last: start · (stop / start)^(i / intervals).

    Raises:
        BadValue: an end is 0, or they have different signs.
    """
    if start * stop <= 0:
        raise BadValue(
            f"logarithmic steps from {start:g} to {stop:g}: both ends should be above 0, or both below; "
            "no factor leads across 0"
        )
    inner = [start * (stop / start) ** (i / intervals) for i in range(1, intervals)]
    return (float(start), *inner, float(stop))


def mesh(rows: Sequence[Sequence[float]], *, backnforth: bool = False) -> Iterator[tuple[float, ...]]:
    """All points of a lattice, row by row.

    Args:
        rows: the positions of each axis, the slowest first.
        backnforth: every second row of the last axis begins at its end.

    Yields:
        positions in the order of the axes given.
    """
    *slow, fast = rows
    for count, place in enumerate(_product(slow)):
        row = reversed(fast) if backnforth and count % 2 else fast
        for position in row:
            yield (*place, position)


def _product(rows: Sequence[Sequence[float]]) -> Iterator[tuple[float, ...]]:
    if not rows:
        yield ()
        return
    for position in rows[0]:
        for rest in _product(rows[1:]):
            yield (position, *rest)


def spiral(x_range: float, y_range: float, dr: float, nth: float) -> Iterator[tuple[float, float]]:
    """The middle, then rings around it that lie `dr` apart, with points spaced evenly: ring i has i · nth of them.

    Point j of ring i is at (i·dr·cos φ, i·dr·sin φ), φ = 2π j / (i·nth). Points outside the rectangle are left out.
    This is what `spiral` means in Bluesky (bluesky.plan_patterns), with the middle added.

    Args:
        x_range, y_range: whole width and height of the rectangle.
        dr: distance of the rings, in the unit of the ranges.
        nth: points on the first ring.

    Yields:
        x, y from the middle.
    """
    yield 0.0, 0.0
    rings = math.ceil(math.hypot(x_range, y_range) / 2 / dr)
    for ring in range(1, rings + 1):
        points = max(round(ring * nth), 1)
        for point in range(points):
            angle = 2 * math.pi * point / points
            x, y = ring * dr * math.cos(angle), ring * dr * math.sin(angle)
            if _inside(x, x_range) and _inside(y, y_range):
                yield x, y


def spiral_fermat(x_range: float, y_range: float, dr: float, factor: float = 1.0) -> Iterator[tuple[float, float]]:
    """Fermat's spiral: point n lies at radius (dr / factor) · √n and at the angle n · 137.508°.

    Each point covers the same area, π (dr / factor)², and no direction is preferred. H. Vogel, A better way to
    construct the sunflower head, Math. Biosci. 44 (1979) 179; for scans: X. Huang et al., Opt. Express 22 (2014)
    12634. Points outside the rectangle are left out; the arguments mean what they mean to `spiral_fermat` in Bluesky.

    Args:
        x_range, y_range: whole width and height of the rectangle.
        dr: radius of the first point times factor, in the unit of the ranges.
        factor: divides dr.

    Yields:
        x, y from the middle.
    """
    scale = dr / factor
    farthest = (math.hypot(x_range, y_range) / 2 / scale) ** 2
    for n in range(int(farthest) + 1):
        radius, angle = scale * math.sqrt(n), n * GOLDEN_ANGLE
        x, y = radius * math.cos(angle), radius * math.sin(angle)
        if _inside(x, x_range) and _inside(y, y_range):
            yield x, y


def _inside(position: float, whole: float) -> bool:
    return abs(position) <= whole / 2 * (1 + 1e-12)
