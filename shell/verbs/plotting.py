"""Looking at scans: which counters are looked at, a plot in the terminal, a picture in a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.counter import Counter
from ronda.framework.clients.loop import Loop
from ronda.framework.errors import BadValue, NotFound, RondaError
from ronda.framework.scan.analysis.history import History
from ronda.framework.scan.analysis.points import Column, Points
from ronda.framework.scan.analysis.results import Results
from ronda.shell.displays.loop_plot import loop_plot
from ronda.shell.displays.picture import save_picture
from ronda.shell.displays.plot import area_plot, curve_plot
from ronda.shell.verbs.showing import OnPage, numbers
from ronda.shell.verbs.slow import Ask, is_archived, over_scan

HEIGHT = 18
"""Lines of a plot at most."""

Which = Counter | str
Over = Axis | str | None


class Selection:
    """The counters that a person wants to look at, in scans that have them."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def of(self, scan: Results) -> list[str]:
        """Those that a scan has."""
        return [name for name in self.names if name in scan.contents().counters]

    def counter(self, scan: Results, given: Which | None) -> Which | None:
        """The one that is meant: the one that was given, else the first that is selected; None for the scan's own."""
        return given if given is not None else next(iter(self.of(scan)), None)


class PlotCommands:
    """The commands that show scans.

    Args:
        history: the scans of the session.
        selection: which counters are looked at.
        console: where they print.
        ask: asks data loggers.
        page: shows on the live view what is plotted; None for nobody.
    """

    def __init__(
        self,
        history: History,
        selection: Selection,
        console: Console,
        ask: Ask | None = None,
        page: OnPage | None = None,
    ) -> None:
        self._history = history
        self._ask = ask or _nobody
        self._selection = selection
        self._console = console
        self._page = page

    def commands(self) -> list[Callable[..., Any]]:
        """All that people can type."""
        return [self.plotselect, self.plot, self.png]

    def plotselect(self, *counters: Which | None) -> None:
        """Choose what plot, png, cen, peak and so on look at: plotselect(diode, i0), plotselect(None) for no choice."""
        if counters:
            self._selection.names = [] if counters == (None,) else list(map(_name, counters))
        names = self._selection.names
        self._say(f"looked at: {', '.join(names)}" if names else "looked at: the first counter of each scan")
        if counters and self._page is not None:
            self._say(self._page.selection(names))

    def plot(self, *what: Any, scan: Any = -1, axis: Over = None) -> None:
        """Plot a scan, running or ended, or arrays: plot(), plot(diode), plot(12, diode), plot(axis=samy), plot(x, y).

        The plot stands in the terminal, and on the page of the live view.

        Args:
            what: counters to plot; without any those of plotselect, else the first of the scan. A number, or a scan,
                is taken as the scan that is meant; a text such as "oven/Input" as an attribute that a data logger
                keeps, which alone is drawn over the scan's time. Arrays are drawn as they are: an image, a curve, or
                positions and curves over them.
            scan: its number, -2 for the last but one, a scan, or the path of a file.
            axis: over which; else the first that moved.
        """
        if any(isinstance(one, np.ndarray | list | tuple) for one in what):
            self._plot_arrays(numbers(what))
            return
        counters: list[Which] = []
        for one in what:
            if isinstance(one, int | Results):
                scan = one
            else:
                counters.append(one)
        meant = self._meant("plot", scan)
        points = self._points(meant, counters, axis)
        self._say(points.heading)
        width, height, plain = self._room()
        for counter in points.counters:
            if len(points.axes) == 1:
                self._say(curve_plot(points.axes[0], counter, width, height, plain=plain))
                self._say("" if is_archived(counter.name) else _told(meant, counter.name, axis))
            else:
                x, y = points.axes[:2]
                self._say(area_plot(x, y, counter, width, height, plain=plain))
        identifier = getattr(meant, "identifier", "")
        if self._page is not None and identifier:
            looked_at = [one.name for one in points.counters if not is_archived(one.name)]
            self._say(self._page.scan(identifier, looked_at, _name_of(axis)))

    def _plot_arrays(self, arrays: list[tuple[str, npt.NDArray[Any]]]) -> None:
        width, height, plain = self._room()
        columns = [Column(name, "", values.astype(np.float64)) for name, values in arrays]
        if columns[0].values.ndim == 2:
            (_, image) = arrays[0]
            row, column = (axis.ravel().astype(np.float64) for axis in np.indices(image.shape))
            z = Column("image", "", columns[0].values.ravel())
            self._say(area_plot(Column("column", "", column), Column("row", "", row), z, width, height, plain=plain))
        for one in columns[1:]:
            self._say(curve_plot(columns[0], one, width, height, plain=plain))
        if self._page is not None:
            self._say(self._page.drawing(arrays))

    def png(self, scan: Any = -1, path: str = "", *counters: Which, axis: Over = None) -> None:
        """Draw a scan into a PNG file: png(), png(12), png(-2, "edge.png"), png(12, "", diode, i0).

        Args:
            scan, counters, axis: as in plot.
            path: of the file; without it beside the scan's file, or here if that folder cannot be written.
        """
        meant = self._meant("png", scan)
        if not isinstance(path, str | Path):
            raise BadValue(f'png: the path is a text such as "edge.png", not {path!r}')
        target = Path(path).expanduser() if path else _beside(meant)
        if target.suffix.lower() != ".png":
            target = target.with_name(f"{target.name}.png")
        save_picture(self._points(meant, counters, axis), target)
        self._say(f"{meant.label} drawn: {target.resolve()}")

    def draw_loop(self, loop: Loop) -> None:
        """Plot what a regulation loop did of late: what `temp.plot()` does."""
        width, height, plain = self._room()
        self._say(loop_plot(loop, width, height * 3 // 2, plain=plain))

    def _room(self) -> tuple[int, int, bool]:
        """Width and height of a plot, and whether the terminal has ASCII alone."""
        height = min(HEIGHT, max(self._console.height - 6, 8))
        return self._console.width, height, "utf" not in self._console.encoding.lower()

    def _points(self, scan: Results, counters: Sequence[Which], axis: Over) -> Points:
        archived = [str(one) for one in counters if is_archived(one)]
        if archived:
            rest = [one for one in counters if not is_archived(one)]
            return over_scan(self._ask, scan, archived, rest, axis)
        return scan.points(*(counters or self._selection.of(scan)), axis=axis)

    def _meant(self, verb: str, which: Any) -> Results:
        """The scan that is meant by a number from 1 on, a place from -1 back, a path, or the scan itself."""
        if isinstance(which, Results):
            return which
        if isinstance(which, bool) or not isinstance(which, int | str):
            raise BadValue(f"{verb}: takes the number of a scan, -1 for the newest, a scan or a path, not {which!r}")
        if isinstance(which, int):
            newest: Results = self._history.newest() if which == -1 else self._one(which)
            return newest
        found: Results = self._history[which]
        return found

    def _one(self, which: int) -> Results:
        found: Results = self._history.number(which) if which > 0 else self._history[which]
        return found

    def _say(self, text: str) -> None:
        if text:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _nobody(_: object) -> Any:
    raise NotFound("there is no data logger here, so nobody knows")


def _name(counter: Which | None) -> str:
    name = counter if isinstance(counter, str) else getattr(counter, "name", None)
    if not isinstance(name, str) or not name:
        raise BadValue(f"plotselect: takes counters or their names, not {counter!r}")
    return name


def _name_of(axis: Over) -> str:
    return axis if isinstance(axis, str) else getattr(axis, "name", "")


def _told(scan: Results, counter: str, axis: Over) -> str:
    """Where the peak of a curve is; empty if there is none to be found."""
    try:
        curve = scan.curve(counter, axis)
        curve.require_signal()
        return f"peak {curve.y.max():.6g} at {curve.peak:.6g}, cen {curve.cen:.6g}, fwhm {curve.fwhm:.6g}"
    except RondaError:
        return ""


def _beside(scan: Results) -> Path:
    file = Path(getattr(scan, "file", "") or f"{scan.label.replace(' ', '_')}.h5")
    return (file if os.access(file.parent, os.W_OK) else Path(file.name)).with_suffix(".png")
