"""The kind `analysis_workers`: an entry in YAML becomes a device that keeps workers of a pipeline on its host."""

from __future__ import annotations

from ronda.devices.analysis_workers.parameters import AnalysisWorkersParameters
from ronda.devices.kind import OneDevice

KIND = OneDevice(
    summary="Workers of a pipeline of live analysis on the host of this server, beside those that the pipeline has",
    what="a device that keeps workers of a pipeline",
    family="analysis_workers",
    tango_class="AnalysisWorkers",
    implementation="ronda.devices.analysis_workers.device:AnalysisWorkersDevice",
    model=lambda _: AnalysisWorkersParameters,
    instead="say of which pipeline, with pipeline:",
)
