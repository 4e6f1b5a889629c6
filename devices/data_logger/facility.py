"""A logger whose events go into the facility's PostgreSQL: where that is, what HDB++ is told of attributes."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import tango

from ronda.devices.data_logger.parameters import FacilityParameters
from ronda.framework.archive.buffer import event
from ronda.framework.archive.hdbpp.place import Place
from ronda.framework.archive.hdbpp.source import Source
from ronda.framework.archive.record import Event
from ronda.framework.errors import ConfigurationError, RondaError
from ronda.framework.tango.values import labels_of, type_of

PERIOD = 1.0
"""Seconds after which what is in the buffer goes into the database."""

RECENT = 3600
"""Seconds for which the newest value is looked for."""


def place_of(label: str, parameters: FacilityParameters | None, own: str) -> Place | None:
    """The database of a logger; None if its events stay in its folder.

    Args:
        label: its name, for messages.
        parameters: what its entry says.
        own: Tango name of its device.

    Raises:
        ConfigurationError: the variable with the password, or TANGO_HOST, is not set.
    """
    if parameters is None:
        return None
    control_system = os.environ.get("TANGO_HOST", "").partition(",")[0].lower()
    if not control_system:
        raise ConfigurationError(f"{label}: HDB++ names attributes tango://HOST:PORT/…, and TANGO_HOST is not set")
    password = parameters.password or ""
    if password and not os.environ.get(password[2:-1]):
        raise ConfigurationError(f"{label}: the environment variable {password[2:-1]} with the password is not set")
    return Place(parameters.database, (own or label).lower(), control_system, password)


def description(name: str, described: Any) -> Event:
    """What HDB++ keeps of an attribute besides its values, as an event of it; from Tango's description."""
    now = time.time()
    archived = described.events.arch_event
    told = {
        "type": type_of(described),
        "data_format": str(tango.AttrDataFormat(described.data_format)),
        "writable": str(tango.AttrWriteType(described.writable)),
        "enum_labels": labels_of(described),
        "label": described.label,
        "unit": described.unit,
        "standard_unit": described.standard_unit,
        "display_unit": described.display_unit,
        "format": described.format,
        "archive_rel_change": archived.archive_rel_change,
        "archive_abs_change": archived.archive_abs_change,
        "archive_period": archived.archive_period,
        "description": described.description,
    }
    text = json.dumps(told, sort_keys=True, ensure_ascii=False)
    return Event(name, now, now, type=told["type"], kind="configuration", text=text)


class Newest:
    """Looks for the newest values in the database; one thread."""

    def __init__(self, place: Place) -> None:
        self._source = Source(place)

    def value(self, attribute: str) -> Any:
        """The newest value of an attribute within the last hour; None if there is none.

        Raises:
            ServiceFailed: the database does not answer.
        """
        now = round(time.time() * 1e6)
        try:
            rows = self._source.rows([attribute], now - RECENT * 1_000_000, now + RECENT * 1_000_000, ("value",)).rows
        except RondaError:
            self._source.close()
            raise
        newest = max(rows, key=lambda row: (row[2], row[0]), default=None)
        return None if newest is None else event(newest).value
