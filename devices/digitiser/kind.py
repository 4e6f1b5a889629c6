"""The kind `digitiser`: an entry in YAML becomes one Digitiser."""

from __future__ import annotations

from typing import Any

from ronda.devices.digitiser.contract import Digitiser, DigitiserParameters
from ronda.devices.kind import OneDevice


def _counters(name: str, entry: Any) -> tuple[str, ...]:
    own: DigitiserParameters = entry
    return tuple(f"{name}_{each}" for each in own.counted)


KIND = OneDevice(
    summary="A digitiser: samples of many channels at a high rate, all of them saved, and their means",
    what="a digitiser",
    family="digitiser",
    tango_class="Digitiser",
    implementation="ronda.devices.digitiser.device:DigitiserDevice",
    contract=Digitiser,
    counters=_counters,
)
