"""What users add to scans: names with plain values, with units if they have some."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from ronda.framework.errors import BadValue

KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
"""Names that metadata may have: they become names in HDF5, and keywords in Python."""

TECHNIQUE = "technique"
"""The key that says what technique a scan belongs to."""


def checked(who: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata as they are kept and written: each a plain value, or `{"value": …, "unit": …}`.

    Args:
        who: the command that takes them, for messages.
        values: by name: text, truth values, finite numbers, lists of one of these, arrays with one axis; a pair of a
            number (or numbers) and a unit, or a quantity of pint.

    Raises:
        BadValue: a name or value is none of these.
    """
    if not isinstance(values, Mapping):
        raise BadValue(f"{who}: metadata should be names with values such as {{'temperature': (293, 'K')}}")
    found = {}
    for name, value in values.items():
        if not isinstance(name, str) or not KEY.fullmatch(name):
            raise BadValue(
                f"{who}: {name!r} cannot be the name of metadata; it begins with a letter and holds at most 64 "
                "letters, digits and _"
            )
        found[name] = _checked(who, name, value)
    return found


def shown(value: Any) -> str:
    """A value of metadata, for people."""
    if isinstance(value, dict):
        return f"{shown(value['value'])} {value['unit']}".rstrip()
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _checked(who: str, name: str, value: Any) -> Any:
    if hasattr(value, "magnitude") and hasattr(value, "units"):  # pint's
        return {"value": _numbers(who, name, value.magnitude), "unit": f"{value.units:~}"}
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str) and not isinstance(value[0], str):
        return {"value": _numbers(who, name, value[0]), "unit": value[1].strip()}
    plain = _plain(value)
    elements = plain if isinstance(plain, list) else [plain]
    kinds = {bool if isinstance(one, bool) else str if isinstance(one, str) else float for one in elements}
    if not elements or len(kinds) != 1 or not all(_is_plain(one) for one in elements):
        raise BadValue(
            f"{who}: {name} cannot be {value!r}; give text, true or false, finite numbers, a list of one of these, or "
            f"a number and its unit as in {name}=(293, 'K')"
        )
    return plain


def _numbers(who: str, name: str, value: Any) -> Any:
    plain = _plain(value)
    for one in plain if isinstance(plain, list) else [plain]:
        if isinstance(one, str | bool) or not _is_plain(one):
            raise BadValue(f"{who}: {name} with a unit should be a finite number or a list of them, not {value!r}")
    return plain


def _plain(value: Any) -> Any:
    """The same without numpy."""
    plain = value.tolist() if hasattr(value, "tolist") else value
    return [_plain(one) for one in plain] if isinstance(plain, list | tuple) else plain


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))
