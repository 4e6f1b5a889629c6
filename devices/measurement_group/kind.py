"""The kind `measurement_group`: an entry in YAML becomes one device that names counters."""

from __future__ import annotations

from ronda.devices.kind import OneDevice
from ronda.devices.measurement_group.parameters import MeasurementGroupParameters

KIND = OneDevice(
    summary="A measurement group: the counters that scans measure when none are given",
    what="a measurement group",
    family="measurement_group",
    tango_class="MeasurementGroup",
    implementation="ronda.devices.measurement_group.device:MeasurementGroupDevice",
    model=lambda _: MeasurementGroupParameters,
    instead="it names counters",
)
