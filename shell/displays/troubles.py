"""Devices that do not answer: one sentence for all those with the same trouble."""

from __future__ import annotations

from collections.abc import Iterable

from ronda.shell.displays.positions import ERROR

SHOWN = 5
"""How many names of devices with the same trouble are shown."""


def reason(error: object) -> str:
    """Why a device does not answer, in one line and without its name."""
    text = " ".join(str(error).split())
    return text.partition(": ")[2] or text


def troubles(found: Iterable[tuple[str, str]]) -> list[str]:
    """A line for each trouble.

    Args:
        found: names of devices, each with its trouble, or an empty text if there is none.
    """
    names: dict[str, list[str]] = {}
    for name, trouble in found:
        if trouble:
            names.setdefault(trouble, []).append(name)
    return [f"{ERROR} {several(each)}: {trouble}" for trouble, each in names.items()]


def several(names: list[str]) -> str:
    """Names with commas; of many the first ones."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
