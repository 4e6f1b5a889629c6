"""A picture of a scan in a PNG file, drawn by matplotlib, which is loaded when the first is wanted."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue, NotReady
from ronda.framework.scan.analysis.points import Column, Points

INCHES = (8.0, 5.0)
DOTS_PER_INCH = 120

FEW = 200
"""Points of a curve up to which each has a mark."""


def save_picture(points: Points, path: Path) -> None:
    """Draw the counters of a scan over its axis, or over the area of its axes.

    Raises:
        NotReady: matplotlib is not installed.
        BadValue: there are no points, or the file cannot be written.
    """
    if not points.axes[0].values.size:
        raise BadValue(f"png: {points.heading}: has no points yet")
    try:
        from matplotlib.figure import Figure  # not its pyplot, which keeps figures, and may open a window
    except ImportError as error:
        raise NotReady(
            "png: pictures are drawn by matplotlib, which is not installed; `pip install 'ronda[plot]'`, or `pip "
            "install matplotlib`, does that. plot() draws in the terminal"
        ) from error
    count = len(points.counters)
    figure = Figure((INCHES[0], INCHES[1] * (1 + 0.6 * (count - 1))), dpi=DOTS_PER_INCH, layout="constrained")
    figure.suptitle(points.heading, parse_math=False, fontsize="medium", wrap=True)
    for number, counter in enumerate(points.counters):
        axes = figure.add_subplot(count, 1, number + 1)
        x = points.axes[0]
        axes.set_xlabel(x.title, parse_math=False)
        if len(points.axes) == 1:
            axes.plot(x.values, counter.values, "o-" if len(x.values) <= FEW else "-", markersize=3, linewidth=1)
            axes.set_ylabel(counter.title, parse_math=False)
            axes.grid(visible=True, alpha=0.3)
            continue
        y = points.axes[1]
        drawn: Any
        if (lattice := _lattice(x, y, counter)) is not None:
            drawn = axes.pcolormesh(*lattice, shading="nearest")
        else:
            side = 72 * min(INCHES) * 0.8 / math.sqrt(len(x.values))
            drawn = axes.scatter(x.values, y.values, c=counter.values, marker="s", s=min(side, 40) ** 2, linewidths=0)
        axes.set_ylabel(y.title, parse_math=False)
        figure.colorbar(drawn, ax=axes).set_label(counter.title, parse_math=False)
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise BadValue(f"png: {path} cannot be written: {error.strerror or error}") from error


def _lattice(x: Column, y: Column, z: Column) -> tuple[npt.NDArray[np.float64], ...] | None:
    """Positions of columns and rows, and values by row and column (NaN where none is); None if it is no lattice."""
    column, row = x.places(), y.places()
    columns, rows = int(column.max()) + 1, int(row.max()) + 1
    if columns < 2 or rows < 2 or len(set(zip(column.tolist(), row.tolist(), strict=True))) != len(column):
        return None
    if columns * rows > 2 * len(column) + columns:  # a spiral, not a lattice in the making
        return None
    values = np.full((rows, columns), np.nan)
    values[row, column] = z.values
    return _means(x.values, column), _means(y.values, row), values


def _means(values: npt.NDArray[np.float64], places: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    means: npt.NDArray[np.float64] = np.bincount(places, values) / np.bincount(places)
    return means
