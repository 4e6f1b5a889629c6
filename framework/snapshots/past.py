"""A snapshot of a time that is over, from what data loggers kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ronda.framework.archive.questions import Archive
from ronda.framework.archive.record import device_of
from ronda.framework.archive.times import Time, moment
from ronda.framework.errors import NotFound
from ronda.framework.snapshots.record import DeviceSettings, Setting, Snapshot, plain_value

OURS = "implementation"
"""Key that only configurations of our devices have."""


def archived(archive: Archive, time: Time, devices: Sequence[str], aliases: Mapping[str, str]) -> Snapshot:
    """What devices were set to at a time, as far as it is archived: settings that nobody follows are not there.

    Args:
        archive: of the loggers.
        time: when.
        devices: their Tango names in lower case.
        aliases: what people call them, by these names.

    Raises:
        BadValue: a time that is none.
    """
    at = moment(time)
    by_device: dict[str, list[str]] = {}
    for name in archive.search("*"):
        by_device.setdefault(device_of(name), []).append(name)
    wanted = [name for device in devices for name in by_device.get(device, [])]
    held = {one.attribute: one for one in archive.value_at(wanted, at)} if wanted else {}
    found: dict[str, DeviceSettings] = {}
    missing: dict[str, str] = {}
    for device in devices:
        settings: dict[str, Setting] = {}
        reason = "nothing of it is archived"
        for name in by_device.get(device, []):
            one = held[name]
            if one.event is None or not one.known:
                reason = one.reason
            elif one.event.write_value is not None:
                key = name.rpartition("/")[2]
                written = plain_value(one.event.write_value)
                settings[key] = Setting(key, plain_value(one.value), written, "", one.event.type)
            else:
                reason = "no setting of it is archived for that time"
        if not settings:
            missing[device] = reason
            continue
        configuration = _configuration(archive, device, at)
        ours = OURS in configuration
        found[device] = DeviceSettings(
            device, aliases.get(device, device), ours, settings, {} if ours else _of_attributes(configuration)
        )
    return Snapshot("", at, found, missing=missing, archived=True)


def _configuration(archive: Archive, device: str, at: float) -> Mapping[str, Any]:
    try:
        found = archive.configuration_at(device, at).configuration
    except NotFound:
        return {}
    return found if isinstance(found, dict) else {}


def _of_attributes(configuration: Mapping[str, Any]) -> dict[str, str]:
    """What Tango was told of attributes; properties of the device have no dot in their names."""
    return {key.lower(): str(value) for key, value in configuration.items() if "." in key}
