"""A fit that goes along with a scan: each block of points makes it better."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ronda.framework.errors import BadValue
from ronda.framework.kernels.frames import Floats
from ronda.framework.scan.analysis.curve import Curve
from ronda.framework.scan.analysis.fits import BACKGROUNDS, SHAPES, Fit, fit, gauss

WORSE = 1.5
"""A fit that began at the one before and has so many times its reduced chi-square is made again from the curve."""


class RunningFit:
    """Fits all points so far each time that some come; not for several threads at a time.

    The fit is that of `ronda.framework.scan.analysis.fits.fit`, and begins at the one before. Where that leads to a
    worse reduced chi-square than it had, as when a first bump turns out to be noise, the fit is made from the curve as
    well, and the better one counts.

    Attributes:
        latest: the latest fit, or None.
        why: why there is none for all points so far; empty if there is.
    """

    def __init__(
        self,
        shape: str = "gauss",
        background: str = "constant",
        *,
        counts: bool = False,
        units: tuple[str, str] = ("", ""),
        who: str = "running fit",
    ) -> None:
        """Prepare: what fits need is loaded, so that the first points need not wait for it.

        Args:
            shape: gauss, lorentz, pseudo_voigt or erf.
            background: none, constant or linear.
            counts: whether y are counts, whose variance is their number.
            units: of x and y.
            who: whose fit it is, for messages.

        Raises:
            BadValue: there is no such shape or background.
        """
        for what, given, known in (("shape", shape, SHAPES), ("background", background, BACKGROUNDS)):
            if given not in known:
                raise BadValue(f"{who}: there is no {what} {given!r}; there are {', '.join(known)}")
        self.who = who
        self._how: dict[str, Any] = {"shape": shape, "background": background, "counts": counts, "units": units}
        self.clear()
        x = np.linspace(-2, 2, 21)
        fit(Curve.of(x, gauss(x, 0, 1, 1)), shape="gauss")

    def clear(self) -> None:
        """Begin anew."""
        self._x: Floats = np.empty(0)
        self._y: Floats = np.empty(0)
        self.latest: Fit | None = None
        self.why = f"{self.who}: has no points yet"

    def __len__(self) -> int:
        """Points so far."""
        return len(self._x)

    def add(self, x: Any, y: Any) -> Fit | None:
        """Take points in, and fit.

        Args:
            x: positions, shape (n,) or a single one.
            y: values; points that are not finite are left out of the fit.

        Returns:
            The fit of all points so far; None if there is none, `why` tells.

        Raises:
            BadValue: there are not as many positions as values.
        """
        positions, values = np.atleast_1d(np.asarray(x, np.float64)), np.atleast_1d(np.asarray(y, np.float64))
        if positions.ndim != 1 or positions.shape != values.shape:
            raise BadValue(
                f"{self.who}: points are as many positions as values, not {positions.shape} and {values.shape}"
            )
        self._x, self._y = np.append(self._x, positions), np.append(self._y, values)
        before, self.latest = self.latest, None
        try:
            curve = Curve.of(self._x, self._y, self.who)
            self.latest = self._from(curve, before)
            self.why = ""
        except BadValue as error:
            self.why = str(error)
        return self.latest

    def _from(self, curve: Curve, before: Fit | None) -> Fit:
        """The fit of a curve, beginning at the one before if that still fits."""
        if before is None or not all(map(math.isfinite, before.errors.values())):
            return fit(curve, **self._how)
        if not curve.x[0] <= before.centre <= curve.x[-1]:
            return fit(curve, **self._how)
        # the background's slope is counted from the middle, which has moved
        moved = float(curve.x.mean()) - before.middle
        start = dict(before.values)
        if "slope" in start:
            start["offset"] += start["slope"] * moved
        try:
            onward = fit(curve, **self._how, start=start)
        except BadValue:
            return fit(curve, **self._how)
        if onward.chi2 <= WORSE * before.chi2:
            return onward
        try:
            anew = fit(curve, **self._how)
        except BadValue:
            return onward
        return anew if anew.chi2 < onward.chi2 else onward
