"""Stages of these tests: one of each sort."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ronda.framework.analysis import (
    Input,
    Output,
    Parameters,
    Points,
    PointStage,
    Results,
    Setting,
    Stage,
    parameter,
    stage,
)


@stage(outputs=[Output("total", unit="count"), Output("brightest")], inputs=[Input("frame", dimensions=2)])
def moments(frame, *, threshold: float = 0.0):
    """Sum and largest value above a threshold."""
    above = frame[frame > threshold].astype(float)
    return above.sum(), above.max(initial=0.0)


class RunningMean(Stage):
    """The mean so far."""

    inputs = (Input("value", dimensions=0),)

    def prepare(self, setting: Setting) -> Sequence[Output]:
        self._sum, self._count = 0.0, 0
        return [Output("mean", unit=setting.inputs["value"].unit)]

    def process(self, points: Points) -> Mapping[str, Any]:
        means = np.empty(points.count)
        for place, value in enumerate(points.data["value"]):
            self._sum += float(value)
            self._count += 1
            means[place] = self._sum / self._count
        return {"mean": means}


class EveryThirdParameters(Parameters):
    often: int = parameter("Points for one result", 3, ge=1)


class EveryThird(Stage):
    """The sum of each three numbers, at indices of its own."""

    parameters_model = EveryThirdParameters
    each_point = False
    inputs = (Input("value", dimensions=0),)

    def prepare(self, setting: Setting) -> Sequence[Output]:
        self._kept: list[float] = []
        return [Output("sum_of_three")]

    def process(self, points: Points) -> Results:
        sums, times = [], []
        for value, when in zip(points.data["value"], points.times, strict=True):
            self._kept.append(float(value))
            if len(self._kept) == self.parameters.often:
                sums.append(sum(self._kept))
                times.append(when)
                self._kept = []
        return Results({"sum_of_three": np.array(sums)}, times)

    def finish(self) -> Results | None:
        return Results({"sum_of_three": np.array([sum(self._kept)])}, [0.0]) if self._kept else None


class Difficult(PointStage):
    """Raises for negative numbers."""

    inputs = (Input("value", dimensions=0),)

    def prepare(self, setting: Setting) -> Sequence[Output]:
        return [Output("root"), Output("whole", "<i4")]

    def point(self, value: Any) -> Mapping[str, Any]:
        if value < 0:
            raise ValueError(f"{value} has no root")
        return {"root": value**0.5, "whole": np.int32(value)}


@stage(outputs=["summed"], inputs=[Input("parts", many=True)])
def summed(parts):
    """The sum of several channels."""
    return sum(parts.values())


class Apart(Stage):
    """Counts the points of each device."""

    together = False
    each_point = False
    inputs = (Input("a"), Input("b"))

    def prepare(self, setting: Setting) -> Sequence[Output]:
        self._counts: dict[str, int] = {}
        return [Output("points_of_a", "<i8"), Output("points_of_b", "<i8")]

    def process(self, points: Points) -> Results:
        self._counts[points.source] = self._counts.get(points.source, 0) + points.count
        a, b = self._counts.get("first", 0), self._counts.get("second", 0)
        return Results({"points_of_a": [a], "points_of_b": [b]}, points.times[-1:])


GATE: dict[str, Any] = {}
"""Lets a test hold the stage below."""


class Gated(PointStage):
    """Gives what it takes, when it may."""

    inputs = (Input("value", dimensions=0),)

    def prepare(self, setting: Setting) -> Sequence[Output]:
        return [Output("same", "<i8")]

    def point(self, value: Any) -> Mapping[str, Any]:
        while "open" in GATE and not GATE["open"]():
            time.sleep(0.001)
        return {"same": value}


@stage(outputs=[Output("same", "<i8")])
def Picky(value):  # noqa: N802 - a stage as any other
    """Raises for each hundredth number."""
    if value % 100 == 42:
        raise ValueError(f"does not like {value}")
    return value


@stage(outputs=["one"])
def deadly(value):
    """Takes its process with it."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 1.0
