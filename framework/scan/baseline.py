"""The baseline: chosen attributes of any Tango devices, recorded when a scan begins and when it has ended."""

from __future__ import annotations

import math
from typing import Any

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.quantity import Quantity, Readings, Value
from ronda.framework.errors import RondaError
from ronda.framework.nexus import words
from ronda.framework.stream.description import Channel, Device

LIMIT = 1.0
"""Seconds after which the start or the end of a scan waits no longer for a value."""

SILENT_LIMIT = 0.04
"""The same for one that did not answer last time either: it shall not delay every scan."""

TEXT = "S80"
"""Type of a text at the end of a scan: so many bytes of UTF-8."""


class Baseline:
    """The baseline of one scan: that of the active measurement group. It never makes a scan fail.

    Made, it asks for all values; `begin` gives those that have been answered.

    Attributes:
        remarks: what is missing, a sentence for each.
    """

    def __init__(self, beamline: Beamline) -> None:
        self.remarks: list[str] = []
        self._quantities: list[Quantity] = []
        try:
            group = beamline.active_group.get()
        except RondaError as error:
            self.remarks.append(f"the baseline is not recorded: {error}")
        else:
            self._quantities = [] if group is None else list(group.baseline)
        self._readings = Readings(self._quantities)
        self._units: dict[str, str] = {}
        self._texts: set[str] = set()

    def begin(self) -> dict[str, dict[str, Any]]:
        """The values at the start: `{"value": …, "unit": …}` by name, those left out that are not known."""
        values = self._collect(self._readings, "at the start")
        for quantity in self._quantities:
            if quantity.name in values:  # a device that is silent is not asked again
                try:
                    self._units[quantity.name] = quantity.unit
                except RondaError:
                    self._units[quantity.name] = ""
        self._texts = {name for name, value in values.items() if isinstance(value, str)}
        return {
            name: {"value": value, "unit": self._units[name]}
            for name, value in values.items()
            if isinstance(value, str) or math.isfinite(value)
        }

    def device(self) -> Device | None:
        """The device that publishes the values at the end; None if there is no baseline."""
        channels = [
            Channel(
                f"{quantity.name} in the end",
                TEXT if quantity.name in self._texts else "<f8",
                unit=self._units.get(quantity.name, ""),
                attributes={words.POSITIONER: quantity.name},
            )
            for quantity in self._quantities
        ]
        return Device(words.BASELINE_END, channels) if channels else None

    def end(self) -> dict[str, Value | bytes]:
        """Read all again; by channel, NaN or an empty text for what is not known."""
        values = self._collect(Readings(self._quantities), "at the end")
        return {f"{quantity.name} in the end": self._fitting(quantity.name, values) for quantity in self._quantities}

    def _fitting(self, name: str, values: dict[str, Value]) -> Value | bytes:
        value = values.get(name)
        if name in self._texts:
            text = value if isinstance(value, str) else ""
            return text.encode()[:80].decode(errors="ignore").encode()
        return value if isinstance(value, float) else math.nan

    def _collect(self, readings: Readings, when: str) -> dict[str, Value]:
        readings.collect(LIMIT, SILENT_LIMIT)
        self.remarks += [f"{name} is not known {when}: {why}" for name, why in readings.missing.items()]
        return readings.values
