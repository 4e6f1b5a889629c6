"""The kind `regulation_input`: an entry in YAML becomes one input for loops, made of anything that can be read."""

from __future__ import annotations

from ronda.devices.kind import OneDevice
from ronda.devices.regulation.input_parameters import RegulationInputParameters
from ronda.devices.regulation.shown import input_attributes

KIND = OneDevice(
    summary="An input for loops, made of anything that can be read",
    what="an input made of anything",
    family="input",
    tango_class="Input",
    implementation="ronda.devices.regulation.input:InputDevice",
    model=lambda _: RegulationInputParameters,
    instead="it has one of the keys attribute, axis, counter and values",
    attributes=input_attributes,
)
