"""Beam metrics: where the brightest spot of a camera is, how large and how bright; and its profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ronda.framework.analysis.ready._frames import FrameParameters, frame_of, limits, mask
from ronda.framework.analysis.stage import Input, Output, PointStage, Setting
from ronda.framework.config.parameters import parameter
from ronda.framework.kernels.beam import BeamMetrics
from ronda.framework.kernels.profiles import Profiles

UNITS = {"angle": "deg", "intensity": "", "peak": "", "background": ""}
"""Of what is not in pixels."""

NAMES = (
    "x",
    "y",
    "fwhm_x",
    "fwhm_y",
    "sigma_x",
    "sigma_y",
    "major",
    "minor",
    "angle",
    "intensity",
    "peak",
    "background",
)
"""The numbers of a beam: see `ronda.framework.kernels.beam.Beam`."""


class BeamParameters(FrameParameters):
    """Which pixels count, and what is given."""

    profiles: bool = parameter("Whether sums along columns and rows are given too", True)


class BeamStage(PointStage):
    """Centre, widths, moments, intensity and profiles of the brightest spot of each frame."""

    parameters_model = BeamParameters
    inputs = (Input("frame", dimensions=2),)

    def prepare(self, setting: Setting) -> Sequence[Output]:
        """Compile for the frames."""
        frame, parameters = frame_of(setting), self.parameters
        told: dict[str, Any] = {"mask": mask(parameters), "limits": limits(parameters)}
        self._metrics = BeamMetrics(frame.shape, frame.dtype, **told)
        outputs = [Output(name, unit=UNITS.get(name, "pixel")) for name in NAMES]
        self._profiles = Profiles(frame.shape, frame.dtype, **told) if parameters.profiles else None
        if parameters.profiles:
            rows, columns = frame.shape
            outputs.append(Output("profile_x", shape=(columns,), attributes={"description": "sum of each column"}))
            outputs.append(Output("profile_y", shape=(rows,), attributes={"description": "sum of each row"}))
        return outputs

    def point(self, frame: Any) -> Mapping[str, Any]:  # type: ignore[override]
        """The numbers of one frame."""
        found: dict[str, Any] = {name: np.float64(value) for name, value in asdict(self._metrics(frame)).items()}
        if self._profiles is not None:
            profile = self._profiles(frame)
            found |= {"profile_x": profile.along_x, "profile_y": profile.along_y}
        return found
