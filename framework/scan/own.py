"""A scan of this program: it can be run here or beside what the user does, and asked what it has measured."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import NotReady, TimedOut
from ronda.framework.scan.analysis.contents import Contents
from ronda.framework.scan.analysis.past import read_from_stream, stream_channels
from ronda.framework.scan.analysis.results import Array, Results
from ronda.framework.scan.background import Spawn, Task, in_thread
from ronda.framework.scan.choice import Found
from ronda.framework.scan.claims import Claims
from ronda.framework.scan.durations import Durations
from ronda.framework.scan.ending import Ending
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.plan import Plan
from ronda.framework.scan.scan import Scan


class Summary(NamedTuple):
    """What is told of a scan that has ended; each as the property of `Scan` of that name."""

    spoiled: int
    durations: Durations
    remarks: list[str]
    found: Found | None


class OwnScan(Results, Scan):
    """What the scan functions return; see `Scan` for how it runs and `Results` for what it has measured.

    Args:
        claims: which axes other scans of this program use.
        spawn: begins what goes on beside.
        options: as for `Scan`.

    Attributes:
        beside: whether it was started with `start`.
        ending: whether its work is over, and everything is brought to rest.
    """

    def __init__(
        self,
        beamline: Beamline,
        plan: Plan,
        observers: Sequence[Observer] = (),
        *,
        claims: Claims | None = None,
        spawn: Spawn = in_thread,
        **options: Any,
    ) -> None:
        super().__init__(beamline, plan, observers, spawn=spawn, **options)
        self.beside = False
        self.ending = False
        self._claims = Claims() if claims is None else claims
        self._task: Task | None = None
        self._failure: Exception | None = None
        self._taken = False
        self._taking = threading.Lock()
        self._over = False
        self._summary: Summary | None = None

    @property
    def spoiled(self) -> int:
        """As of `Scan`."""
        now = super().spoiled  # first: once there is a summary, what it comes from is gone
        return now if self._summary is None else self._summary.spoiled

    @property
    def durations(self) -> Durations:
        """As of `Scan`."""
        now = super().durations
        return now if self._summary is None else self._summary.durations

    @property
    def remarks(self) -> list[str]:
        """As of `Scan`."""
        now = super().remarks
        return now if self._summary is None else self._summary.remarks

    @property
    def found(self) -> Found | None:
        """As of `Scan`."""
        now = super().found
        return now if self._summary is None else self._summary.found

    @property
    def runs(self) -> bool:
        """Whether it has begun and not ended."""
        return self._begun and not self._ended

    def stay(self, who: str = "") -> None:
        """Ask a relative scan not to go back to where it began; a return that goes on is stopped. Returns at once."""
        self._control.give("stay", who)

    # -- running

    def _end(self, ending: Ending) -> None:
        self.ending = True
        super()._end(ending)

    def run(self) -> None:
        """Run it to its end.

        Raises:
            NotReady: it has run already, or runs.
            Busy: another scan of this program uses one of its axes; it may be run later.
            and as `Scan.run`.
        """
        self._take("run")
        try:
            self._run_here()
        finally:
            self._taken = self._over = self._begun

    def _take(self, what: str) -> None:
        """It is run once, whoever asks first."""
        with self._taking:
            if self._taken:
                raise NotReady(f"{self.label}: has {what} already; make a new one")
            self._taken = True

    def _run_here(self) -> None:
        with self._claims.of(self._beamline, self.plan.axes, self.plan.command):
            try:
                super().run()
            finally:
                self._let_go()

    def _let_go(self) -> None:
        """Keep what people ask about an ended scan, not what it was measured with: a shell keeps a hundred scans."""
        self._summary = Summary(self.spoiled, self.durations, self.remarks, self.found)
        self._measuring = self._steering = self._presets = self._coming = self._own = self._baseline = None
        if self.stream is not None:
            self.stream.forget()

    def start(self) -> OwnScan:
        """Let it run beside what the user does, and return at once; `wait`, `result` and `stop` are for later.

        Raises:
            NotReady: it has begun already.
        """
        self._take("begun")
        self.beside = True
        self._task = self._spawn(self._run_beside)
        return self

    def result(self, timeout: float | None = None) -> OwnScan:
        """Wait until a scan that was started has ended, and return it.

        Args:
            timeout: seconds; None for as long as it takes.

        Raises:
            TimedOut: it has not ended.
            RondaError, or any other error: what made it fail.
        """
        if not self.wait(timeout):
            raise TimedOut(f"{self.label}: has not ended within {timeout:g} s, it is {self.state}")
        if self._failure is not None:
            raise self._failure
        return self

    def _run_beside(self) -> None:
        try:
            self._run_here()
        except Exception as error:  # noqa: BLE001 - `result` raises it, whatever it is
            self._failure = error
            self.sentence = self.sentence if self._begun else str(error)
        finally:
            self._ended = True
            self._over = True  # last: who has waited finds all that is to be known, and the axes free

    def _at_rest(self) -> bool:
        return self._over

    # -- what it has measured

    @property
    def label(self) -> str:
        """`scan 12`; its command as long as it has no number."""
        return f"scan {self.number}" if self.number else self.plan.command

    @property
    def where_from(self) -> Beamline | None:
        """Where it runs."""
        return self._beamline

    def contents(self) -> Contents:
        """What it has."""
        return Contents.of(self._scan.description)

    def channels(self) -> list[str]:
        """Names of all its channels."""
        return stream_channels(self._scan)

    def read(self, name: str) -> Array:
        """All points of a channel that there are now."""
        return read_from_stream(self._scan, name)
