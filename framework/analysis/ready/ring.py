"""Fit of a ring: where a peak of each pattern is, how wide and how high, on a background that may slope."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ronda.framework.analysis.stage import Input, Output, PointStage, Setting
from ronda.framework.config.parameters import Parameters, parameter
from ronda.framework.errors import BadValue
from ronda.framework.kernels.running_fit import RunningFit

NAMES = ("centre", "fwhm", "height")


class RingFitParameters(Parameters):
    """Which ring, and what it is fitted with."""

    low: float = parameter("Where the part of the pattern begins that is fitted, in the unit of its axis")
    high: float = parameter("Where it ends")
    shape: Literal["gauss", "lorentz", "pseudo_voigt"] = parameter("What the peak looks like", "gauss")
    background: Literal["none", "constant", "linear"] = parameter("What is under it", "linear")


class Ring(PointStage):
    """Centre, width and height of a peak of each pattern with their errors; NaN where no fit was possible."""

    parameters_model = RingFitParameters
    inputs = (Input("pattern", dimensions=1),)

    def prepare(self, setting: Setting) -> Sequence[Output]:
        """Load what fits need.

        Raises:
            BadValue: the pattern has no axis, or too few of its bins are in the range.
        """
        pattern, told = setting.inputs["pattern"], self.parameters
        axes = {
            name: field for name, field in dict(pattern.attributes.get("fields") or {}).items() if "polynomial" in field
        }
        if not axes:
            raise BadValue(
                f"ring: {pattern.name} does not tell what is along it; take a pattern of azimuthal, or a spectrum"
            )
        name, axis = next(iter(axes.items()))
        x = np.polynomial.polynomial.polyval(np.arange(pattern.shape[0], dtype=np.float64), axis["polynomial"])
        self._part = np.flatnonzero((x >= told.low) & (x <= told.high))
        unit = str(axis.get("unit", ""))
        if self._part.size < 8:
            raise BadValue(
                f"ring: {self._part.size} bins of {pattern.name} have {name} from {told.low:g} to {told.high:g} {unit},"
                " a fit needs 8; give another range or make more bins"
            )
        self._x = x[self._part]
        self._fit = RunningFit(told.shape, told.background, units=(unit, pattern.unit), who=f"ring of {pattern.name}")
        units = {"centre": unit, "fwhm": unit, "height": pattern.unit}
        return [Output(f"ring_{each}{end}", unit=units[each]) for each in NAMES for end in ("", "_error")]

    def point(self, pattern: Any) -> Mapping[str, Any]:  # type: ignore[override]
        """The fit of one pattern, of no other."""
        self._fit.clear()
        found = self._fit.add(self._x, pattern[self._part])
        numbers: dict[str, float] = {}
        for each in NAMES:
            numbers[f"ring_{each}"] = math.nan if found is None else found.values[each]
            numbers[f"ring_{each}_error"] = math.nan if found is None else found.errors[each]
        return numbers
