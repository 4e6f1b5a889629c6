"""The kind `multiposition`: an entry in YAML becomes one device whose position is a name."""

from __future__ import annotations

from ronda.devices.kind import OneDevice
from ronda.devices.multiposition.parameters import MultipositionParameters

KIND = OneDevice(
    summary="Positions with names, such as IN and OUT, on one or more axes",
    what="an object with named positions",
    family="multiposition",
    tango_class="Multiposition",
    implementation="ronda.devices.multiposition.device:MultipositionDevice",
    model=lambda _: MultipositionParameters,
    instead="it names the axes that it stands on",
)
