"""The Tango database's picture of our devices: what it holds, what it should hold, and writing just the difference."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import tango

from ronda.framework.errors import ConfigurationError
from ronda.framework.host.entries import (
    CONFIGURATION,
    FIXED,
    RUNTIME_SETTINGS,
    SESSIONS,
    Registered,
    Wanted,
    beamline_object,
    server_name,
)


class Registry:
    """Our part of a Tango database. Not for use from two threads at once."""

    def __init__(self, tango_host: str, beamline: str) -> None:
        """Connect to the database at `HOST:PORT`."""
        host, _, port = tango_host.rpartition(":")
        self._database = tango.Database(host, int(port))
        self._beamline = beamline
        self._foreign: dict[str, str] = {}
        """Servers of devices that are named like ours, and are not ours."""

    def read(self) -> dict[str, Registered]:
        """All devices of the beamline's servers, by name in lower case; three queries, whatever their number."""
        prefix = server_name(self._beamline, "")
        devices = {}
        for name, alias, tango_class, server in self._rows(
            "SELECT name, alias, class, server FROM device "
            f"WHERE server LIKE '{prefix}%' OR name LIKE '{self._beamline}/%'",
            4,
        ):
            if self._is_ours(server) and tango_class != "DServer":
                devices[name.lower()] = Registered(name, alias or None, tango_class, server)
            else:
                self._foreign[name.lower()] = server
        for name, prop, value in self._rows(
            "SELECT device, name, value FROM property_device "
            f"WHERE device LIKE '{self._beamline}/%' AND name IN ('{CONFIGURATION}', '{RUNTIME_SETTINGS}')",
            3,
        ):
            device = devices.get(name.lower())
            if device is not None and prop == CONFIGURATION:
                device.configuration = _loads(value)
            elif device is not None:
                device.runtime_settings = _loads(value)
        for name, attribute, prop, value in self._rows(
            "SELECT device, attribute, name, value FROM property_attribute_device "
            f"WHERE device LIKE '{self._beamline}/%'",
            4,
        ):
            device = devices.get(name.lower())
            if device is not None and not prop.startswith("__"):
                device.attributes.setdefault(attribute, {})[prop] = value
        return devices

    def runtime_settings(self, device: str) -> dict[str, Any]:
        """What users changed at run time on one device, also one that is registered no more."""
        values = self._database.get_device_property(device, [RUNTIME_SETTINGS])[RUNTIME_SETTINGS]
        return _loads(values[0]) if values else {}

    def set_runtime_settings(self, device: str, settings: dict[str, Any]) -> None:
        """Replace the run-time settings of a device."""
        if settings:
            self._database.put_device_property(device, {RUNTIME_SETTINGS: [json.dumps(settings)]})
        else:
            self._database.delete_device_property(device, RUNTIME_SETTINGS)

    def write(self, wanted: Wanted, registered: Registered | None) -> bool:
        """Bring one device's entry in line; return whether anything had to be written.

        Raises:
            ConfigurationError: the name or the alias belongs to a device that is not ours.
        """
        holder = self._foreign.get(wanted.name.lower())
        if holder is not None:
            raise ConfigurationError(
                f"{wanted.alias}: in this Tango database {wanted.name} already belongs to the server {holder}, "
                "which is not of this beamline; choose another name"
            )
        changed = False
        if registered is None or registered.server != wanted.server or registered.tango_class != wanted.tango_class:
            info = tango.DbDevInfo()
            info.name, info._class, info.server = wanted.name, wanted.tango_class, wanted.server  # noqa: SLF001 Tango's name
            self._database.add_device(info)
            changed = True
        if changed or registered is None or (registered.alias or "").lower() != wanted.alias.lower():
            # adding a device anew takes its alias away
            self._claim_alias(wanted)
            changed = True
        if registered is None or registered.configuration != wanted.configuration:
            self._database.put_device_property(wanted.name, {CONFIGURATION: [json.dumps(wanted.configuration)]})
            changed = True
        return self._write_attributes(wanted, registered) or changed

    def set_configuration(
        self, registered: Registered, configuration: dict[str, Any], attributes: dict[str, dict[str, str]]
    ) -> None:
        """Change what a running device will read, and how Tango presents its attributes."""
        name, alias = registered.name, registered.alias or ""
        self.write(
            Wanted(name, alias, registered.tango_class, registered.server, configuration, attributes, frozenset()),
            registered,
        )

    def remove(self, registered: Registered) -> None:
        """Take a device out. What users set at run time stays, in case it comes back."""
        held = self._database.get_device_property(registered.name, [RUNTIME_SETTINGS, FIXED])
        kept = {name: [values[0]] for name, values in held.items() if values}
        self._database.delete_device(registered.name)
        if kept:
            self._database.put_device_property(registered.name, kept)

    def write_sessions(self, sessions: dict[str, dict[str, Any]]) -> None:
        """Replace what clients know of the beamline's sessions."""
        self._database.put_property(beamline_object(self._beamline), {SESSIONS: [json.dumps(sessions)]})

    def remove_server(self, server: str) -> None:
        """Take out a server that has no devices any more."""
        self._database.delete_server(server)

    def _claim_alias(self, wanted: Wanted) -> None:
        try:
            holder = str(self._database.get_device_from_alias(wanted.alias))
        except tango.DevFailed:
            holder = ""
        if holder and holder.lower() != wanted.name.lower():
            if not holder.lower().startswith(f"{self._beamline.lower()}/") or holder.lower() in self._foreign:
                raise ConfigurationError(
                    f"{wanted.alias}: in this Tango database the name already belongs to {holder}, "
                    "which is not of this beamline; choose another name"
                )
            self._database.delete_device_alias(wanted.alias)
        self._database.put_device_alias(wanted.name, wanted.alias)

    def _write_attributes(self, wanted: Wanted, registered: Registered | None) -> bool:
        held = registered.attributes if registered else {}
        writes = {
            attribute: {key: value for key, value in properties.items() if held.get(attribute, {}).get(key) != value}
            for attribute, properties in wanted.attributes.items()
        }
        writes = {attribute: properties for attribute, properties in writes.items() if properties}
        if writes:
            self._database.put_device_attribute_property(
                wanted.name, {name: {key: [value] for key, value in props.items()} for name, props in writes.items()}
            )
        vanished = {
            attribute: [key for key in properties if key not in wanted.attributes.get(attribute, {})]
            for attribute, properties in held.items()
        }
        vanished = {attribute: keys for attribute, keys in vanished.items() if keys and attribute in wanted.attributes}
        for attribute, keys in vanished.items():
            self._database.delete_device_attribute_property(wanted.name, {attribute: keys})
        return bool(writes or vanished)

    def _is_ours(self, server: str) -> bool:
        """Whether a server is of this beamline: a query with LIKE also finds what `_` in its name stands for, and
        `Ronda/demo-2-motors`, which is not of `demo` (no name of a server holds `-`)."""
        prefix = server_name(self._beamline, "").lower()
        return server.lower().startswith(prefix) and "-" not in server[len(prefix) :]

    def _rows(self, query: str, columns: int) -> Iterable[list[str]]:
        _, texts = self._database.command_inout("DbMySqlSelect", query)
        # PyTango writes properties in UTF-8, and reads the answers of commands as Latin-1
        values = [text.encode("latin-1", "replace").decode(errors="replace") for text in texts]
        return [values[start : start + columns] for start in range(0, len(values), columns)]


def _loads(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
