"""What is archived, drawn over a scan: an attribute of the data loggers beside what the scan measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.counter import Counter
from ronda.framework.clients.data_logger import DataLogger
from ronda.framework.errors import BadValue, NotFound
from ronda.framework.scan.analysis.contents import ELAPSED
from ronda.framework.scan.analysis.points import Column, Points
from ronda.framework.scan.analysis.results import Results

POINTS = 10_000
"""Points of the history that is drawn, minima and maxima kept."""

EPOCH = "epoch"
"""Channel with the time of each point, in s since 1970."""

Array = npt.NDArray[np.float64]

Ask = Callable[[Callable[[DataLogger], Any]], Any]
"""Asks the first of the loggers that knows."""


def is_archived(name: object) -> bool:
    """Whether a name is that of an attribute, `oven/Input`, and not of a counter."""
    return isinstance(name, str) and "/" in name


def over_scan(
    ask: Ask, scan: Results, archived: Sequence[str], counters: Sequence[Counter | str], axis: Axis | str | None
) -> Points:
    """Archived attributes over a scan; alone, over its time as they went, with counters or an axis at each point.

    Args:
        ask: asks loggers.
        scan: whose time it is.
        archived: names of attributes.
        counters: of the scan, that are drawn beside them.
        axis: over which; without one and without counters the time.

    Raises:
        BadValue: an attribute is no number.
        NotFound: the scan has no points yet, or nothing is archived of an attribute.
    """
    times = _times(scan)
    begin, end = float(times[0]), float(times[-1])
    if axis is None and not counters:
        heading = scan.points().heading
        found = [_history(ask, name, begin, end) for name in archived]
        every = np.unique(np.concatenate([[begin, end], *(when for when, _ in found)]))
        steps = np.column_stack([every[:-1], every[1:]]).ravel() if len(every) > 1 else every
        places = np.repeat(every[:-1], 2) if len(every) > 1 else every
        columns = [Column(name, "", _held(*one, places)) for name, one in zip(archived, found, strict=True)]
        return Points(heading, (Column(ELAPSED, "s", steps - begin),), tuple(columns))
    points = scan.points(*counters, axis=axis)
    at = _times(scan)[: len(points.axes[0].values)]
    columns = [Column(name, "", _held(*_history(ask, name, begin, float(at[-1])), at)) for name in archived]
    axes = tuple(Column(one.name, one.unit, one.values[: len(at)]) for one in points.axes)
    beside = [Column(one.name, one.unit, one.values[: len(at)]) for one in points.counters] if counters else []
    return Points(points.heading, axes, (*beside, *columns))


def _times(scan: Results) -> Array:
    """When each point was, in s since 1970."""
    try:
        times = np.asarray(scan.read(EPOCH), np.float64)
    except KeyError as error:
        raise NotFound(f"{scan.label}: does not say when its points were, so nothing can be laid over it") from error
    times = times[np.isfinite(times)]
    if not times.size:
        raise NotFound(f"{scan.label}: has no points yet")
    return times


def _history(ask: Ask, name: str, begin: float, end: float) -> tuple[Array, Array]:
    """Times at which an attribute became another, and its values; NaN from where it was not known.

    Raises:
        BadValue: it is no number.
    """
    (before,) = ask(lambda logger: logger.value_at([name], begin))
    found = ask(lambda logger: logger.history(name, begin, max(end, begin + 1e-3), POINTS))
    values = [before["value"], *found["value"]]
    if not any(isinstance(one, int | float) for one in values):
        if all(one is None for one in values):
            raise NotFound(f"{name}: no value of it was known during the scan: {before['reason']}")
        raise BadValue(f"{name}: has words or spectra as values; numbers can be drawn")
    breaks = [one["time"] for one in found["breaks"]]
    times = np.array([begin, *found["time"], *breaks], np.float64)
    numbers = np.array([*map(_number, values), *(np.nan for _ in breaks)], np.float64)
    order = np.argsort(times, kind="stable")
    return times[order], numbers[order]


def _held(times: Array, values: Array, at: Array) -> Array:
    """The value that was known at each time."""
    places = np.searchsorted(times, at, side="right") - 1
    return np.where(places >= 0, values[np.maximum(places, 0)], np.nan)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
