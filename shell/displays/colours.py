"""Colours of states and errors in tables: the words say the same without them."""

from __future__ import annotations

from rich.text import Text

PATTERNS = {
    r"!ERR": "bold red",
    r"\b(FAULT|ALARM|FAILED|UNKNOWN)\b": "red",
    r"\b(MOVING|RUNNING|INIT|PAUSED|PREPARING)\b": "yellow",
    r"\b(DISABLE|OFF|fixed|ABORTED)\b": "magenta",
    r"\b(ON|OPEN|COMPLETED)\b": "green",
}
"""What is coloured, and how."""


def coloured(text: str) -> Text:
    """A text with its states coloured; a console without colours shows it as it is."""
    found = Text(text)
    for pattern, style in PATTERNS.items():
        found.highlight_regex(pattern, style)
    return found
