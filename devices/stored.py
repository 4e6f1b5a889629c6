"""The device properties that the Tango database keeps for us: the configuration, and what users did at run time."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import structlog
import tango

from ronda.devices.worker import Worker
from ronda.framework.errors import ConfigurationError, ServiceFailed
from ronda.framework.host.entries import CONFIGURATION, FIXED, LAST_POSITION, REGULATION, RUNTIME_SETTINGS

LIMIT = 2.0
"""Seconds that a device waits for the Tango database."""

REPAIR_LIMIT = 60.0
"""Seconds for which we try to take back a value whose fate is unknown."""

PROPERTIES = (CONFIGURATION, RUNTIME_SETTINGS, FIXED, LAST_POSITION, REGULATION)
"""All that is kept for a device; each is a JSON object."""

T = TypeVar("T")


class StoredProperties:
    """Reads the properties of a server's devices, all at once at its start, and writes run-time settings.

    Calls run in a thread of their own: with a database that hangs, the Tango library tries for more than a minute.
    """

    def __init__(self) -> None:
        """Nothing is connected yet. `TANGO_HOST` says where the database is.

        The connection is made at the first need after the devices' start: the Tango library throws away all client
        connections when the server part of the process comes to life.
        """
        self._connected: tango.Database | None = None
        self._worker = Worker("stored properties", lambda: 3600.0)
        self._worker.start()
        self._fetched: dict[str, dict[str, str]] = {}
        self._noted: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._noting = threading.Lock()

    def fetch(self, database: tango.Database, devices: list[str]) -> None:
        """Read the properties of all these devices in one call; each is handed out once, later reads are fresh."""
        for device in devices:
            self._fetched[device.lower()] = dict.fromkeys(PROPERTIES, "")
        names = ", ".join(f"'{device}'" for device in devices)
        _, rows = database.command_inout(
            "DbMySqlSelect",
            f"SELECT device, name, value FROM property_device WHERE device IN ({names}) AND name IN {PROPERTIES}",
        )
        for device, name, value in zip(rows[::3], rows[1::3], rows[2::3], strict=True):
            self._fetched[device.lower()][name.lower()] = value

    def configuration(self, device: str) -> dict[str, Any]:
        """The configuration of a device, as the host agent wrote it.

        Raises:
            ConfigurationError: there is none, or it is not a JSON object.
            ServiceFailed: the database does not answer.
        """
        return _configuration(device, self._text(device, CONFIGURATION))

    def peek(self, device: str) -> dict[str, Any]:
        """The configuration that was fetched for a device; it stays there to be handed out.

        Raises:
            ConfigurationError: there is none, or it is not a JSON object.
        """
        return _configuration(device, self._fetched[device.lower()][CONFIGURATION])

    def settings(self, device: str) -> dict[str, Any]:
        """What users set at run time; text that is no JSON object counts as none, with a warning in the log.

        Raises:
            ServiceFailed: the database does not answer.
        """
        return self.read(device, RUNTIME_SETTINGS)

    def read(self, device: str, name: str) -> dict[str, Any]:
        """One of the `PROPERTIES`; text that is no JSON object counts as none, with a warning in the log.

        Raises:
            ServiceFailed: the database does not answer.
        """
        text = self._text(device, name)
        try:
            value = json.loads(text) if text else {}
        except ValueError:
            value = None
        if not isinstance(value, dict):
            structlog.get_logger().warning(f"the property {name} is no JSON object: {text}", device=device)
            return {}
        return value

    def write_settings(self, who: str, device: str, settings: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        """Store what users set at run time. When this returns, it survives any crash.

        Args:
            who: the device's name in YAML, for messages.
            device: its Tango name.
            settings: all its run-time settings.
            before: those that count if these cannot be stored.

        Raises:
            ServiceFailed: the database does not answer; nothing may take effect then.
        """
        self.write(who, "setting", device, RUNTIME_SETTINGS, settings, before)

    def write(
        self, who: str, what: str, device: str, name: str, value: Mapping[str, Any], before: Mapping[str, Any]
    ) -> None:
        """Store one of the `PROPERTIES`. When this returns, it survives any crash.

        Args:
            who: the device's name in YAML, for messages.
            what: a word for it, for messages.
            device: its Tango name.
            name: of the property.
            value: all of it.
            before: what counts if this cannot be stored.

        Raises:
            ServiceFailed: the database does not answer; nothing may take effect then.
        """

        def take_back() -> None:
            self._worker.submit(lambda: self._put(device, name, before, REPAIR_LIMIT))

        self._ask(
            f"{who}: the {what} cannot be stored and was not changed",
            lambda: self._put(device, name, value, LIMIT),
            take_back,
        )

    def note(self, device: str, name: str, value: Mapping[str, Any]) -> None:
        """Store one of the `PROPERTIES` soon, without waiting; of several values that wait, the last one counts.

        What cannot be stored is tried again with the next value, and lost if the process dies before.
        """

        def store() -> None:
            with self._noting:
                latest = self._noted.pop((device, name))
            self._put(device, name, latest, LIMIT)

        with self._noting:  # else a value could come to lie here just when the call that would take it has gone
            waiting = (device, name) in self._noted
            self._noted[device, name] = value
        if not waiting:
            self._worker.submit(store)

    def later(self, call: Callable[[], None]) -> None:
        """Make a call that may ask the database, without waiting for it."""
        self._worker.submit(call)

    def _put(self, device: str, name: str, value: Mapping[str, Any], limit: float) -> None:
        deadline = time.monotonic() + limit
        while True:
            try:
                self._database().put_device_property(device, {name: [json.dumps(dict(value))]})
                return
            except tango.DevFailed:
                # the Tango library refuses to connect again within a second
                if time.monotonic() + 0.5 > deadline:
                    raise
                time.sleep(0.3)

    def _database(self) -> tango.Database:
        if self._connected is None:
            self._connected = tango.Database()
        return self._connected

    def _text(self, device: str, name: str) -> str:
        fetched = self._fetched.get(device.lower())
        if fetched is not None and name in fetched:
            return fetched.pop(name)
        values = self._ask(
            f"{device}: its configuration cannot be read",
            lambda: self._database().get_device_property(device, [name])[name],
            lambda: None,
        )
        return str(values[0]) if values else ""

    def _ask(self, what_fails: str, call: Callable[[], T], take_back: Callable[[], None]) -> T:
        """Make a call to the database; `take_back` is for one that goes on after we gave up."""
        future = self._worker.submit(call)
        try:
            return future.result(LIMIT)
        except tango.DevFailed as error:
            why = str(error.args[0].desc)
        except TimeoutError:
            why = f"no answer within {LIMIT:g} s"
            if not future.cancel():
                take_back()
        raise ServiceFailed(f"{what_fails}, because the Tango database does not answer: {why}")


def _configuration(device: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text else None
    except ValueError as error:
        raise ConfigurationError(f"{device}: the property {CONFIGURATION} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ConfigurationError(
            f"{device}: the Tango database holds no property {CONFIGURATION} for it; `ronda up` writes it"
        )
    return value
