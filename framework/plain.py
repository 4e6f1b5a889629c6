"""Text from elsewhere without what a terminal would obey."""

from __future__ import annotations

import re

ESCAPES = re.compile(r"\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b.|\r(?!\n)")
"""Titles, cursor movements and colours, other sequences, and returns to the beginning of a line."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and newline, and those that let text run backwards."""


def plain(text: str) -> str:
    """The same without escape sequences and control characters."""
    return _CONTROLS.sub("", ESCAPES.sub("", text))
