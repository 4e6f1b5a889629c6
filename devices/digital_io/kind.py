"""The kind `digital_io`: an entry in YAML becomes one device, with a boolean attribute for each of its signals."""

from __future__ import annotations

from ronda.devices.digital_io.contract import DigitalIo
from ronda.devices.kind import OneDevice
from ronda.devices.signals import entry_model, labelled

KIND = OneDevice(
    summary="A unit with digital inputs and outputs",
    what="a unit with digital inputs and outputs",
    family="digital_io",
    tango_class="DigitalIo",
    implementation="ronda.devices.digital_io.device:DigitalIoDevice",
    contract=DigitalIo,
    model=entry_model,
    attributes=lambda entry: labelled({signal: {} for signal in entry.signals}),
)
