"""What is to be known about any Tango device, as a few lines of text: its state, and what its attributes say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ronda.framework.errors import RondaError
from ronda.framework.tango.names import DeviceAttribute

if TYPE_CHECKING:
    from ronda.framework.clients.device import Device

ALWAYS_THERE = ("State", "Status", DeviceAttribute.CHANGED_BY)
"""Attributes that every device has, and that need no line of their own."""

LONGEST = 70
"""Characters of a value; the rest of a longer one is not shown."""

SHOWN = 8
"""Values of a spectrum; the rest of a longer one is counted."""


PROGRAMS = ("{", "[")
"""With what a text begins that is JSON, for programs."""


def device_table(device: Device) -> str:
    """State, status and readable attributes of a device, with units; images are left out. Never raises."""
    title = f"{device.name}  {device.tango_class}"
    try:
        state, status = device.state, device.status.splitlines()
        described = [one for one in device.remote.attributes() if _is_shown(one)]
        values = device.remote.read_some([one.name for one in described]) if described else {}
    except RondaError as error:
        return f"{title}\n  !ERR  {' '.join(str(error).split())}"
    said = [line.removeprefix(f"{device.name}: ") for line in status]
    rows = [("state", f"{state}: {said[0]}" if said else state), *(("", line) for line in said[1:])]
    for one in described:
        value: Any = values.get(one.name)
        text = _text(value, one.format)
        more = f" ({len(value)} values)" if text.endswith("…") and not isinstance(value, str) else ""
        rows.append((one.name, f"{text} {_unit(one)}".rstrip() + more if text else ""))
    width = max(len(name) for name, text in rows if text)
    return "\n".join([title, *(f"  {name:<{width}}  {text}" for name, text in rows if text)])


def _is_shown(described: Any) -> bool:
    return described.name not in ALWAYS_THERE and str(described.data_format) != "IMAGE"


def _unit(described: Any) -> str:
    return "" if described.unit == "No unit" else str(described.unit)


def _text(value: Any, form: str) -> str:
    """A value in the form that Tango says; empty if there is none."""
    if value is None:
        return ""
    if isinstance(value, float) and math.isnan(value):
        return ""
    if isinstance(value, str):
        flat = " ".join(value.split())
        if flat.startswith(PROGRAMS):
            return ""
        return flat if len(flat) <= LONGEST else f"{flat[: LONGEST - 1]}…"
    if hasattr(value, "__len__"):
        more = " …" if len(value) > SHOWN else ""
        return ", ".join(_text(one, form) for one in value[:SHOWN]) + more
    try:
        return (form % value).strip() if form.startswith("%") else str(value)
    except (TypeError, ValueError):
        return str(value)
