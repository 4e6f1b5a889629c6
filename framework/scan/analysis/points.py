"""What a plot of a scan shows: its points, as columns of equal length with their units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue
from ronda.framework.scan.analysis.contents import Spectral

SAME_PLACE = 0.005
"""Part of the range of an axis within which two positions are the same place."""


@dataclass(frozen=True)
class Column:
    """One channel.

    Attributes:
        name: of the channel.
        unit: of its values; empty for none.
        values: float64, shape (n,), one for each point; some may be NaN.
    """

    name: str
    unit: str
    values: npt.NDArray[np.float64]

    @property
    def title(self) -> str:
        """Its name with its unit, as `samx [mm]`."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name

    def places(self) -> npt.NDArray[np.int64]:
        """Which of the different places each point is at, counted from the lowest, shape (n,).

        Places that are nearer to each other than a part of the whole range, `SAME_PLACE`, are one: an axis is never
        exactly where it was.
        """
        order = np.argsort(self.values, kind="stable")
        found = np.zeros(len(order), np.int64)
        if len(order) and (span := float(np.ptp(self.values))) > 0:
            found[order[1:]] = np.cumsum(np.diff(self.values[order]) > span * SAME_PLACE)
        return found


def latest_spectra(who: str, spectra: Mapping[str, Spectral], rows: Mapping[str, npt.NDArray[Any]]) -> Points:
    """The latest spectrum of some channels.

    Args:
        who: the scan, for heading and messages.
        spectra: what the channels are, by name.
        rows: what there is of them, by name; (points, values).

    Raises:
        BadValue: they are not over the same.
    """
    first = next(iter(spectra.values()))
    for name, one in spectra.items():
        if (one.name, one.polynomial) != (first.name, first.polynomial):
            raise BadValue(f"{who}: {name} is over {one.name}, others are not; look at them one by one")
    length = min(values.shape[1] for values in rows.values())
    over = np.asarray(np.polynomial.polynomial.polyval(np.arange(length), first.polynomial), np.float64)
    columns = []
    for name, values in rows.items():
        last = np.full(length, np.nan) if not len(values) else np.asarray(values[-1][:length], np.float64)
        columns.append(Column(name, spectra[name].unit, last))
    number = max(len(next(iter(rows.values()))), 1)
    return Points(f"{who}, spectrum {number}", (Column(first.name, first.over_unit, over),), tuple(columns))


@dataclass(frozen=True)
class Points:
    """The points of a scan.

    Attributes:
        heading: which scan it is.
        axes: what it moved, or the time: one column for a curve, two for points over an area.
        counters: what is to be seen.
    """

    heading: str
    axes: tuple[Column, ...]
    counters: tuple[Column, ...]
