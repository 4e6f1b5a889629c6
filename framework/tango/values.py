"""What Tango says of an attribute, in the words of the archive."""

from __future__ import annotations

from typing import Any

import numpy as np
import tango

from ronda.framework.archive.record import Quality, Value

QUALITY: dict[tango.AttrQuality, Quality] = {
    tango.AttrQuality.ATTR_VALID: "VALID",
    tango.AttrQuality.ATTR_INVALID: "INVALID",
    tango.AttrQuality.ATTR_ALARM: "ALARM",
    tango.AttrQuality.ATTR_CHANGING: "CHANGING",
    tango.AttrQuality.ATTR_WARNING: "WARNING",
}

NOT_KEPT = (tango.CmdArgType.DevEncoded,)
"""Types that have no place in the archive."""

PLAIN = (bool, int, float, str)


def is_kept(described: Any) -> bool:
    """Whether the archive has a place for an attribute, by Tango's description of it: not for images."""
    return described.data_format != tango.AttrDataFormat.IMAGE and tango.CmdArgType(described.data_type) not in NOT_KEPT


def type_of(described: Any) -> str:
    """The name of an attribute's type, such as `DevDouble`; Tango's description has its number."""
    return str(tango.CmdArgType(described.data_type))


def labels_of(described: Any) -> list[str]:
    """The names of an enumeration's values; empty if it is none."""
    return list(described.enum_labels) if tango.CmdArgType(described.data_type) == tango.CmdArgType.DevEnum else []


def plain(value: Any, labels: list[str]) -> Value:
    """A value as the archive takes it: states and enumerations as words, spectra as arrays or lists of words."""
    if isinstance(value, tango.DevState):
        return str(value)
    if labels:
        if isinstance(value, np.ndarray | list | tuple):
            return [_label(int(one), labels) for one in value]
        return None if value is None else _label(int(value), labels)
    if value is None or isinstance(value, PLAIN):
        return value
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, list | tuple):
        return [str(one) for one in value]
    if isinstance(value, np.generic):
        return value.item()  # type: ignore[no-any-return]
    return str(value)


def _label(value: int, labels: list[str]) -> str:
    return labels[value] if 0 <= value < len(labels) else str(value)
