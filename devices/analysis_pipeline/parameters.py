"""The keys of a pipeline of live analysis in YAML."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from ronda.framework.analysis.pipeline import Step
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import Parameters, parameter


class StageParameters(Parameters):
    """A stage of a pipeline."""

    stage: str = parameter(
        "What it computes: the short name of a stage of ours, `package.module:NAME`, or `FILE.py:NAME` with a file in "
        "the folder of the YAML files",
        min_length=1,
    )
    name: str = parameter(
        "Its name in the pipeline; by default the last part of `stage`", "", pattern="^[A-Za-z0-9_]*$"
    )
    inputs: dict[str, str] = parameter(
        "By input of the stage the channel of the scan, or output of an earlier stage, that it takes; `*` stands for "
        "any text. By default that of the same name",
        default_factory=dict,
    )
    parameters: dict[str, Any] = parameter("Parameters of the stage", default_factory=dict)
    prefix: str = parameter("Begins the names of its outputs", "", pattern="^[A-Za-z0-9_]*$")

    def step(self) -> Step:
        """The same for the pipeline."""
        return Step(self.stage, self.name, self.inputs, self.parameters, self.prefix)


class AnalysisPipelineParameters(DeviceParameters):
    """A pipeline of live analysis: its results are channels of each scan that measures what it takes."""

    stages: list[StageParameters] = parameter("Stages; outputs of one are inputs of the next", min_length=1)
    mode: Literal["lossless", "sampled", "latest"] = parameter(
        "What it looks at of a scan that is faster: `lossless` each point that memory still has when its turn comes, "
        "`sampled` each n-th, `latest` the newest whenever it has time. None of them holds the scan",
        "lossless",
    )
    every: int = parameter("n of `sampled`", 1, ge=1)
    workers: int = parameter(
        "Processes that share the first stages, those that look at each point alone; 1 for none beside the server",
        1,
        ge=1,
        le=64,
    )
    patience: float = parameter(
        "After this time without a sign of life the work of a worker is given to another one", 2.0, unit="s", ge=0.2
    )
    sessions: list[str] = parameter("Only scans of these sessions; empty for all", default_factory=list)

    @model_validator(mode="after")
    def _fits(self) -> AnalysisPipelineParameters:
        if self.every > 1 and self.mode != "sampled":
            raise ValueError("every is for mode: sampled")
        if self.workers > 1 and self.mode == "latest":
            raise ValueError("workers cannot share the latest point; give workers: 1, or another mode")
        return self
