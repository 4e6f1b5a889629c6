"""The kind `beam_synchronous`: an entry in YAML becomes one BeamSynchronous."""

from __future__ import annotations

from ronda.devices.beam_synchronous.contract import BeamSynchronous
from ronda.devices.kind import OneDevice

KIND = OneDevice(
    summary="A source of a pulsed machine that sends by itself: frame or numbers of each pulse with its pulse id",
    what="a beam-synchronous source",
    family="beam_synchronous",
    tango_class="BeamSynchronous",
    implementation="ronda.devices.beam_synchronous.device:BeamSynchronousDevice",
    contract=BeamSynchronous,
    counters=lambda name, _: (f"{name}_*",),  # numbers of pulses, channels, and regions that come and go
)
