"""What a plot of a scan shows: its points, as columns of equal length with their units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
