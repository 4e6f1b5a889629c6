"""What a door and its clients say to each other: lines of JSON, each of a bounded length."""

from __future__ import annotations

import json
from typing import Any

from ronda.framework.errors import BadValue

LONGEST = 65_536
"""Bytes of a line."""

DEEPEST = 8
"""Lists and dictionaries within each other, at most."""

NAME = "$name"
"""Key of an argument that is meant as a device or counter of the session: `{"$name": "samx"}`."""


def packed(message: dict[str, Any]) -> bytes:
    """A line.

    Raises:
        BadValue: it holds what cannot be sent, or is too long.
    """
    try:
        line = json.dumps(message, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise BadValue(
            f"door: this cannot be sent ({error}); give texts, finite numbers, lists, dicts and Name(…)"
        ) from error
    if len(line) > LONGEST:
        raise BadValue(f"door: {len(line)} bytes are too many to be sent, {LONGEST} are allowed")
    return line


def unpacked(line: bytes) -> dict[str, Any]:
    """What a line says.

    Raises:
        BadValue: it is no JSON object, holds NaN, or lists in lists in lists.
    """
    try:
        found = json.loads(line, parse_constant=_refuse)
        depth = _depth(found)
    except (ValueError, RecursionError) as error:
        raise BadValue(f"door: a line is no JSON that can be taken ({error})") from error
    if not isinstance(found, dict) or depth > DEEPEST:
        raise BadValue(f"door: a line is a JSON object with at most {DEEPEST} levels, not {line[:80]!r}")
    return found


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0
