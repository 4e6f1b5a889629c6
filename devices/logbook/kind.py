"""The kind `logbook`: an entry in YAML becomes the device that writes what people did and said beside the data."""

from __future__ import annotations

from ronda.devices.kind import OneDevice
from ronda.devices.logbook.parameters import LogbookParameters

KIND = OneDevice(
    summary="The electronic logbook: commands, errors, notes and scans as Markdown beside the data, and to a webhook",
    what="a logbook",
    family="logbook",
    tango_class="Logbook",
    implementation="ronda.devices.logbook.device:LogbookDevice",
    model=lambda _: LogbookParameters,
)
