"""Counting and scanning: the standard scans with what the person at the prompt sees of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import gevent
from rich.console import Console

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.data_logger import ask_first
from ronda.framework.scan.analysis.history import History
from ronda.framework.scan.background import Task
from ronda.framework.scan.measured import Measured
from ronda.framework.scan.standard import Scans
from ronda.framework.stream.description import State
from ronda.shell.displays.counts import counts_table
from ronda.shell.displays.watch import Watch
from ronda.shell.prompt.begun import belong_to
from ronda.shell.prompt.user import user_name
from ronda.shell.verbs.peaks import PeakCommands
from ronda.shell.verbs.plotting import PlotCommands, Selection
from ronda.shell.verbs.showing import OnPage

if TYPE_CHECKING:
    from prompt_toolkit.key_binding import KeyPress

    from ronda.shell.prompt.scan_keys import ScanKeys

STOP_TIME = 20.0
"""Seconds that scans have to end at the end of a session."""


class ScanCommands:
    """The commands that measure, of one session. Without counters they take those of the active group.

    Args:
        beamline: where.
        console: where they print.
        session: its name; empty for that of everybody who chose none.
        page: address of the live view; empty if nobody knows one.
    """

    def __init__(self, beamline: Beamline, console: Console, session: str = "", page: str = "") -> None:
        self._beamline = beamline
        self._console = console
        self._watch = Watch(console)
        self._keys: ScanKeys | None = None
        self._scans = Scans(beamline, session, user=user_name(), observers=[self._watch])
        self._scans.spawn = _in_greenlet
        selection = Selection()
        self._peaks = PeakCommands(self._scans.history, console, lambda: self._scans.dry is not None, selection)
        on_page = OnPage(lambda: beamline.stream.board(), page)
        self._plots = PlotCommands(
            self._scans.history, selection, console, lambda ask: ask_first(beamline, ask), on_page
        )
        beamline.draw = self._plots.draw_loop

    @property
    def history(self) -> History:
        """The scans of the session."""
        return self._scans.history

    def take_keys(self, keep: Callable[[list[KeyPress]], None]) -> None:
        """Let keys steer scans that one waits for, see `ScanKeys`.

        Args:
            keep: takes what was typed ahead.
        """
        from ronda.shell.prompt.scan_keys import ScanKeys  # only a prompt needs prompt_toolkit

        self._keys = ScanKeys(keep, self._watch.refresh)
        self._watch.hint = self._keys.hint
        self._scans.observers.insert(0, self._keys)

    @contextmanager
    def lent_keys(self) -> Iterator[None]:
        """A `with` block in which scans do not read what is typed."""
        if self._keys is None:
            yield
            return
        if self._keys.hint():
            self._console.file.write("\n")  # below the bar of the scan, which has no end of line
        with self._keys.lent():
            yield

    def stay(self) -> str:
        """Let scans that come to rest not go back to where they began; a sentence if there are any."""
        ending = [scan for scan in self.history.running() if scan.ending]
        for scan in ending:
            scan.stay()
        back = [scan for scan in ending if scan.plan.returns]
        what = "the axes do not go back" if back else "stopping"
        return f"{what}; a third Ctrl-C returns at once and leaves the rest as it is" if ending else ""

    def leave(self) -> list[str]:
        """Nobody waits for the scans any more: show them no longer; a clause about each that still comes to rest."""
        self._watch.leave()
        if self._keys is not None:
            self._keys.leave()
        return [f"{scan.label} still comes to rest" for scan in self.history.running()]

    def finish(self) -> bool:
        """Wait for the scans that run beside, then as `name_files`; Ctrl-C stops them."""
        beside = self._scans.history.beside()
        try:
            for scan in beside:
                scan.wait()
        except BaseException:
            self.stop_beside()
            raise
        return self.name_files() and all(scan.state == State.COMPLETED for scan in beside)

    def beside(self) -> list[str]:
        """Names of the scans that run beside."""
        return [scan.label for scan in self._scans.history.beside() if not scan.wait(0)]

    def stop_beside(self) -> None:
        """Stop the scans that run beside, and wait until they have ended, for a bounded time."""
        running = [scan for scan in self._scans.history.beside() if not scan.wait(0)]
        for scan in running:
            scan.stop("the end of the session")
        for scan in running:
            scan.wait(STOP_TIME)

    @property
    def scans(self) -> Scans:
        """The scans of the session."""
        return self._scans

    def name_files(self) -> bool:
        """Say where the scans that have ended are saved, once their files are closed; returns whether all are."""
        return self._watch.name_files()

    def commands(self) -> list[Callable[..., Any]]:
        """All that people can type."""
        scans = self._scans
        return [
            *(self.ct, scans.sct, scans.loopscan, scans.timescan),
            *(scans.ascan, scans.a2scan, scans.a3scan, scans.a4scan, scans.a5scan, scans.anscan),
            *(scans.dscan, scans.d2scan, scans.d3scan, scans.d4scan, scans.d5scan, scans.dnscan),
            *(scans.lookupscan, scans.pointscan, scans.logscan, scans.amesh, scans.dmesh),
            *(scans.xas_scan, scans.fscan, scans.fmesh, scans.ftrajectory, scans.fulltomo),
            *(scans.align, scans.optimise, scans.autofocus, scans.adaptmesh),
            *self._peaks.commands(),
            *self._plots.commands(),
            *(scans.lineup, scans.spiral, scans.rel_spiral, scans.spiral_fermat, scans.rel_spiral_fermat, scans.rockit),
        ]

    def ct(self, time: float = 1.0, *counters: Measured) -> None:
        """Count once for a time in s and show the values; nothing is saved: ct(0.5), ct(0.5, diode)."""
        if self._scans.dry is not None:
            self._scans.dry.count(f"ct({time})", time)
            return
        counted = self._scans.ct(time, *counters)
        self._console.print(counts_table(counted), markup=False, highlight=False, soft_wrap=True)


def _in_greenlet(work: Callable[[], None]) -> Task:
    task = gevent.Greenlet(work)
    belong_to(task, None)  # Ctrl-C ends what one waits for, not this
    task.start()
    beside: Task = task
    return beside
