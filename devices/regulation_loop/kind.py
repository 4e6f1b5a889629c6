"""The kind `regulation_loop`: an entry in YAML becomes one device that regulates any input by any output."""

from __future__ import annotations

from ronda.devices.kind import OneDevice
from ronda.devices.regulation.loop_parameters import SoftLoopParameters
from ronda.devices.regulation.shown import soft_loop_attributes

KIND = OneDevice(
    summary="A loop whose PID is ours, from any input to any output",
    what="a loop whose PID is ours",
    family="loop",
    tango_class="SoftLoop",
    implementation="ronda.devices.regulation.soft_loop:SoftLoopDevice",
    model=lambda _: SoftLoopParameters,
    instead="it has the keys input and output",
    attributes=lambda entry: soft_loop_attributes(entry, entry.output_unit),
)
