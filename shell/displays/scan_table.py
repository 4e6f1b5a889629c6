"""The table of a running scan: one row for each point as it comes, and below it a bar with the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import gevent
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from ronda.shell.displays.columns import GAP, number_text

PERIOD = 0.05
"""Seconds between two writes to the terminal, however fast the points come."""

SHOWN = 8
"""Rows that wait for results are shown below the others, so many at most; further ones do without."""

UNSEEN = 200
"""The same where there is no terminal that could be redrawn."""

EARLY = 10_000
"""Points whose results are kept until their row comes."""

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


@dataclass
class _Row:
    """A row whose results may be missing yet."""

    entry: int
    begin: str
    results: Mapping[str, float | None] | None = None


class _Bar(Progress):
    """The bar, below the rows that wait for results."""

    def __init__(self, waiting: Callable[[], Sequence[str]], *columns: ProgressColumn, console: Console) -> None:
        self._waiting_rows = waiting
        super().__init__(
            *columns, console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        """The rows, then the bar."""
        for row in self._waiting_rows():
            yield Text(row, no_wrap=True, overflow="crop")
        yield from super().get_renderables()


class ScanTable:
    """Prints the points of one scan, in a terminal with a bar below them.

    Results of live analysis come later than their points: a row is printed for good when it has them. Until then a
    terminal shows it above the bar.

    Args:
        console: where to.
        fields: the columns; those that do not fit the width are left out, and counted.
        points: number of points expected, None if unknown.
        hint: what is to be said in the line of the bar.
        results: columns of results; they have half of the width at most, if the others need the rest.
    """

    def __init__(
        self,
        console: Console,
        fields: Sequence[Field],
        points: int | None,
        hint: Callable[[], str] = str,
        results: Sequence[Field] = (),
    ) -> None:
        self._console = console
        self._points = points
        self._hint = hint
        self._fields, self._results = _fitting(fields, results, console.width - _index_width(points))
        self._hidden = len(fields) - len(self._fields) + len(results) - len(self._results)
        self._waiting: list[_Row] = []
        self._early: dict[int, Mapping[str, float | None]] = {}
        self._index = _index_width(points)
        self._rows: list[str] = []
        self._count = 0
        self._written = 0.0
        self._later: gevent.Greenlet | None = None
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def open(self) -> None:
        """Print the heading."""
        titles = [field.title.rjust(field.width) for field in [*self._fields, *self._results]]
        more = f"{GAP}(+{self._hidden} more)" if self._hidden else ""
        self._print("#".rjust(self._index) + GAP + GAP.join(titles) + more)
        if self._console.is_terminal:
            self._bar = _Bar(
                lambda: [self._text(row, "…") for row in self._waiting],
                TextColumn(" "),
                BarColumn(None),
                MofNCompleteColumn(),
                TimeRemainingColumn(elapsed_when_finished=True),
                TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
                console=self._console,
            )
            self._task = self._bar.add_task(self._hint(), total=self._points)
            self._bar.start()

    @property
    def results(self) -> list[str]:
        """Names of the results that are shown."""
        return [field.name for field in self._results]

    @property
    def waits(self) -> bool:
        """Whether a row waits for results."""
        return bool(self._waiting)

    def add(self, values: Sequence[float | None], index: int | None = None, entry: int | None = None) -> None:
        """Print the next point, at once or with those that come in the next moment.

        Args:
            values: one for each field given at the start.
            index: of the point; it may leave some out. The next one if None.
            entry: of the stream, by which results are told apart; the index if None.
        """
        self._count = self._count if index is None else index
        texts = [field.text(value) for field, value in zip(self._fields, values, strict=False)]
        begin = str(self._count).rjust(self._index) + GAP + GAP.join(texts)
        entry = self._count if entry is None else entry
        self._waiting.append(_Row(entry, begin, self._early.get(entry)))
        self._count += 1
        self._write_soon()

    def fill(self, entry: int, values: Mapping[str, float | None]) -> None:
        """Take results of a point, some or all of them.

        Args:
            entry: of the stream.
            values: by channel; None where there is none.
        """
        known = self._early[entry] = {**self._early.get(entry, {}), **values}
        if len(self._early) > EARLY:
            del self._early[next(iter(self._early))]
        for row in self._waiting:
            if row.entry == entry:
                row.results = known
                self._write_soon()

    def _write_soon(self) -> None:
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
        self._give_up(0)
        self._write()
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _write(self) -> None:
        if self._later is not None and self._later is not gevent.getcurrent():
            self._later.kill(block=False)
        self._later = None
        while self._waiting and self._complete(self._waiting[0]):
            self._rows.append(self._text(self._waiting.pop(0), "-"))
        self._give_up(SHOWN if self._bar is not None else UNSEEN)
        rows, self._rows = self._rows, []
        self._written = time.monotonic()
        if rows:
            self._print("\n".join(rows))
        if self._bar is not None:
            self._bar.update(self._task, completed=self._count)
            self.refresh()

    def _complete(self, row: _Row) -> bool:
        return all(field.name in (row.results or ()) for field in self._results)

    def _give_up(self, kept: int) -> None:
        """Let all rows but the last ones do without the results that they wait for."""
        while len(self._waiting) > kept:
            self._rows.append(self._text(self._waiting.pop(0), "-"))

    def _text(self, row: _Row, missing: str) -> str:
        known = row.results or {}
        cells = [
            field.text(known[field.name]) if field.name in known else missing.rjust(field.width)
            for field in self._results
        ]
        return GAP.join([row.begin, *cells])

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _fitting(fields: Sequence[Field], results: Sequence[Field], width: int) -> tuple[list[Field], list[Field]]:
    """The columns that fit; the first one always."""
    needed = sum(len(GAP) + field.width for field in [*fields, *results])
    room = width - (0 if needed <= width else len(f"{GAP}(+{len(fields) + len(results)} more)"))
    given = sum(len(GAP) + field.width for field in results)
    kept = _first(results, max(room // 2, room - sum(len(GAP) + field.width for field in fields)))
    own = _first(fields, room - sum(len(GAP) + field.width for field in kept)) or list(fields[:1])
    if given and len(own) == 1 and len(fields) > 1:  # what it is measured over, and one thing that is measured
        own = list(fields[:2])
        kept = _first(results, room - sum(len(GAP) + field.width for field in own))
    return own, kept


def _first(fields: Sequence[Field], room: int) -> list[Field]:
    """As many of the first ones as fit."""
    found: list[Field] = []
    for field in fields:
        room -= len(GAP) + field.width
        if room < 0:
            break
        found.append(field)
    return found


def _index_width(points: int | None) -> int:
    return len(str(points)) if points else 5
