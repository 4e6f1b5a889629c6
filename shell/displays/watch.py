"""What a person at the prompt sees of a scan: its heading, its table, how it ended and where it is saved.

Scans that run beside what the person does have no table, for they would disturb: a line at each end tells of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gevent
from rich.console import Console

from ronda.framework.clients.axis import Axis
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.opening import ELAPSED
from ronda.framework.scan.own import OwnScan
from ronda.framework.scan.scan import Scan
from ronda.framework.scan.subscans import SubScan
from ronda.framework.stream.description import State
from ronda.shell.displays.moves import MovesDisplay
from ronda.shell.displays.results import Results
from ronda.shell.displays.scan_table import Field, ScanTable

END_WAIT = 1.0
"""Longest wait in s for results of the last points, before the table is closed without them."""

RETURN_WAIT = 0.2
"""The same before axes go back, and after a scan that did not go well."""

LOOK_PERIOD = 0.01
"""Seconds between two looks whether they are there."""

FILE_TIME = 30.0
"""Seconds that a command waits at its end until the files of its scans are closed."""


class Watch(Observer):
    """Shows one scan after the other, and tells of those beside.

    Args:
        console: where.

    Attributes:
        hint: what is to be said below the table of a scan.
    """

    def __init__(self, console: Console) -> None:
        self.hint: Callable[[], str] = str
        self._console = console
        self._table: ScanTable | None = None
        self._results: Results | None = None
        self._shown: Scan | None = None
        self._back: MovesDisplay | None = None
        self._names: list[str] = []
        self._without: list[str] = []
        self._not_named: list[Scan] = []

    def on_prepared(self, scan: Scan) -> None:
        """Print the heading."""
        if _beside(scan):
            self._print(f"scan {scan.number} runs beside: {scan.title}")
            return
        self._shown = scan
        for why in scan.without:
            if why not in self._without:
                self._print(f"scan {scan.number}: {why}")
        self._without = scan.without  # once, until it is otherwise
        digits = {axis.name: axis.digits for axis in scan.plan.axes} | {ELAPSED: 3}
        fields = [
            Field("time" if name == ELAPSED else name, unit, digits.get(name)) for name, unit in scan.units.items()
        ]
        self._names = list(scan.units)
        self._print(f"scan {scan.number}  {scan.title}")
        for one in scan.subscans:
            self._print(f"beside it, each {one.period:g} s, as {scan.number}.{one.number}: {', '.join(one.channels)}")
        results = self._results = Results(scan, self._fill)
        self._table = ScanTable(self._console, fields, scan.plan.points, lambda: self.hint(), results.fields)
        self._table.open()
        results.follow(self._table.results)

    def on_point(self, scan: Scan, index: int, values: Mapping[str, Any]) -> None:
        """Print a row."""
        if self._table is not None and scan is self._shown:
            self._table.add([values.get(name) for name in self._names], index, scan.entry)

    def _fill(self, entry: int, values: Mapping[str, float | None]) -> None:
        if self._table is not None:
            self._table.fill(entry, values)

    def _wait_for_results(self, seconds: float) -> None:
        """Give results that are on their way a moment to come into their rows."""
        deadline = time.monotonic() + seconds
        while self._table is not None and self._table.waits and self._results is not None and self._results.comes:
            if time.monotonic() >= deadline:
                return
            gevent.sleep(LOOK_PERIOD)

    def on_waiting(self, scan: Scan, sentence: str) -> None:
        """Say what the scan waits for."""
        if sentence:
            self._print(f"scan {scan.number}: {sentence}" if scan.number else sentence)

    def on_returning(self, scan: Scan, moves: Sequence[tuple[Axis, float]]) -> None:
        """Show the axes on their way back, where that can be redrawn."""
        if scan is self._shown and self._console.is_terminal:
            self._wait_for_results(RETURN_WAIT)
            self._close()
            self._shown, self._back = scan, MovesDisplay(self._console, moves, transient=True)
            self._back.open()

    def refresh(self) -> None:
        """Show what is below the table again."""
        if self._table is not None:
            self._table.refresh()

    def leave(self) -> None:
        """Nobody waits for the scan any more: what is left of it is told in lines, as of one beside."""
        self._close()

    def _close(self) -> None:
        if self._table is not None:
            self._table.close()
        if self._back is not None:
            self._back.close()
        if self._results is not None:
            self._results.close()
        self._table = self._shown = self._back = self._results = None

    def on_end(self, scan: Scan) -> None:
        """Say how it ended, unless all went well."""
        if scan is self._shown:
            try:
                self._wait_for_results(END_WAIT if scan.state == State.COMPLETED else RETURN_WAIT)
            finally:
                self._close()
        if _beside(scan):
            name = f"scan {scan.number}" if scan.number else scan.plan.command
            self._print(f"{name} {scan.state}" + (f": {scan.sentence}" if scan.sentence else ""))
        elif scan.identifier and scan.state == State.COMPLETED and self._console.is_terminal and str(scan.durations):
            self._print(f"scan {scan.number} took {scan.took:.3g} s: {scan.durations}")
        elif scan.identifier and scan.state != State.COMPLETED:
            of = "" if scan.plan.points is None else f" of {scan.plan.points}"
            self._print(f"scan {scan.number} {scan.state} after {scan.points_done}{of} points")
        if scan.found is not None and scan.found.sentence and not _beside(scan):
            self._print(f"scan {scan.number}: {scan.found.sentence}")
        for one in scan.subscans if scan.identifier and not _beside(scan) else ():
            self._print(f"scan {scan.number}.{one.number}: {_latest(one)}")
        for remark in scan.remarks:
            self._print(f"scan {scan.number}: {remark}")
        if scan.identifier and scan.saved:
            self._not_named.append(scan)

    def name_files(self) -> bool:
        """Wait until what the scans measured is in their files, and say where each is; returns whether all is there."""
        scans, self._not_named = self._not_named, []
        all_saved = True
        for scan in scans:
            file = scan.wait_for_file(FILE_TIME, results=False)
            if file.closed or (file.coming and not file.error):
                coming = "" if file.closed else f" (results of {', '.join(file.coming)} still come)"
                self._print(f"scan {scan.number} saved: {file.path}{coming}")
                continue
            all_saved = False
            why = file.error or f"its file {file.path} is still open after {FILE_TIME:g} s"
            self._print(f"scan {scan.number} is not saved yet: {why}")
        return all_saved

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _latest(subscan: SubScan) -> str:
    """How many points a sub-scan has, and the numbers of the last one."""
    points = f"{subscan.points} point{'' if subscan.points == 1 else 's'}"
    numbers = ", ".join(f"{name} {value:.6g}" for name, value in subscan.latest.items())
    return f"{points}, the last one {numbers}" if numbers else points


def _beside(scan: Scan) -> bool:
    return isinstance(scan, OwnScan) and scan.beside
