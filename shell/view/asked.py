"""What a page asks about curves: their figures, by the prompt's own formulas, and the points of another scan."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue
from ronda.framework.nexus import words
from ronda.framework.scan.analysis.curve import Curve
from ronda.shell.view.shown_scan import ShownScan

FIGURES = ("cen", "fwhm", "com", "peak", "trough", "half", "crossings")
"""What is told of a curve: properties of `Curve`."""

MOST_COLUMNS = 8
"""Channels of another scan that are sent at once."""

MOST_OVERLAID = 100_000
"""Points of another scan that are sent; of longer ones every second, third … point."""

Numbers = npt.NDArray[np.float64]


def figures(scan: ShownScan, order: Mapping[str, Any]) -> dict[str, Any]:
    """Centre, width and so on of a curve as it is drawn.

    Args:
        order: `x` and `y`, names of channels; `divide_by`, that of another one, or empty; `derivative`, whether the
            slope is drawn.

    Returns:
        Those that there are, in the unit of `x` (`half` in that of `y`): an edge has no width, noise has neither.

    Raises:
        NotFound: the scan has no such channel of numbers.
        BadValue: there are fewer than three points.
    """
    names = [str(order.get("x", "")), str(order.get("y", ""))]
    divide_by = str(order.get("divide_by", ""))
    columns = valid(scan, [*names, divide_by] if divide_by else names)
    x, y = columns[:2]
    with np.errstate(divide="ignore", invalid="ignore"):
        if divide_by:
            y = y / columns[2]
        if order.get("derivative"):
            y = slope(x, y)
    curve = Curve.of(x, y, names[1])
    found: dict[str, float | list[float]] = {}
    for name in FIGURES:
        with contextlib.suppress(BadValue):
            value = getattr(curve, name)
            found[name] = list(map(float, value)) if isinstance(value, list) else float(value)
    return {"figures": found}


def valid(scan: ShownScan, names: list[str]) -> list[Numbers]:
    """Channels as far as all of them are there, without points that a suspender spoilt.

    Raises:
        NotFound: the scan has no such channel of numbers.
    """
    columns = [scan.column(name) for name in names]
    if scan.judged(names):
        columns.append(scan.column(words.VALID))
    length = min(map(len, columns))
    columns = [column[:length] for column in columns]
    if scan.judged(names):
        good = columns.pop() != 0
        columns = [column[good] for column in columns]
    return columns


def slope(x: Numbers, y: Numbers) -> Numbers:
    """Differences of the neighbours on both sides, one-sided at the ends: (y₊ − y₋) / (x₊ − x₋), as the page draws."""
    if len(x) < 2:
        return np.full(len(x), np.nan)
    after, before = np.r_[1 : len(x), len(x) - 1], np.r_[0, 0 : len(x) - 1]
    return np.asarray((y[after] - y[before]) / (x[after] - x[before]), np.float64)


def overlaid(scan: ShownScan, order: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, Numbers]]]:
    """The points of a scan that is drawn beside the one that is looked at, as far as they have come.

    Args:
        order: `channels`, names; those that the scan does not have are left out.

    Returns:
        A header, whose `over` says whether these are all, and the channels.

    Raises:
        BadValue: too many channels are asked for.
    """
    names = order.get("channels")
    if not isinstance(names, list) or len(names) > MOST_COLUMNS:
        raise BadValue(f"live view: give the names of at most {MOST_COLUMNS} channels")
    over = scan.over
    known = {channel["name"] for channel in scan.heading()["channels"] if channel["number"]}
    wanted = [name for name in dict.fromkeys(map(str, names)) if name in known]
    columns = valid(scan, wanted) if wanted else []
    every = 1 + max((len(column) for column in columns), default=0) // MOST_OVERLAID
    header = {"over": over, "number_of_scan": scan.record.number, "title": scan.record.title}
    return header, [(name, column[::every]) for name, column in zip(wanted, columns, strict=True)]
