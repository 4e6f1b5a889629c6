"""The kind `machine`: an entry in YAML becomes one device that tells current, front end and top-up."""

from __future__ import annotations

from collections.abc import Mapping

from ronda.devices.kind import OneDevice
from ronda.devices.machine.contract import Machine, MachineParameters
from ronda.framework.tango.names import MachineAttribute


def _attributes(entry: MachineParameters) -> Mapping[str, Mapping[str, str]]:
    archived = {} if entry.archive is None else entry.archive.attribute_properties()
    return {str(MachineAttribute.RING_CURRENT): archived} if archived else {}


KIND = OneDevice(
    summary="The machine that makes the beam: current, front end, top-up",
    what="a machine",
    family="machine",
    tango_class="Machine",
    implementation="ronda.devices.machine.device:MachineDevice",
    contract=Machine,
    attributes=_attributes,
)
