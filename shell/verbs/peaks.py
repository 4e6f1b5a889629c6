"""Peaks at the prompt: where the last scan has its peak, fits, and going there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.counter import Counter
from ronda.framework.scan.analysis.fits import Fit
from ronda.framework.scan.analysis.history import History
from ronda.framework.scan.analysis.results import Place, Results
from ronda.shell.displays.numbers import ShownNumber, told
from ronda.shell.verbs.plotting import Selection

Which = Counter | str | None
Over = Axis | str | None


class PeakCommands:
    """The commands about the last scan; each says which counter it looked at.

    Args:
        history: the scans of the session.
        console: where they print.
        is_dry: whether there is a dry run, in which nothing moves.
        selection: which counters are looked at if none is given.
    """

    def __init__(
        self,
        history: History,
        console: Console,
        is_dry: Callable[[], bool] = lambda: False,
        selection: Selection | None = None,
    ) -> None:
        self._history = history
        self._selection = selection or Selection()
        self._is_dry = is_dry
        self._console = console

    def commands(self) -> list[Callable[..., Any]]:
        """All that people can type."""
        return [
            *(self.cen, self.com, self.peak, self.trough, self.fwhm, self.fit, self.where),
            *(self.goto_cen, self.goto_com, self.goto_peak, self.goto_trough),
        ]

    def cen(self, counter: Which = None, axis: Over = None) -> Place:
        """The middle of the half-maximum crossings in the last scan, or its edge: cen(), cen(diode, samy)."""
        return self._look("cen", counter, axis)

    def com(self, counter: Which = None, axis: Over = None) -> Place:
        """The centre of mass in the last scan: com(), com(diode)."""
        return self._look("com", counter, axis)

    def peak(self, counter: Which = None, axis: Over = None) -> Place:
        """Where the last scan has its highest value: peak(), peak(diode)."""
        return self._look("peak", counter, axis)

    def trough(self, counter: Which = None, axis: Over = None) -> Place:
        """Where the last scan has its lowest value: trough(), trough(diode)."""
        return self._look("trough", counter, axis)

    def fwhm(self, counter: Which = None, axis: Over = None) -> float:
        """The full width at half maximum in the last scan: fwhm(), fwhm(diode)."""
        scan = self._scan()
        counter = self._selection.counter(scan, counter)
        width = scan.fwhm(counter, axis)
        self._say(f"{scan.label}, {scan.signal(counter)}")
        return ShownNumber(width)

    def fit(self, shape: str = "gauss", counter: Which = None, axis: Over = None, background: str = "constant") -> Fit:
        """Fit the last scan by gauss, lorentz, pseudo_voigt or erf: fit(), fit("erf", diode, background="linear")."""
        scan = self._scan()
        return scan.fit(shape, self._selection.counter(scan, counter), axis, background)

    def where(self, counter: Which = None) -> None:
        """Say where the axes of the last scan stand now, and what it measured there."""
        scan = self._scan()
        self._say(scan.where(self._selection.counter(scan, counter)))

    def goto_cen(self, counter: Which = None, axis: Over = None) -> Place:
        """Move the axes of the last scan to its cen: goto_cen(), goto_cen(diode), goto_cen(diode, samy)."""
        return self._go("cen", counter, axis)

    def goto_com(self, counter: Which = None, axis: Over = None) -> Place:
        """Move the axes of the last scan to its centre of mass."""
        return self._go("com", counter, axis)

    def goto_peak(self, counter: Which = None, axis: Over = None) -> Place:
        """Move the axes of the last scan to its highest value."""
        return self._go("peak", counter, axis)

    def goto_trough(self, counter: Which = None, axis: Over = None) -> Place:
        """Move the axes of the last scan to its lowest value."""
        return self._go("trough", counter, axis)

    def _scan(self) -> Results:
        scan: Results = self._history.newest()
        return scan

    def _look(self, what: str, counter: Which, axis: Over) -> Place:
        scan = self._scan()
        counter = self._selection.counter(scan, counter)
        place: Place = getattr(scan, what)(counter, axis)
        self._say(f"{scan.label}, {scan.signal(counter)}")
        return told(place)

    def _go(self, what: str, counter: Which, axis: Over) -> Place:
        if self._is_dry():
            self._say(f"goto_{what}: only the scan itself will tell where that is")
            return {}
        scan = self._scan()
        counter = self._selection.counter(scan, counter)
        place = scan.go(what, counter, axis)
        self._say(scan.went(what, place, counter, axis))
        return told(place, said=True)

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
