"""The kind `regulation_output`: an entry in YAML becomes one output for loops, to anything that can be set."""

from __future__ import annotations

from ronda.devices.kind import OneDevice
from ronda.devices.regulation.input_parameters import RegulationOutputParameters
from ronda.devices.regulation.shown import output_attributes

KIND = OneDevice(
    summary="An output for loops, to anything that can be set",
    what="an output to anything",
    family="output",
    tango_class="Output",
    implementation="ronda.devices.regulation.output:OutputDevice",
    model=lambda _: RegulationOutputParameters,
    instead="it has one of the keys attribute and axis",
    attributes=output_attributes,
)
