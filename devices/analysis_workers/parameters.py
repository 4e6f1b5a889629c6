"""The keys of workers of a pipeline in YAML."""

from __future__ import annotations

from typing import Annotated

from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import parameter, reference


class AnalysisWorkersParameters(DeviceParameters):
    """Workers of a pipeline of live analysis, on the host of their server, with the stages in its YAML files there."""

    pipeline: Annotated[str, reference("analysis", nominal=True)] = parameter(
        "The pipeline whose work they share; it must have `workers: 0`, or more than 1"
    )
    workers: int = parameter("How many processes", ge=1, le=256)
    patience: float = parameter(
        "As the `patience` of the pipeline, or less: how often they say that they still work", 2.0, unit="s", ge=0.2
    )
