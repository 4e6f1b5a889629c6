"""The kind `scan_session`: an entry in YAML becomes one device that shows and steers scans."""

from __future__ import annotations

from ronda.devices.kind import OneDevice
from ronda.devices.scan_session.parameters import ScanSessionParameters

KIND = OneDevice(
    summary="The running scan, for any Tango client, and what lets scans wait",
    what="a scan session",
    family="session",
    tango_class="ScanSession",
    implementation="ronda.devices.scan_session.device:ScanSessionDevice",
    model=lambda _: ScanSessionParameters,
)
