"""A snapshot of now: devices are asked for what can be written, several at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import tango

from ronda.framework.clients.remote import Remote
from ronda.framework.errors import RondaError
from ronda.framework.host.entries import CONFIGURATION
from ronda.framework.snapshots.record import DeviceSettings, Setting, Snapshot, plain_value
from ronda.framework.tango.names import FOLLOWING
from ronda.framework.tango.values import is_kept, labels_of, plain, type_of

AT_ONCE = 16
"""Devices that are asked at the same time: one that does not answer holds up no other."""

LONGEST = 4096
"""Elements of a spectrum that is kept."""

WRITABLE = (tango.AttrWriteType.READ_WRITE, tango.AttrWriteType.READ_WITH_WRITE)

Own = Callable[[str], Remote]
"""Makes a client of a device from its Tango name; in a thread that needs one of its own."""


Each = Callable[[Sequence[Callable[[], None]]], object]
"""Does several things at the same time; none of them raises."""


def in_threads(actions: Sequence[Callable[[], None]]) -> None:
    """Do several things, each in a thread, so many at a time that Tango has enough to do."""

    def do(action: Callable[[], None]) -> None:
        with tango.EnsureOmniThread():
            action()

    with ThreadPoolExecutor(AT_ONCE, "snapshot") as several:
        for _ in several.map(do, actions):
            pass


def present(
    devices: Mapping[str, str],
    remote: Own,
    name: str = "",
    who: str = "",
    note: str = "",
    *,
    each: Each = in_threads,
) -> Snapshot:
    """What devices are set to now. Those that do not answer are named with the reason.

    Args:
        devices: what people call them, by Tango name in lower case.
        remote: makes clients.
        name, who, note: of the snapshot.
        each: asks them at the same time.
    """
    begun = time.time()
    found: dict[str, DeviceSettings] = {}
    missing: dict[str, str] = {}

    def ask(device: str) -> None:
        try:
            answer = settings_of(remote(device), device, devices[device])
        except RondaError as error:
            missing[device] = str(error)
            return
        if answer.settings or answer.configuration:
            found[device] = answer

    each([partial(ask, device) for device in devices])
    return Snapshot(name, begun, dict(sorted(found.items())), who, note, dict(sorted(missing.items())))


def settings_of(remote: Remote, name: str, alias: str) -> DeviceSettings:
    """What a device is set to.

    Args:
        remote: a client of it.
        name: its Tango name in lower case.
        alias: what people call it.

    Raises:
        CommunicationFailed, TimedOut, NotFound: it does not answer.
    """
    ours = bool(remote.properties([CONFIGURATION])[CONFIGURATION])
    described = list(remote.described())
    following = FOLLOWING.get(remote.tango_class(), ()) if ours else ()
    wanted = [
        one for one in described if one.writable in WRITABLE and is_kept(one) and one.name.lower() not in following
    ]
    readings = dict(zip([one.name for one in wanted], remote.readings([one.name for one in wanted]), strict=True))
    settings = {one.name.lower(): _setting(one, readings[one.name]) for one in wanted}
    configuration = {} if ours else _configuration(described)
    return DeviceSettings(
        name, alias, ours, {key: one for key, one in settings.items() if one is not None}, configuration
    )


def _setting(described: Any, reading: Any) -> Setting | None:
    """One attribute; None if it is too long, or cannot be read."""
    if reading.has_failed:
        return None
    labels = labels_of(described)
    value, written = (plain_value(plain(one, labels)) for one in (reading.value, reading.w_value))
    if any(isinstance(one, list) and len(one) > LONGEST for one in (value, written)):
        return None
    unit = "" if described.unit == "No unit" else str(described.unit)
    return Setting(described.name, value, written, unit, type_of(described), str(described.format))


PRESENTED = ("label", "unit", "standard_unit", "display_unit", "format", "description", "min_value", "max_value")
"""What Tango says of an attribute, in the names that its database has for it too."""

ALARMS = ("min_alarm", "max_alarm", "min_warning", "max_warning", "delta_val", "delta_t")

EVENTS = {
    "rel_change": ("ch_event", "rel_change"),
    "abs_change": ("ch_event", "abs_change"),
    "event_period": ("per_event", "period"),
    "archive_rel_change": ("arch_event", "archive_rel_change"),
    "archive_abs_change": ("arch_event", "archive_abs_change"),
    "archive_period": ("arch_event", "archive_period"),
}
"""Where Tango's description has what the database calls so."""

UNSET = ("Not specified", "No unit", "No standard unit", "No display unit", "No description", "")


def configuration_of(described: Any) -> dict[str, str]:
    """What Tango was told of one attribute, as the database calls it; without what was not set."""
    found = {key: getattr(described, key) for key in PRESENTED}
    found |= {key: getattr(described.alarms, key) for key in ALARMS}
    found |= {key: getattr(getattr(described.events, part), name) for key, (part, name) in EVENTS.items()}
    return {key: str(value) for key, value in found.items() if value not in UNSET}


def tell(described: Any, key: str, value: str) -> None:
    """Change Tango's description of an attribute, which is then written.

    Args:
        described: as Tango gives it.
        key: as the database calls it.
        value: empty to have it not set.
    """
    if key in EVENTS:
        part, name = EVENTS[key]
        setattr(getattr(described.events, part), name, value or "Not specified")
    elif key in ALARMS:
        setattr(described.alarms, key, value or "Not specified")
    else:
        setattr(described, key, value or "Not specified")


def settable(key: str) -> bool:
    """Whether `tell` knows a name."""
    return key in EVENTS or key in ALARMS or key in PRESENTED


def _configuration(described: Sequence[Any]) -> dict[str, str]:
    return {
        f"{one.name.lower()}.{key}": value
        for one in described
        if one.name not in ("State", "Status")
        for key, value in configuration_of(one).items()
    }
