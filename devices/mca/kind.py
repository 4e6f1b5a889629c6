"""The kind `mca`: an entry in YAML becomes one Mca."""

from __future__ import annotations

from ronda.devices.kind import OneDevice
from ronda.devices.mca.contract import Mca

KIND = OneDevice(
    summary="A spectrum analyser (MCA): spectra, counts of their regions, dead time",
    what="a spectrum analyser",
    family="mca",
    tango_class="Mca",
    implementation="ronda.devices.mca.device:McaDevice",
    contract=Mca,
    counters=lambda name, _: (name, f"{name}_*"),  # spectra, and what is computed from them
)
