"""One curve y(x): where its peak, its middle and its half-maximum crossings are. Plain arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue

FEWEST = 3
"""Points without which there is nothing to be found."""

ENOUGH_TO_JUDGE = 10
"""Points from which on noise is told from a signal."""

Form = Literal["peak", "dip", "edge"]


@dataclass(frozen=True)
class Curve:
    """Values over positions.

    Attributes:
        x: positions, float64, shape (n,), ascending.
        y: values, float64, shape (n,), finite.
        who: whose curve it is, for messages.
    """

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    who: str = "curve"

    @classmethod
    def of(cls, x: Any, y: Any, who: str = "curve") -> Curve:
        """From measured points in any order; those that are not numbers are left out.

        Raises:
            BadValue: fewer than three are left.
        """
        positions, values = np.asarray(x, np.float64), np.asarray(y, np.float64)
        good = np.isfinite(positions) & np.isfinite(values)
        order = np.argsort(positions[good], kind="stable")
        if np.count_nonzero(good) < FEWEST:
            raise BadValue(f"{who}: has {np.count_nonzero(good)} points; {FEWEST} at least are needed")
        return cls(positions[good][order], values[good][order], who)

    @property
    def half(self) -> float:
        """The level in the middle between the lowest and the highest value."""
        return (float(self.y.min()) + float(self.y.max())) / 2

    @property
    def peak(self) -> float:
        """Position of the highest value."""
        return float(self.x[self.y.argmax()])

    @property
    def trough(self) -> float:
        """Position of the lowest value."""
        return float(self.x[self.y.argmin()])

    @property
    def form(self) -> Form:
        """A peak has both ends below the half level, a dip above, an edge one of each."""
        first, last = self.y[0] > self.half, self.y[-1] > self.half
        if first != last:
            return "edge"
        return "dip" if first else "peak"

    @property
    def crossings(self) -> list[float]:
        """Where the half level is crossed, interpolated between points.

        For a peak or dip the two next to its highest or lowest point; for an edge one, the middle one if noise made
        more of them.

        Raises:
            BadValue: there is no signal.
        """
        self.require_signal()
        above = self.y > self.half
        places = np.flatnonzero(above[1:] != above[:-1]).tolist()
        crossed = [self._crossing(place) for place in places]
        form = self.form
        if form == "edge":
            return [crossed[len(crossed) // 2]]
        extreme = int(self.y.argmax() if form == "peak" else self.y.argmin())
        left = [where for place, where in zip(places, crossed, strict=True) if place < extreme]
        right = [where for place, where in zip(places, crossed, strict=True) if place >= extreme]
        return [left[-1], right[0]]

    @property
    def cen(self) -> float:
        """The middle of the half-maximum crossings; of an edge its half height.

        Raises:
            BadValue: there is no signal.
        """
        return sum(self.crossings) / len(self.crossings)

    @property
    def fwhm(self) -> float:
        """Distance of the half-maximum crossings.

        Raises:
            BadValue: there is no signal, or it is an edge.
        """
        crossings = self.crossings
        if len(crossings) < 2:
            raise BadValue(f"{self.who}: is an edge at {crossings[0]:g} and has no full width; fit an error function")
        return crossings[1] - crossings[0]

    @property
    def com(self) -> float:
        """The centre of mass of what stands out: ∫ x w dx / ∫ w dx, w = y − min y, of a dip max y − y.

        Raises:
            BadValue: there is no signal.
        """
        self.require_signal()
        weight = self.y.max() - self.y if self.form == "dip" else self.y - self.y.min()
        middle = float(self.x.mean())  # counted from here nothing is lost to rounding
        total = np.trapezoid(weight, self.x)
        if total <= 0:  # all at one place
            return middle
        return middle + float(np.trapezoid((self.x - middle) * weight, self.x) / total)

    def require_signal(self) -> None:
        """See that there is something beside noise.

        Constant values are no signal. Of ten points and more, these are judged: neighbours that are as unlike as any
        two points (von Neumann's ratio, J. von Neumann, Ann. Math. Stat. 12 (1941) 367, within two standard deviations
        of what noise gives), with no point far out (6 robust standard deviations), are noise.

        Raises:
            BadValue: there is nothing.
        """
        low, high = float(self.y.min()), float(self.y.max())
        if low == high:
            raise BadValue(f"{self.who}: there is no signal, all values are {low:g}")
        n = len(self.y)
        if n < ENOUGH_TO_JUDGE:
            return
        away = self.y - self.y.mean()
        ratio = float((np.diff(self.y) ** 2).sum() / (2 * (away**2).sum()))
        if ratio < 1 - 2 * math.sqrt((n - 2) / (n * n - 1)):
            return
        out = np.abs(self.y - np.median(self.y))
        if out.max() > 6 * 1.4826 * np.median(out):
            return
        raise BadValue(f"{self.who}: there is no signal, only noise between {low:g} and {high:g}")

    def _crossing(self, place: int) -> float:
        """Between the points `place` and the next."""
        x0, x1, y0, y1 = *self.x[place : place + 2], *self.y[place : place + 2]
        return float(x0 + (self.half - y0) / (y1 - y0) * (x1 - x0))
