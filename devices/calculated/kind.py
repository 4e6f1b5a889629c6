"""The kind `calculated`: an entry in YAML becomes one device that works out counters from others in scans."""

from __future__ import annotations

from ronda.devices.calculated.parameters import CalculatedServerParameters
from ronda.devices.kind import OneDevice

KIND = OneDevice(
    summary="Calculated counters: formulas, or Python functions, over other counters",
    what="a server of calculated counters",
    family="calculated",
    tango_class="Calculated",
    implementation="ronda.devices.calculated.device:CalculatedDevice",
    model=lambda _: CalculatedServerParameters,
    instead="it names formulas",
    counters=lambda _, entry: tuple(entry.counters),
)
