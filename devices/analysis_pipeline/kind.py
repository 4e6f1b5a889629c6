"""The kind `analysis_pipeline`: an entry in YAML becomes a device that computes results of scans while they run."""

from __future__ import annotations

from ronda.devices.analysis_pipeline.parameters import AnalysisPipelineParameters
from ronda.devices.kind import OneDevice

KIND = OneDevice(
    summary="Live analysis: computes results of scans while they run, as channels of the same scan",
    what="a pipeline of analysis",
    family="analysis",
    tango_class="AnalysisPipeline",
    implementation="ronda.devices.analysis_pipeline.device:AnalysisPipelineDevice",
    model=lambda _: AnalysisPipelineParameters,
    instead="say what it computes under stages:",
)
