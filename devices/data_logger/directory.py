"""What the Tango database knows of devices: which there are, and how they are configured."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import tango

from ronda.devices.data_logger.rules import Known
from ronda.framework.host.entries import CONFIGURATION, LAST_POSITION, REGULATION, RUNTIME_SETTINGS

STATES = (LAST_POSITION, REGULATION)
"""Properties that change with each motion; they are no settings."""

OURS = (CONFIGURATION, RUNTIME_SETTINGS)
"""Properties of our devices that are JSON objects; the later wins."""

AT_ONCE = 200
"""Devices that are asked for in one query."""


def known_devices(database: Any) -> list[Known]:
    """All devices of a Tango database, in one query.

    Raises:
        tango.DevFailed: it does not answer.
    """
    query = "SELECT name, alias, class, server, exported FROM device WHERE class <> 'DServer'"
    return [
        Known(name.lower(), alias, tango_class, server, exported == "1")
        for name, alias, tango_class, server, exported in _rows(database, query, 5)
    ]


class RunningServers:
    """Which servers run, by the Tango database: it is asked once for all that follow one. Any thread."""

    def __init__(self, database: Callable[[], Any], fresh: float) -> None:
        """Nothing is asked yet.

        Args:
            database: makes a client of the Tango database.
            fresh: seconds for which an answer, or that there was none, counts.
        """
        self._make = database
        self._fresh = fresh
        self._lock = threading.Lock()
        self._database: Any = None
        self._asked = -math.inf
        self._found: dict[str, tuple[str, str]] = {}
        self._failed: tango.DevFailed | None = None

    def process_of(self, server: str) -> tuple[str, str] | None:
        """Which process a server is, its number and when it was started; None if it does not run.

        Raises:
            tango.DevFailed: the database does not answer.
        """
        with self._lock:
            if time.monotonic() - self._asked >= self._fresh:
                self._ask()
                self._asked = time.monotonic()
            if self._failed is not None:
                raise self._failed
            return self._found.get(server.lower())

    def _ask(self) -> None:
        query = "SELECT name, exported, pid, started FROM device WHERE class = 'DServer'"
        try:
            if self._database is None:
                self._database = self._make()
            self._found = {
                name.partition("/")[2].lower(): (pid, started)
                for name, exported, pid, started in _rows(self._database, query, 4)
                if exported == "1"
            }
            self._failed = None
        except tango.DevFailed as failed:
            self._database, self._failed = None, failed


def configurations(database: Any, devices: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The settings of devices, by name in lower case: of ours those of the YAML files and over them what users set at
    run time, of others their properties; and under `ATTRIBUTE.PROPERTY` how Tango presents their attributes.

    Raises:
        tango.DevFailed: the database does not answer.
    """
    found: dict[str, dict[str, Any]] = {}
    for some in _some(devices):
        names = ", ".join(f"'{name}'" for name in some if "'" not in name and "\\" not in name)
        for name, prop, value in _in_order(
            _rows(
                database,
                f"SELECT device, name, value, count FROM property_device WHERE device IN ({names}) "
                "ORDER BY device, name, count",
                4,
            )
        ):
            if prop in STATES or prop.startswith("__"):
                continue
            kept = found.setdefault(name.lower(), {})
            settings = _json(value) if prop in OURS else None
            kept.update({prop: value} if settings is None else settings)
        for name, attribute, prop, value in _rows(
            database,
            "SELECT device, attribute, name, value FROM property_attribute_device "
            f"WHERE device IN ({names}) ORDER BY device, attribute, name, count",
            4,
        ):
            if not prop.startswith("__"):
                found.setdefault(name.lower(), {})[f"{attribute}.{prop}"] = value
    return found


def _in_order(rows: Iterable[list[str]]) -> Iterator[tuple[str, str, str]]:
    """Device, property and value, of which several lines are one; CONFIGURATION comes before what wins over it."""
    joined: dict[tuple[str, str], list[str]] = {}
    for device, prop, value, _ in rows:
        joined.setdefault((device, prop), []).append(value)
    for (device, prop), lines in sorted(joined.items()):
        yield device, prop, "\n".join(lines)


def _json(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _some(devices: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(devices), AT_ONCE):
        yield devices[start : start + AT_ONCE]


def _rows(database: Any, query: str, columns: int) -> Iterator[list[str]]:
    _, texts = database.command_inout("DbMySqlSelect", query)
    # PyTango writes properties in UTF-8, and reads the answers of commands as Latin-1
    values = [text.encode("latin-1", "replace").decode(errors="replace") for text in texts]
    for start in range(0, len(values), columns):
        yield values[start : start + columns]
