"""The lines below the prompt: help for what is being typed, and the state of the beamline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ronda.shell.prompt.typed import as_call
from ronda.shell.prompt.under_cursor import call_at, one_line, signature

Fragments = list[tuple[str, str]]
"""Texts with their styles, as prompt_toolkit takes them."""

IDLE = "Tab completes   ?name explains   Ctrl-C stops   Ctrl-D leaves   Ctrl-R searches   → takes the grey text"
"""80 columns have all but the last."""

FRESH: Fragments = [("class:faint", IDLE)]


def help_line(text: str, names: Mapping[str, Any], is_command: Callable[[str], bool], width: int) -> Fragments:
    """What helps with a text that is typed up to the cursor, in one line; no device is asked.

    Args:
        text: what is typed.
        names: what is known at the prompt.
        is_command: says of a name whether it is a command; always false if the typing helper is off.
        width: characters of the line.
    """
    if not text.strip():
        return _cut(FRESH, width)
    call = call_at(text, names)
    if call is None:
        return _cut(_about_word(text, names), width)
    shown = _signature(call.name, call.called, call.parameter)
    line = text.rpartition("\n")[2]
    typed = as_call(line, names, is_command)
    if typed != line:
        shown = [("class:call", f"→ {typed.strip()}"), ("", "   "), *shown]
    return _cut([*shown, ("", "   "), ("class:help", one_line(call.called))], width)


def _signature(name: str, called: Any, current: Any) -> Fragments:
    """A signature in which the parameter in hand stands out."""
    text = signature(name, called)
    if current is None:
        return [("", text)]
    start = text.find("(") + 1
    for part in text[start:-1].split(", "):
        if part.lstrip("*").partition("=")[0] == current.name:
            return [("", text[:start]), ("class:busy underline", part), ("", text[start + len(part) :])]
        start += len(part) + 2
    return [("", text)]


def _about_word(text: str, names: Mapping[str, Any]) -> Fragments:
    word = text.split()[-1].lstrip("?").partition("(")[0]
    thing = names.get(word)
    if thing is None:
        return FRESH
    described = getattr(thing, "description", "") if not callable(thing) else one_line(thing)
    unit = getattr(thing, "unit", "")
    title = f"{word} [{unit}]" if isinstance(unit, str) and unit else word
    return [("", title), ("", "   "), ("class:help", described if isinstance(described, str) else "")]


def _cut(fragments: Fragments, width: int) -> Fragments:
    """What fits a line."""
    found: Fragments = []
    for style, text in fragments:
        room = width - sum(len(one) for _, one in found)
        if len(text) > room:
            return [*found, (style, f"{text[: room - 1]}…")] if room > 0 else found
        found.append((style, text))
    return found
