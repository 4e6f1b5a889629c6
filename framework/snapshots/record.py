"""A snapshot: what devices are set to at one time; and its form as JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from ronda.framework.archive.record import same_value
from ronda.framework.archive.times import moment
from ronda.framework.errors import BadValue, ServiceFailed

VERSION = 1
"""Of the form as JSON."""

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")

Value: TypeAlias = bool | int | float | str | list[Any] | None

REALS = ("DevDouble", "DevFloat")
"""Types whose values JSON has no word for where they are no numbers; they stand as text."""


@dataclass(frozen=True)
class Setting:
    """One attribute that can be written.

    Attributes:
        name: of the attribute, as Tango spells it; from an archive in lower case.
        value: what was read; of an enumeration the word. None if it had none.
        written: the setpoint that Tango keeps beside it; None if there is none.
        unit: of both; empty for none.
        type: name of the Tango type; `DevDouble`.
        form: how it is shown, as C's printf has it; empty where that is not known.
    """

    name: str
    value: Value
    written: Value = None
    unit: str = ""
    type: str = ""
    form: str = ""

    def text(self, value: Value) -> str:
        """A value with the unit, in a few characters."""
        if value is None:
            return "no value"
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, str | list) else _number_text(value)
        shown = shown if len(shown) <= 60 else f"{shown[:59]}…"
        return f"{shown} {self.unit}".rstrip()


@dataclass(frozen=True)
class DeviceSettings:
    """What one device is set to.

    Attributes:
        name: its Tango name in lower case.
        alias: what people call it; the name if it has no alias.
        ours: whether it is one of ours, whose attributes read what counts; of others the setpoints count.
        settings: by attribute in lower case.
        configuration: of another's device: what Tango was told of its attributes, by `attribute.property` in lower
            case, as the Tango database has it.
    """

    name: str
    alias: str
    ours: bool
    settings: Mapping[str, Setting]
    configuration: Mapping[str, str] = field(default_factory=dict)

    def wanted(self, setting: Setting) -> Value:
        """What is to be written to have it so again."""
        return setting.value if self.ours or setting.written is None else setting.written


@dataclass(frozen=True)
class Snapshot:
    """What devices are set to at one time.

    Attributes:
        name: a plain word; empty for one that was not kept.
        time: when, in s since 1970.
        devices: by their Tango names.
        who: who took it.
        note: what for.
        missing: devices of which nothing is known, each with the reason.
        archived: whether it is of a time that is over: what nobody followed is not in it.
    """

    name: str
    time: float
    devices: Mapping[str, DeviceSettings]
    who: str = ""
    note: str = ""
    missing: Mapping[str, str] = field(default_factory=dict)
    archived: bool = False

    @property
    def count(self) -> int:
        """How many settings it has."""
        return sum(len(device.settings) for device in self.devices.values())


@dataclass(frozen=True)
class Difference:
    """Something that two snapshots have otherwise.

    Attributes:
        device: what people call it.
        setting: name of the attribute, or `attribute.property` of the attribute configuration.
        old, new: in words, with the unit.
    """

    device: str
    setting: str
    old: str
    new: str


NOT_THERE = "not there"


def plain_name(name: str) -> str:
    """The name of a snapshot, if it is a plain word.

    Raises:
        BadValue: it is none, or says a time.
    """
    if not PLAIN.fullmatch(name):
        raise BadValue(
            f"{name!r} is no name of a snapshot: a plain word, letters first, then letters, digits, _ and -; 64 at most"
        )
    if is_time(name):
        raise BadValue(f"{name!r} is no name of a snapshot: it says a time, and snapshots are asked for by time too")
    return name


def is_time(text: str) -> bool:
    """Whether a word says a time, such as `now`."""
    try:
        moment(text)
    except BadValue:
        return False
    return True


def differences(old: Snapshot, new: Snapshot) -> list[Difference]:
    """What two snapshots have otherwise, by device and setting; with one from an archive, of what both have."""
    found = []
    partly = old.archived or new.archived
    for name in sorted({*old.devices, *new.devices}):
        one, other = old.devices.get(name), new.devices.get(name)
        if one is None or other is None:
            if partly:
                continue
            alias = (one or other).alias  # type: ignore[union-attr]  # one of them is there
            said = [
                f"{len(device.settings)} settings" if device else _absent(name, snapshot)
                for device, snapshot in ((one, old), (other, new))
            ]
            found.append(Difference(alias, "", *said))
            continue
        for key in sorted({*one.settings, *other.settings}):
            before, after = one.settings.get(key), other.settings.get(key)
            if partly and (before is None or after is None):
                continue
            if before is not None and after is not None:
                pair = one.wanted(before), other.wanted(after)
                form = before.form or after.form if key == "position" else ""
                if (partly or before.unit == after.unit) and same_shown(*pair, form):
                    continue
            found.append(
                Difference(
                    other.alias,
                    (after or before).name,  # type: ignore[union-attr]  # one of them is there
                    NOT_THERE if before is None else before.text(one.wanted(before)),
                    NOT_THERE if after is None else after.text(other.wanted(after)),
                )
            )
        for key in sorted({*one.configuration, *other.configuration}):
            was, is_now = one.configuration.get(key), other.configuration.get(key)
            if partly and (was is None or is_now is None):
                continue
            if not same_text(was, is_now):
                found.append(Difference(other.alias, key, was or "not set", is_now or "not set"))
    return found


def same_shown(one: Value, other: Value, form: str = "") -> bool:
    """Whether two values are equal; with a form, whether they are shown alike, for readings that jitter."""
    if form.startswith("%") and isinstance(one, float) and isinstance(other, float):
        try:
            return form % one == form % other
        except (TypeError, ValueError):
            pass
    return same_value(one, other)


def same_text(one: str | None, other: str | None) -> bool:
    """Whether two words of an attribute configuration say the same: numbers may be written otherwise."""
    if one == other:
        return True
    try:
        return float(one or "") == float(other or "")
    except ValueError:
        return False


def _absent(name: str, snapshot: Snapshot) -> str:
    reason = snapshot.missing.get(name)
    return f"{NOT_THERE}: {reason}" if reason else NOT_THERE


def _number_text(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


# -- as JSON


def as_json(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot as JSON has it; numbers that are none, or infinite, are text."""
    return {
        "version": VERSION,
        "name": snapshot.name,
        "time": snapshot.time,
        "who": snapshot.who,
        "note": snapshot.note,
        "devices": {
            device.name: {
                "alias": device.alias,
                "ours": device.ours,
                "settings": {
                    key: {
                        "name": one.name,
                        "value": _encoded(one.value),
                        "written": _encoded(one.written),
                        "unit": one.unit,
                        "type": one.type,
                        "form": one.form,
                    }
                    for key, one in device.settings.items()
                },
                "configuration": dict(device.configuration),
            }
            for device in snapshot.devices.values()
        },
        "missing": dict(snapshot.missing),
        "archived": snapshot.archived,
    }


