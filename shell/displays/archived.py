"""Answers of the archive as tables and plots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ronda.framework.archive.aligned import Aligned
from ronda.framework.archive.held import Held
from ronda.framework.archive.past import History
from ronda.framework.archive.times import text as time_text
from ronda.framework.scan.analysis.points import Column
from ronda.shell.displays.plot import curve_plot

LONGEST = 60
"""Characters of a value in a table; the rest of a longer one is not shown."""

NONE = "-"

UNITS = (("d", 86400.0), ("h", 3600.0), ("min", 60.0))
"""Of the axis of a plot, with their lengths in s; the first that is there three times."""


def value_text(value: Any) -> str:
    """A value in a few characters."""
    if value is None:
        return NONE
    if isinstance(value, np.ndarray):
        shown = ", ".join(value_text(one) for one in value[:6].tolist())
        return f"[{shown}{', …' * (len(value) > 6)}] ({len(value)})" if len(value) > 6 else f"[{shown}]"
    if isinstance(value, float):
        return f"{value:.9g}"
    shown = str(value)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def history_table(console: Console, found: History) -> None:
    """Each point on a line, and what else happened between them."""
    table = _table("time", found.attribute)
    lines: list[tuple[float, Text]] = [
        (time, Text(value_text(value))) for time, value in zip(found.time.tolist(), found.value.tolist(), strict=True)
    ]
    lines += [(one.time, Text(f"{one.kind}: {one.text}".rstrip(": "), "yellow")) for one in found.breaks]
    for time, line in sorted(lines, key=lambda one: one[0]):
        table.add_row(time_text(time, 3), line)
    console.print(table)
    console.print(_summary(found), style="dim")


def _summary(found: History) -> str:
    said = f"{found.readings} readings from {time_text(found.since)} to {time_text(found.until)}"
    if found.decimated:
        said += f", {len(found.time)} shown; minima and maxima are among them"
    if found.rolled:
        said += f"; {found.rolled} of them are of roll-ups, whose readings are no longer kept"
    return said


def history_plot(found: History, width: int, height: int, *, plain: bool = False) -> str:
    """A curve over hours, minutes or seconds before the end.

    Raises:
        BadValue: the values are no numbers.
    """
    time, value = found.curve()
    length = found.until - (found.time[0] if len(found.time) else found.since)
    unit, size = next((one for one in UNITS if length > 3 * one[1]), ("s", 1.0))
    across = Column(f"time before {time_text(found.until)}", unit, (time - found.until) / size)
    return curve_plot(across, Column(found.attribute, "", value), width, height, plain=plain)


def aligned_table(console: Console, found: Aligned) -> None:
    """A line for each time, a column for each attribute."""
    table = _table("time", *found.values)
    for row, time in enumerate(found.time.tolist()):
        cells = [column[row] for column in found.values.values()]
        table.add_row(time_text(time, 3), *(NONE if _is_nan(cell) else value_text(_plain(cell)) for cell in cells))
    console.print(table)


def value_table(console: Console, found: Sequence[Held]) -> None:
    """A line for each attribute: its value, since when, its quality; or why there is none."""
    table = _table("attribute", "value", "since", "quality", "setpoint")
    for one in found:
        if one.event is None or not one.known:
            since = NONE if one.event is None else time_text(one.event.time)
            table.add_row(one.attribute, Text(f"no value: {one.reason}", "yellow"), since, "", "")
            continue
        quality = Text(one.event.quality, "" if one.event.quality == "VALID" else "yellow")
        setpoint = "" if one.event.write_value is None else value_text(one.event.write_value)
        table.add_row(one.attribute, value_text(one.value), time_text(one.event.time, 3), quality, setpoint)
    console.print(table)


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def _is_nan(cell: Any) -> bool:
    return isinstance(cell, float) and cell != cell


def _plain(cell: Any) -> Any:
    return cell.item() if isinstance(cell, np.generic) else cell
