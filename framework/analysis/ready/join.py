"""Join of two sources with clocks of their own: what of the right one belongs to each entry of the left one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ronda.framework.analysis.join import By, Join, Joined
from ronda.framework.analysis.stage import Input, Output, Points, Results, Setting, Stage
from ronda.framework.config.parameters import Parameters, parameter
from ronda.framework.errors import BadValue
from ronda.framework.stream.fill import fill_value


class JoinParameters(Parameters):
    """How entries belong together."""

    by: By = parameter("By the same pulse id, the nearest time, or by values between the times around it", "nearest")
    tolerance: float | None = parameter(
        "Largest distance in time, or between the two times around it; null for any", None, unit="s", ge=0
    )
    offset: float = parameter("By how much the clock of the right source is behind that of the left one", 0.0, unit="s")


class JoinStage(Stage):
    """One result for each entry of the left source, at indices of its own: its values, and what belongs to it.

    `partner` is the index of the right entry (of that before, if between two), −1 without one; then what belongs to it
    is what stands where nothing was measured. Entries on the right that are partner of none are those without a row.
    """

    parameters_model = JoinParameters
    together = False
    each_point = False
    inputs = (Input("left", many=True), Input("right", many=True))

    def prepare(self, setting: Setting) -> Sequence[Output]:
        """Begin a join.

        Raises:
            BadValue: a side is of several sources, both are of one, or it cannot be joined so.
        """
        told = self.parameters
        self._join = Join(told.by, tolerance=told.tolerance, offset=told.offset)
        sides = {side: {setting.devices[name] for name in setting.channels[side]} for side in ("left", "right")}
        for side, devices in sides.items():
            if len(devices) > 1:
                raise BadValue(
                    f"join: the {side} inputs are of several sources, {', '.join(sorted(devices))}; take one"
                )
        if sides["left"] == sides["right"]:
            raise BadValue(f"join: both sides are of {sides['left'].pop()}; what is of one source needs no join")
        self._source = {sides[side].copy().pop(): side for side in ("left", "right")}
        outputs = [
            Output(name, one.dtype, one.shape, one.unit)
            for name in setting.channels["left"]
            for one in [setting.inputs[name]]
        ]
        self._right = {name: setting.inputs[name] for name in setting.channels["right"]}
        between = told.by == "interpolation"
        for name, one in self._right.items():
            kind = np.dtype(one.dtype).kind
            dtype = ("<c16" if kind == "c" else "<f8") if between else one.dtype
            outputs.append(Output(name, dtype, one.shape, one.unit))
        names = [one.name for one in outputs]
        self._outputs = dict(zip(names, outputs, strict=True))
        return [*outputs, Output("partner", "<i8"), Output("distance", unit="s")]

    def process(self, points: Points) -> Results:
        """Take a block of one side."""
        side = self._source[points.source]
        self._join.add(side, points.first, points.data[side], points.times, points.pulses)  # type: ignore[arg-type]
        return self._rows(self._join.take())

    def finish(self) -> Results | None:
        """What was held is decided now."""
        self._join.end("left")
        self._join.end("right")
        found = self._rows(self._join.take())
        return found if len(np.asarray(found.times)) else None

    def _rows(self, found: Joined) -> Results:
        """Entries of the left side in their order, with and without partner."""
        order = np.argsort(np.concatenate([found.left.index, found.lone_left.index]), kind="stable")
        alone = len(found.lone_left)

        data: dict[str, Any] = {}
        for name, one in self._outputs.items():
            dtype = one.channel().numpy_dtype
            nothing = fill_value(dtype)
            missing = np.full((alone, *one.shape), np.zeros((), dtype) if nothing is None else nothing, dtype)
            if name in self._right:
                parts = [found.right[name]] if name in found.right else []
                parts.append(missing)
            else:  # without a first block its names are not known
                parts = [each.data[name] for each in (found.left, found.lone_left) if each.data] or [missing]
            data[name] = np.concatenate(parts)[order].astype(dtype, copy=False)
        data["partner"] = np.concatenate([found.partners[:, 0], np.full(alone, -1)])[order]
        data["distance"] = np.concatenate([found.distance, np.full(alone, np.nan)])[order]
        times = np.concatenate([found.left.times, found.lone_left.times])[order]
        pulses = None
        if found.left.pulses is not None and found.lone_left.pulses is not None:
            pulses = np.concatenate([found.left.pulses, found.lone_left.pulses])[order]
        return Results(data, times, pulses)
