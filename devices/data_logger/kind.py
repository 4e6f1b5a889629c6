"""The kind `data_logger`: an entry in YAML becomes one device that keeps what attributes of any Tango devices tell."""

from __future__ import annotations

from ronda.devices.data_logger.parameters import DataLoggerParameters
from ronda.devices.kind import OneDevice

KIND = OneDevice(
    summary="A data logger: everything that changed, of any Tango device, kept in the archive",
    what="a data logger",
    family="data_logger",
    tango_class="DataLogger",
    implementation="ronda.devices.data_logger.device:DataLoggerDevice",
    model=lambda _: DataLoggerParameters,
)
