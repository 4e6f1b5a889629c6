"""Snapshots as tables: which there are, what one says, what two have otherwise, what restoring does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ronda.framework.archive.times import text as time_text
from ronda.framework.snapshots.plan import Plan, Step
from ronda.framework.snapshots.record import Snapshot
from ronda.framework.snapshots.restoring import Outcome

WORDS = {"describe": "tell Tango", "write": "write", "move": "move", "left": "left"}
"""What is done, for people."""


def list_table(console: Console, found: Sequence[Mapping[str, Any]]) -> None:
    """A line for each snapshot."""
    if not found:
        console.print("no snapshot is kept")
        return
    table = _table("name", "taken", "devices", "settings", "by", "note")
    for one in found:
        if "error" in one:
            table.add_row(Text(one["name"]), Text(one["error"], "yellow"))
            continue
        cells = (one["name"], time_text(one["time"]), one["devices"], one["settings"], one["who"], one["note"])
        table.add_row(*(Text(str(cell)) for cell in cells))
    console.print(table)


def snapshot_table(console: Console, found: Snapshot) -> None:
    """A line for each setting, those of a device together."""
    title = f"{found.name or 'what was archived'}, {time_text(found.time)}"
    _say(console, title + (f", by {found.who}" if found.who else "") + (f": {found.note}" if found.note else ""))
    table = _table("device", "setting", "value")
    for device in found.devices.values():
        name = device.alias
        for one in device.settings.values():
            table.add_row(Text(name), Text(one.name), Text(one.text(device.wanted(one))))
            name = ""
        for key, value in device.configuration.items():
            table.add_row(Text(name), Text(key, "dim"), Text(value, "dim"))
            name = ""
    console.print(table)
    _tell_missing(console, found.missing)


def difference_table(console: Console, found: Sequence[Mapping[str, Any]], old: str, new: str) -> None:
    """A line for each setting that is another one."""
    if not found:
        console.print(f"{old} and {new} do not differ")
        return
    table = _table("device", "setting", old, new)
    for one in found:
        table.add_row(*(Text(one[key]) for key in ("device", "setting", "old", "new")))
    console.print(table)


def plan_table(console: Console, found: Plan) -> None:
    """A line for each step, in its order; then what cannot be."""
    table = _table("", "device", "setting", "now", "then")
    for step in found.changes:
        table.add_row(Text(WORDS[step.verdict]), *_cells(step))
    if found.changes:
        console.print(table)
    else:
        console.print("nothing would be changed")
    _tell_others(console, [(step, step.reason) for step in found.steps if not step.changes])
    _tell_missing(console, found.missing)
    _say(console, f"{found.same} settings are so already")


def outcome_table(console: Console, found: Sequence[Outcome]) -> None:
    """A line for each setting that is as in the snapshot now; then what is not, and why."""
    table = _table("", "device", "setting", "before", "now")
    done = [one for one in found if one.done]
    for one in done:
        table.add_row(Text("done"), *_cells(one.step))
    if done:
        console.print(table)
    _tell_others(console, [(one.step, one.reason) for one in found if not one.done])
    _say(console, f"{len(done)} settings restored, {len(found) - len(done)} not")


def _cells(step: Step) -> list[Text]:
    return [Text(cell) for cell in (step.alias, step.setting, step.now, step.wanted)]


def _tell_others(console: Console, found: Sequence[tuple[Step, str]]) -> None:
    for step, reason in found:
        if not step.setting:
            line = f"{step.alias}: {reason.removeprefix(f'{step.alias}: ')}"
        else:
            values = f", {step.now} now, {step.wanted} in the snapshot" if step.wanted else ""
            line = f"{step.alias} {step.setting}{values}: {step.verdict}: {reason.removeprefix(f'{step.alias}: ')}"
        console.print(Text(line, "yellow" if step.verdict != "left" else "dim"), soft_wrap=True)


def _tell_missing(console: Console, missing: Mapping[str, str]) -> None:
    for device, reason in missing.items():
        _say(console, f"{device} is not in it: {reason}")


def _say(console: Console, text: str) -> None:
    console.print(Text(text, "dim"), soft_wrap=True)


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    return table
