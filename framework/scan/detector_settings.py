"""What the devices that measure are set to, read side by side when a scan begins."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import tango

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.quantity import Quantity, Readings
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import RondaError
from ronda.framework.scan.baseline import LIMIT, SILENT_LIMIT
from ronda.framework.scan.sources import Source
from ronda.framework.tango.names import CounterCardAttribute

NOT_OF_A_SCAN = frozenset({CounterCardAttribute.INTEGRATION_TIME})
"""Attributes that say what counts without a scan; a scan has an exposure time of its own."""

WRITABLE = (tango.AttrWriteType.READ_WRITE, tango.AttrWriteType.READ_WITH_WRITE)


class DetectorSettings:
    """The writable attributes of the devices of one scan: thresholds, binning, gains. It never makes a scan fail.

    Made, it asks for all values; `begin` gives those that have been answered.

    Args:
        beamline: remembers which attributes a device has.
        measuring: the devices.
    """

    def __init__(self, beamline: Beamline, measuring: Sequence[Source]) -> None:
        self._quantities = {source.name: _settings(beamline, source) for source in measuring}
        self._readings = {name: Readings(quantities) for name, quantities in self._quantities.items()}

    def begin(self) -> dict[str, dict[str, dict[str, Any]]]:
        """By device and name, `{"value": …, "unit": …}`; those left out that are not known."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for device, readings in self._readings.items():
            readings.collect(LIMIT, SILENT_LIMIT)
            found[device] = {
                quantity.name: {"value": value, "unit": quantity.unit}
                for quantity in self._quantities[device]
                if isinstance(value := readings.values.get(quantity.name, math.nan), str) or math.isfinite(value)
            }
        return found


def _settings(beamline: Beamline, source: Source) -> list[Quantity]:
    """The settings of a device; it is asked once for their names and units."""
    known = beamline.settings_of.get(source.remote.address)
    if known is None:
        try:
            found = scalar_settings(source.remote)
        except RondaError:
            return []  # what is wrong with it, arming tells
        known = beamline.settings_of[source.remote.address] = [
            Quantity(_name(name), f"{source.name}/{name}", unit, partial(_same, source.remote))
            for name, unit in found.items()
        ]
    return known


def scalar_settings(remote: Remote) -> dict[str, str]:
    """The attributes of a device that say how it measures and have one value: their units by name.

    Raises:
        CommunicationFailed, TimedOut: it does not answer.
    """
    return {
        one.name: _unit(one.unit)
        for one in remote.attributes()
        if one.writable in WRITABLE and one.data_format == tango.AttrDataFormat.SCALAR and one.name not in NOT_OF_A_SCAN
    }


def _same(remote: Remote, _: str) -> Remote:
    return remote


def _name(attribute: str) -> str:
    """`ReadOutRegion` → `read_out_region`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", attribute).lower()


def _unit(told: str) -> str:
    return "" if told == "No unit" else str(told)
