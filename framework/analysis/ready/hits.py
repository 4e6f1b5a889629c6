"""Hit finding: Bragg peaks that stand out of the radial background of each frame, and whether there are enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ronda.framework.analysis.ready._frames import RingParameters, background, frame_of
from ronda.framework.analysis.stage import Input, Output, PointStage, Setting
from ronda.framework.config.parameters import parameter
from ronda.framework.errors import BadValue
from ronda.framework.kernels.peaks import PeakFinder

COLUMNS = {"x": "pixel", "y": "pixel", "intensity": "", "snr": ""}


class HitParameters(RingParameters):
    """What a peak is, and what a hit."""

    snr: float = parameter(
        "A pixel of a peak is so many standard deviations above the background", 6.0, ge=0, live=True
    )
    threshold: float = parameter("A pixel of a peak is so far above the background", 0.0, unit="count", ge=0, live=True)
    fewest_pixels: int = parameter("Pixels of a peak at least", 2, ge=1)
    most_pixels: int = parameter("Pixels of a peak at most", 200, ge=1)
    fewest_peaks: int = parameter("Peaks of a hit at least", 15, ge=1, live=True)
    most_peaks: int = parameter("Peaks that are told for a frame; of more, the clearest", 500, ge=1)


class Hits(PointStage):
    """Number of peaks, whether it is a hit, and the peaks: arrays of `most_peaks`, NaN behind the last one."""

    parameters_model = HitParameters
    inputs = (Input("frame", dimensions=2),)

    def prepare(self, setting: Setting) -> Sequence[Output]:
        """Sort the pixels into rings and compile.

        Raises:
            BadValue: a file cannot be read, or numbers are not in order.
        """
        told = self.parameters
        self._finder = PeakFinder(
            background(told, frame_of(setting)),
            snr=told.snr,
            threshold=told.threshold,
            pixels=(told.fewest_pixels, told.most_pixels),
        )
        return [
            Output("peaks", "<i4", attributes={"description": "how many"}),
            Output("hit", "|u1", attributes={"description": "1 if there are enough peaks, else 0"}),
            *(Output(f"peak_{name}", "<f4", (told.most_peaks,), unit) for name, unit in COLUMNS.items()),
        ]

    def change(self, parameters: Any) -> None:
        """Take other thresholds.

        Raises:
            BadValue: something else is to change.
        """
        live = {"snr", "threshold", "fewest_peaks"}
        if parameters.model_dump(exclude=live) != self.parameters.model_dump(exclude=live):
            raise BadValue(f"hits: only {', '.join(sorted(live))} can change while a scan runs")
        super().change(parameters)
        self._finder.snr, self._finder.threshold = parameters.snr, parameters.threshold

    def point(self, frame: Any) -> Mapping[str, Any]:  # type: ignore[override]
        """The peaks of one frame."""
        found, told = self._finder(frame), self.parameters
        snr = np.divide(found.intensity, found.sigma, out=np.full(len(found), np.inf), where=found.sigma > 0)
        chosen = np.sort(np.argsort(-snr, kind="stable")[: told.most_peaks])
        columns = {"x": found.x, "y": found.y, "intensity": found.intensity, "snr": snr}
        results: dict[str, Any] = {"peaks": np.int32(len(found)), "hit": np.uint8(len(found) >= told.fewest_peaks)}
        for name, values in columns.items():
            padded = np.full(told.most_peaks, np.nan, np.float32)
            padded[: chosen.size] = values[chosen]
            results[f"peak_{name}"] = padded
        return results
