"""The kind `attenuator`: an entry in YAML becomes one device that knows its foils."""

from __future__ import annotations

from ronda.devices.attenuator.parameters import AttenuatorParameters
from ronda.devices.kind import OneDevice
from ronda.framework.tango.names import AttenuatorAttribute

KIND = OneDevice(
    summary="Foils on axes, chosen by number or by transmission",
    what="an attenuator",
    family="attenuator",
    tango_class="Attenuator",
    implementation="ronda.devices.attenuator.device:AttenuatorDevice",
    model=lambda _: AttenuatorParameters,
    instead="it names the axes of its wheels",
    attributes=lambda _: {str(AttenuatorAttribute.TRANSMISSION): {"min_value": "0", "max_value": "1"}},
)
