"""All that is to be known about an axis, as a few lines of text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ronda.framework.errors import RondaError
from ronda.framework.tango.names import AxisAttribute

if TYPE_CHECKING:
    from ronda.framework.clients.axis import Axis

READ = (
    AxisAttribute.POSITION,
    AxisAttribute.DIAL_POSITION,
    AxisAttribute.TARGET,
    AxisAttribute.LOW_LIMIT,
    AxisAttribute.HIGH_LIMIT,
    AxisAttribute.VELOCITY,
    AxisAttribute.ACCELERATION_TIME,
    AxisAttribute.OFFSET,
    AxisAttribute.SIGN,
    AxisAttribute.STEPS_PER_UNIT,
    AxisAttribute.LOW_LIMIT_SWITCH,
    AxisAttribute.HIGH_LIMIT_SWITCH,
    AxisAttribute.HOME_SWITCH,
    AxisAttribute.BACKLASH,
)


def axis_table(axis: Axis) -> str:
    """Position, state, limits, velocity and scale of an axis, and what differs from its file; never raises."""
    title = f"{axis.name}  {axis.description}".rstrip()
    try:
        state, status = axis.state, axis.status.splitlines()
        found = axis.details()
    except RondaError as error:
        return f"{title}\n  !ERR       {' '.join(str(error).split())}"
    rows = [
        ("state", f"{state}: {status[0].removeprefix(f'{axis.name}: ')}" if status else state),
        *(("", line.removeprefix(f"{axis.name}: ")) for line in status[1:]),
        ("position", _joined(axis, found, position="Position", dial="DialPosition", target="Target")),
        ("limits", _limits(axis, found)),
        ("velocity", _velocity(axis, found)),
        ("scale", _scale(axis, found)),
        ("switches", _switches(found)),
        *_differences(axis),
    ]
    return "\n".join([title, *(f"  {name:<9}  {text}" for name, text in rows if text)])


def _joined(axis: Axis, found: dict[str, Any], **names: str) -> str:
    told = [f"{word} {axis.text(found[name])}" for word, name in names.items() if found.get(name) is not None]
    return f"{', '.join(told).removeprefix('position ')} {axis.unit}" if told else ""


def _limits(axis: Axis, found: dict[str, Any]) -> str:
    low, high = found.get(AxisAttribute.LOW_LIMIT), found.get(AxisAttribute.HIGH_LIMIT)
    if low is None or high is None:
        return ""
    if math.isinf(low) and math.isinf(high):
        return "none"
    text = f"{_bound(axis, low)} to {_bound(axis, high)} {axis.unit}"
    offset, sign = found.get(AxisAttribute.OFFSET), found.get(AxisAttribute.SIGN)
    if offset is None or sign is None or (offset == 0 and sign == 1):
        return text
    dial_low, dial_high = sorted(((low - offset) * sign, (high - offset) * sign))
    return f"{text}, on the dial {_bound(axis, dial_low)} to {_bound(axis, dial_high)}"


def _bound(axis: Axis, limit: float) -> str:
    return "none" if math.isinf(limit) else axis.text(limit)


def _velocity(axis: Axis, found: dict[str, Any]) -> str:
    velocity, duration = found.get(AxisAttribute.VELOCITY), found.get(AxisAttribute.ACCELERATION_TIME)
    if velocity is None:
        return ""
    text = f"{velocity:g} {axis.unit}/s"
    if not duration:
        return text
    return f"{text}, reached in {duration:g} s ({velocity / duration:g} {axis.unit}/s²)"


def _scale(axis: Axis, found: dict[str, Any]) -> str:
    told = []
    if (offset := found.get(AxisAttribute.OFFSET)) is not None:
        told.append(f"offset {axis.text(offset)} {axis.unit}")
    if (sign := found.get(AxisAttribute.SIGN)) is not None:
        told.append(f"sign {sign:+d}")
    if (steps := found.get(AxisAttribute.STEPS_PER_UNIT)) is not None:
        told.append(f"{steps:.10g} steps/{axis.unit}")
    if backlash := found.get(AxisAttribute.BACKLASH):
        told.append(f"backlash {axis.text(backlash)} {axis.unit}")
    return ", ".join(told)


def _switches(found: dict[str, Any]) -> str:
    names = {
        "low limit": AxisAttribute.LOW_LIMIT_SWITCH,
        "high limit": AxisAttribute.HIGH_LIMIT_SWITCH,
        "home": AxisAttribute.HOME_SWITCH,
    }
    return ", ".join(word for word, name in names.items() if found.get(name))


def _differences(axis: Axis) -> list[tuple[str, str]]:
    try:
        changes = axis.diff()
    except RondaError:
        return []
    rows = [f"{key} {now!r}, {file!r} in the file" for key, (file, now) in changes.items()]
    return [("changed" if number == 0 else "", row) for number, row in enumerate(rows)]
