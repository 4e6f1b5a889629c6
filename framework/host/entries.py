"""A device's entry in the Tango database: as it should stand there, and as it does. Needs no Tango library."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CONFIGURATION = "configuration"
"""Tango property that carries a device's whole configuration, JSON."""

RUNTIME_SETTINGS = "runtime_settings"
"""Tango property that carries what users changed at run time, JSON; it wins over the configuration."""

FIXED = "fixed"
"""Tango property that says why a device must not move, JSON; it is no setting, so that no `revert` lets it move."""

LAST_POSITION = "last_position"
"""Tango property in which a device notes where it stood when it was last at rest, JSON; see `devices.motor.record`."""

SESSIONS = "sessions"
"""Property of the object `ronda-BEAMLINE`, which is no device: the keys of its sessions by name, JSON."""

REGULATION = "regulation"
"""Tango property in which a loop notes whether it regulates, and an output who feeds it, JSON."""


@dataclass(frozen=True)
class Wanted:
    """A device as it should stand in the database.

    Attributes:
        name: full Tango name.
        alias: name in YAML.
        tango_class: class that Tango shows.
        server: full server name, `Ronda/<beamline>-<server>`.
        configuration: see `CONFIGURATION`.
        attributes: attribute configuration by attribute and Tango property.
        live: keys of the configuration that the running device takes at once.
    """

    name: str
    alias: str
    tango_class: str
    server: str
    configuration: dict[str, Any]
    attributes: dict[str, dict[str, str]]
    live: frozenset[str]


@dataclass
class Registered:
    """A device as it stands in the database."""

    name: str
    alias: str | None
    tango_class: str
    server: str
    configuration: dict[str, Any] = field(default_factory=dict)
    runtime_settings: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)


def server_name(beamline: str, server: str) -> str:
    """Full Tango server name; the beamline is part of it because facilities share one database among beamlines."""
    return f"Ronda/{beamline}-{server}"


def beamline_object(beamline: str) -> str:
    """Name under which the Tango database keeps what belongs to a whole beamline."""
    return f"ronda-{beamline}"
