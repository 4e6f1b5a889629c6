"""Sparse storage: frames as the background of their rings and the pixels that stand out; of hits alone, if wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ronda.framework.analysis.ready._frames import RingParameters, background, frame_of
from ronda.framework.analysis.stage import Input, Output, Points, Results, Setting, Stage
from ronda.framework.config.parameters import parameter
from ronda.framework.kernels.sparse import Sparsifier


class SparseParameters(RingParameters):
    """What is kept."""

    cutoff: float = parameter(
        "Pixels that are so many standard deviations above the background are kept; not below clip", 5.0, ge=0
    )
    most_pixels: int = parameter("Pixels kept of a frame; of more, the brightest", 20_000, ge=1, le=170_000)


class Sparse(Stage):
    """Frames stored sparsely, at indices of their own: all, or if `hit` is given those with another value than 0.

    `frame` is the index of the point; `kept` how many pixels were to be kept: if more than `most_pixels`, some are
    missing. Behind the last pixel stand the largest numbers there are, or NaN. `Sparsifier.restore` makes a frame
    again.
    """

    parameters_model = SparseParameters
    each_point = False
    inputs = (Input("frame", dimensions=2), Input("hit", dimensions=0, optional=True))

    def prepare(self, setting: Setting) -> Sequence[Output]:
        """Sort the pixels into rings and compile.

        Raises:
            BadValue: a file cannot be read.
        """
        frame, told = frame_of(setting), self.parameters
        self._sparsifier = Sparsifier(background(told, frame), cutoff=told.cutoff)
        self._dtype = np.dtype(frame.dtype)
        self._rings = self._sparsifier.background.rings
        return [
            Output("frame", "<i8", attributes={"description": f"index of the point of {frame.name}"}),
            Output("kept", "<i4", unit="pixel"),
            Output("pixel", "<u4", (told.most_pixels,), attributes={"description": "number along rows, ascending"}),
            Output("value", frame.dtype, (told.most_pixels,), frame.unit),
            Output("background", "<f4", (self._rings,), frame.unit),
            Output("deviation", "<f4", (self._rings,), frame.unit),
        ]

    def process(self, points: Points) -> Results:
        """The frames of a block."""
        most = self.parameters.most_pixels
        hits = points.data.get("hit")
        chosen = np.arange(points.count) if hits is None else np.flatnonzero(hits)
        size = len(chosen)
        nothing = np.nan if self._dtype.kind == "f" else np.iinfo(self._dtype).max
        data: dict[str, Any] = {
            "frame": points.first + chosen,
            "kept": np.zeros(size, np.int32),
            "pixel": np.full((size, most), np.iinfo(np.uint32).max, np.uint32),
            "value": np.full((size, most), nothing, self._dtype),
            "background": np.empty((size, self._rings), np.float32),
            "deviation": np.empty((size, self._rings), np.float32),
        }
        for place, index in enumerate(chosen):
            found = self._sparsifier(points.data["frame"][index])
            count = found.pixel.size
            kept = np.arange(count)
            if count > most:
                kept = np.sort(np.argsort(-found.value.astype(np.float64), kind="stable")[:most])
            data["kept"][place] = count
            data["pixel"][place, : kept.size] = found.pixel[kept]
            data["value"][place, : kept.size] = found.value[kept]
            data["background"][place] = found.mean
            data["deviation"][place] = found.deviation
        return Results(data, points.times[chosen], None if points.pulses is None else points.pulses[chosen])
