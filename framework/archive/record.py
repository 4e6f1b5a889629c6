"""One thing that happened to an attribute or a device: what the archive keeps and gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

Kind: TypeAlias = Literal["value", "error", "appear", "vanish", "start", "gap", "configuration"]
Quality: TypeAlias = Literal["VALID", "INVALID", "ALARM", "CHANGING", "WARNING"]
Value: TypeAlias = bool | int | float | str | npt.NDArray[Any] | Sequence[Any] | None

KINDS: tuple[str, ...] = get_args(Kind)
QUALITIES: tuple[str, ...] = get_args(Quality)

EVERYTHING = "*"
"""The name under which a mark (`start`, `gap`) stands that concerns every attribute of a store."""

BREAKS = ("error", "appear", "vanish", "start", "gap")
"""Kinds after which no value is known until the next one of kind `value`."""


@dataclass(slots=True)
class Event:
    """One thing that happened. Instances are not changed once made (not frozen: that takes four times as long to make).

    Attributes:
        attribute: its name in lower case, `DEVICE/ATTRIBUTE`. Marks and configurations may stand under a device's
            name, and then concern all attributes whose name begins with `DEVICE/`; under `*` they concern every
            attribute of the store.
        time: by the clock of the device, in s since 1970 (UTC); kept to 1 µs.
        received: when it reached the logger, in s since 1970 (UTC); kept to 1 µs.
        value: a number, a truth value, a word (string, state, name of an enumeration), or a spectrum of one of
            these; None where there is none: for every kind but `value`, and for a value of quality INVALID. Comes
            back as Python's own bool, int, float or str, spectra as NumPy arrays (float64, int64, uint64, bool, str).
        type: name of the Tango type: `DevDouble`, `DevState`, …
        quality: that of the reading.
        write_value: the setpoint that Tango keeps with a writable attribute; None if there is none.
        who: the client that is known to have made the change; None where nobody knows.
        kind: `value` a reading; `error` it could not be read; `appear` and `vanish` the device came or went; `start`
            the logger began; `gap` from this time to the next value something may be missing; `configuration` the
            device's configuration.
        text: of an error its sentence, of a configuration its JSON, of a mark its reason.
    """

    attribute: str
    time: float
    received: float
    value: Value = None
    type: str = ""
    quality: Quality = "VALID"
    write_value: Value = None
    who: str | None = None
    kind: Kind = "value"
    text: str = ""


def device_of(attribute: str) -> str:
    """The device of an attribute: `demo/motor/mx/position` → `demo/motor/mx`."""
    return attribute.rpartition("/")[0]


def same_value(one: Value, other: Value) -> bool:
    """Whether two values are equal; NaN is equal to NaN, a spectrum to one with the same elements."""
    if isinstance(one, (np.ndarray, list, tuple)) or isinstance(other, (np.ndarray, list, tuple)):
        left, right = np.asarray(one), np.asarray(other)
        if left.shape != right.shape:
            return False
        floats = left.dtype.kind == "f" and right.dtype.kind == "f"
        return bool(np.array_equal(left, right, equal_nan=floats))
    return one == other or (one != one and other != other)


def same_event(one: Event, other: Event) -> bool:
    """Whether two events say the same."""
    plain = ("attribute", "time", "received", "type", "quality", "who", "kind", "text")
    return all(getattr(one, name) == getattr(other, name) for name in plain) and all(
        same_value(getattr(one, name), getattr(other, name)) for name in ("value", "write_value")
    )
