"""The kind `shutter`: an entry in YAML becomes one device that opens and closes."""

from __future__ import annotations

from ronda.devices.kind import OneDevice
from ronda.devices.shutter.contract import Shutter

KIND = OneDevice(
    summary="A shutter: open, closed, and what keeps it shut",
    what="a shutter",
    family="shutter",
    tango_class="Shutter",
    implementation="ronda.devices.shutter.device:ShutterDevice",
    contract=Shutter,
)