def from_json(found: Any, where: str) -> Snapshot:
    """The snapshot that JSON says.

    Args:
        found: what it says.
        where: it stands, for messages.

    Raises:
        ServiceFailed: it is none.
    """
    try:
        if found["version"] != VERSION:
            raise ServiceFailed(f"{where} has version {found['version']} of a snapshot, this program knows {VERSION}")
        return Snapshot(
            _text(found["name"]),
            float(found["time"]),
            {
                _text(name): DeviceSettings(
                    name,
                    _text(device["alias"]),
                    bool(device["ours"]),
                    {
                        _text(key): Setting(
                            _text(one["name"]),
                            _decoded(one["value"], one["type"]),
                            _decoded(one["written"], one["type"]),
                            _text(one["unit"]),
                            _text(one["type"]),
                            _text(one["form"]),
                        )
                        for key, one in device["settings"].items()
                    },
                    {_text(key): _text(value) for key, value in device["configuration"].items()},
                )
                for name, device in found["devices"].items()
            },
            _text(found["who"]),
            _text(found["note"]),
            {_text(name): _text(reason) for name, reason in found["missing"].items()},
            bool(found["archived"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ServiceFailed(f"{where} is no snapshot ({type(error).__name__}: {error})") from error


def plain_value(value: Any) -> Value:
    """A value of the archive, or as Tango gives it, without NumPy."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()  # type: ignore[no-any-return]
    return list(value) if isinstance(value, tuple) else value


def _encoded(value: Value) -> Any:
    return _each(value, lambda one: str(one) if isinstance(one, float) and not math.isfinite(one) else one)


def _decoded(value: Any, type_: str) -> Value:
    if type_ in REALS:
        return _each(value, lambda one: None if one is None else float(one))  # type: ignore[no-any-return]
    return value  # type: ignore[no-any-return]


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    return [_each(one, change) for one in value] if isinstance(value, list) else change(value)


def _text(found: Any) -> str:
    if not isinstance(found, str):
        raise TypeError(f"{found!r} where text is expected")
    return found
