"""What changed between two times, as lines: long names and values are never cut."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from ronda.framework.archive.times import text as time_text
from ronda.shell.displays.archived import value_text

TITLES = {
    "setting": "settings",
    "configuration": "configurations",
    "state": "states",
    "presence": "what came or went",
}
"""By what kind of change it is."""

NO_TIME = "at an unknown time"


def change_lines(
    console: Console,
    found: Sequence[Mapping[str, Any]],
    back: Callable[[Mapping[str, Any]], str],
    begins: float | None = None,
    since: float | None = None,
) -> None:
    """Each change with its time, then who made it and how to go back.

    Args:
        console: where it is printed.
        found: `attribute`, `what`, `old`, `new`, `time`, `who`, `times`, `reason` of each; those of a kind together.
        back: what to type to go back; empty for nothing.
        begins: when the archive begins, in s since 1970; None if that is not known.
        since: the earlier of the two times.
    """
    if begins is not None and since is not None and since < begins:
        _say(console, Text(f"the archive begins at {time_text(begins)}; what it began with is no change", "yellow"))
    if not found:
        _say(console, Text("nothing differs but readings that jitter"))
        return
    kind = ""
    for one in _together(found):
        if one["what"] != kind:
            kind = one["what"]
            _say(console, Text(TITLES[kind], "bold"))
        when = NO_TIME if one["time"] is None else time_text(one["time"])
        line = Text.assemble((when, "dim"), "  ", (one["attribute"], "bold"), "  ")
        if kind != "configuration":
            old, new = (value_text(one[key]) for key in ("old", "new"))
            line.append(f"{old} → {new}{': ' * bool(one['reason'])}{one['reason']}")
        _say(console, line)
        if kind == "configuration":
            for change in configuration_changes(one["old"], one["new"]):
                _say(console, Text(f"    {change}"))
        if kind == "setting":
            times = f"; changed {one['times']} times" if one["times"] > 1 else ""
            _say(console, Text(f"    by {one['who'] or 'somebody who is not known'}{times}"))
        if command := back(one):
            _say(console, Text(f"    back: {command}"))


def _together(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The same; attributes of one device that came or went at the same time and for the same reason are one."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for one in found:
        alone = one["what"] != "presence"
        device = one["attribute"].rpartition("/")[0]
        groups.setdefault((one["attribute"], one["what"]) if alone else (device, one["reason"]), []).append(one)
    return [
        group[0]
        if len(group) == 1
        else {
            **group[0],
            "attribute": f"{group[0]['attribute'].rpartition('/')[0]}: {len(group)} attributes",
            "old": "values" if group[0]["old"] is not None else None,
            "new": "values" if group[0]["new"] is not None else None,
        }
        for group in groups.values()
    ]


def configuration_changes(old: Any, new: Any) -> list[str]:
    """What differs of two configurations, a key on a line."""
    one, other = (_configuration(text) for text in (old, new))
    return [
        f"{key}: {value_text(one.get(key))} → {value_text(other.get(key))}"
        for key in sorted({*one, *other})
        if one.get(key) != other.get(key)
    ]


def _configuration(text: Any) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        found = None
    return found if isinstance(found, dict) else {"configuration": text}


def _say(console: Console, line: Text) -> None:
    console.print(line, soft_wrap=True, highlight=False)
