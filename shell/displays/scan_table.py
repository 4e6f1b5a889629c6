"""The table of a running scan: one row for each point as it comes, and below it a bar with the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import gevent
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column

from ronda.shell.displays.columns import GAP, number_text

PERIOD = 0.05
"""Seconds between two writes to the terminal, however fast the points come."""

NARROWEST = 9
"""Characters of a column at least: titles of one letter hold long numbers too."""


@dataclass(frozen=True)
class Field:
    """A column of the table.

    Attributes:
        name: what it shows.
        unit: its unit, empty for a pure number.
        digits: decimals; None for numbers that are whole or shown with six significant digits.
    """

    name: str
    unit: str = ""
    digits: int | None = None

    @property
    def title(self) -> str:
        """What stands above the column."""
        return f"{self.name}[{self.unit}]" if self.unit else self.name

    @property
    def width(self) -> int:
        """Characters of the column."""
        return max(len(self.title), NARROWEST)

    def text(self, value: float | None) -> str:
        """A value as it stands in the table."""
        if value is None:
            return "-".rjust(self.width)
        return number_text(value, self.digits).rjust(self.width)


class ScanTable:
    """Prints the points of one scan, in a terminal with a bar below them.

    Args:
        console: where to.
        fields: the columns; those that do not fit the width are left out, and counted.
        points: number of points expected, None if unknown.
        hint: what is to be said in the line of the bar.
    """

    def __init__(
        self, console: Console, fields: Sequence[Field], points: int | None, hint: Callable[[], str] = str
    ) -> None:
        self._console = console
        self._points = points
        self._hint = hint
        self._fields = _fitting(fields, console.width, points)
        self._hidden = len(fields) - len(self._fields)
        self._index = _index_width(points)
        self._rows: list[str] = []
        self._count = 0
        self._written = 0.0
        self._later: gevent.Greenlet | None = None
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def open(self) -> None:
        """Print the heading."""
        titles = [field.title.rjust(field.width) for field in self._fields]
        more = f"{GAP}(+{self._hidden} more)" if self._hidden else ""
        self._print("#".rjust(self._index) + GAP + GAP.join(titles) + more)
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn(" "),
                BarColumn(None),
                MofNCompleteColumn(),
                TimeRemainingColumn(elapsed_when_finished=True),
                TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._task = self._bar.add_task(self._hint(), total=self._points)
            self._bar.start()

    def add(self, values: Sequence[float | None], index: int | None = None) -> None:
        """Print the next point, at once or with those that come in the next moment.

        Args:
            values: one for each field given at the start.
            index: of the point; it may leave some out. The next one if None.
        """
        self._count = self._count if index is None else index
        texts = [field.text(value) for field, value in zip(self._fields, values, strict=False)]
        self._rows.append(str(self._count).rjust(self._index) + GAP + GAP.join(texts))
        self._count += 1
        wait = self._written + PERIOD - time.monotonic()
        if wait <= 0:
            self._write()
        elif self._later is None:
            self._later = gevent.spawn_later(wait, self._write)

    def refresh(self) -> None:
        """Show the bar again, for the hint has changed."""
        if self._bar is not None:
            self._bar.update(self._task, description=self._hint())
            self._bar.refresh()

    def close(self) -> None:
        """Print what is left, and take the bar away."""
        self._write()
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _write(self) -> None:
        if self._later is not None and self._later is not gevent.getcurrent():
            self._later.kill(block=False)
        self._later = None
        rows, self._rows = self._rows, []
        self._written = time.monotonic()
        if rows:
            self._print("\n".join(rows))
        if self._bar is not None:
            self._bar.update(self._task, completed=self._count)
            self.refresh()

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _fitting(fields: Sequence[Field], width: int, points: int | None) -> list[Field]:
    taken = _index_width(points)
    found: list[Field] = []
    for number, field in enumerate(fields):
        taken += len(GAP) + field.width
        more = len(f"{GAP}(+{len(fields) - number - 1} more)") if number + 1 < len(fields) else 0
        if found and taken + more > width:
            break
        found.append(field)
    return found


def _index_width(points: int | None) -> int:
    return len(str(points)) if points else 5
