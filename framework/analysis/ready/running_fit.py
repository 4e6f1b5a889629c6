"""A fit that goes along with a scan, and can stop it when the wanted precision is reached."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ronda.framework.analysis.stage import ORDER, Input, Output, Points, Setting, Stage
from ronda.framework.config.parameters import Parameters, parameter
from ronda.framework.kernels.running_fit import RunningFit

NAMES = ("centre", "fwhm", "height")


class RunningFitParameters(Parameters):
    """What is fitted, and when it is good enough."""

    shape: Literal["gauss", "lorentz", "pseudo_voigt", "erf"] = parameter("What the curve looks like", "gauss")
    background: Literal["none", "constant", "linear"] = parameter("What is under it", "constant")
    counts: bool = parameter("Whether y are counts, whose variance is their number", False)
    of: Literal["centre", "fwhm", "height"] = parameter("The number that is to be known well", "centre", live=True)
    sigma: float | None = parameter(
        "It is known well enough with this standard deviation, in its unit; null: never", None, gt=0, live=True
    )
    fewest_points: int = parameter("Not before so many points", 8, ge=1, live=True)
    in_a_row: int = parameter("Not before this holds for so many points one after the other", 3, ge=1, live=True)
    stop: bool = parameter("Whether the scan is stopped then", False, live=True)


class RunningFitStage(Stage):
    """A fit of y over x to all points so far, after each point; NaN while there is none."""

    parameters_model = RunningFitParameters
    inputs = (Input("x", dimensions=0), Input("y", dimensions=0))

    def prepare(self, setting: Setting) -> Sequence[Output]:
        """Load what fits need."""
        x, y, told = setting.inputs["x"], setting.inputs["y"], self.parameters
        self._fit = RunningFit(
            told.shape,
            told.background,
            counts=told.counts,
            units=(x.unit, y.unit),
            who=f"running fit of {y.name}",
        )
        self._good = 0
        units = {"centre": x.unit, "fwhm": x.unit, "height": y.unit}
        outputs = [Output(f"{name}{end}", unit=units[name]) for name in NAMES for end in ("", "_error")]
        return [
            *outputs,
            Output("chi2", attributes={"description": "reduced chi-square"}),
            Output("known", "|u1", attributes={"description": f"1 when {told.of} is known well enough, else 0"}),
            Output("stop", "|u1", attributes={ORDER: "stop", "description": "1 when the scan is to be stopped"}),
        ]

    def process(self, points: Points) -> Mapping[str, Any]:
        """The fits after each point of a block."""
        told, count = self.parameters, points.count
        numbers = {f"{name}{end}": np.full(count, math.nan) for name in NAMES for end in ("", "_error")}
        chi2, known = np.full(count, math.nan), np.zeros(count, np.uint8)
        for place, (x, y) in enumerate(zip(points.data["x"], points.data["y"], strict=True)):
            found = self._fit.add(x, y)
            good = False
            if found is not None:
                for name in NAMES:
                    numbers[name][place], numbers[f"{name}_error"][place] = found.values[name], found.errors[name]
                chi2[place] = found.chi2
                good = told.sigma is not None and found.errors[told.of] <= told.sigma
            self._good = self._good + 1 if good else 0
            known[place] = self._good >= told.in_a_row and len(self._fit) >= told.fewest_points
        return {**numbers, "chi2": chi2, "known": known, "stop": known if told.stop else np.zeros(count, np.uint8)}
