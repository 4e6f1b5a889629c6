"""The kind `analogue_io`: an entry in YAML becomes one device, with a number for each of its signals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ronda.devices.analogue_io.contract import AnalogueIo, AnalogueSignalParameters
from ronda.devices.attributes import limit_properties
from ronda.devices.kind import OneDevice
from ronda.devices.signals import entry_model, labelled


def _attributes(entry: Any) -> Mapping[str, Mapping[str, str]]:
    return labelled({signal: _shown(each) for signal, each in entry.signals.items()})


def _shown(signal: AnalogueSignalParameters) -> dict[str, str]:
    shown = {"unit": signal.unit, "format": f"%.{signal.digits}f"}
    if signal.limits is not None:
        shown.update(limit_properties(*signal.limits))
    if signal.archive is not None:
        shown.update(signal.archive.attribute_properties())
    return shown


KIND = OneDevice(
    summary="A unit with analogue inputs and outputs",
    what="a unit with analogue inputs and outputs",
    family="analogue_io",
    tango_class="AnalogueIo",
    implementation="ronda.devices.analogue_io.device:AnalogueIoDevice",
    contract=AnalogueIo,
    model=entry_model,
    attributes=_attributes,
)
