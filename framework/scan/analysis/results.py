"""What a scan has measured, running or ended: its data by channel, where its peak is, and going there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.counter import Counter
from ronda.framework.clients.going import go_together
from ronda.framework.errors import BadValue, NotFound, NotReady, OutOfRange
from ronda.framework.nexus import words
from ronda.framework.scan.analysis.contents import ELAPSED, Contents
from ronda.framework.scan.analysis.curve import Curve
from ronda.framework.scan.analysis.fits import Fit, fit
from ronda.framework.scan.analysis.points import Column, Points, latest_spectra

Array = npt.NDArray[Any]

Place = float | dict[str, float]
"""A position of the axis of a scan; of several axes a position of each, by name."""


class Data(Mapping[str, Array]):
    """The data of a scan by channel, as numpy arrays of all points that there are now; axis 0 is the point."""

    def __init__(self, results: Results) -> None:
        self._results = results

    def __getitem__(self, name: str) -> Array:
        return self._results[name]

    def __contains__(self, name: object) -> bool:
        return name in self._results.channels()

    def __iter__(self) -> Iterator[str]:
        return iter(self._results.channels())

    def __len__(self) -> int:
        return len(self._results.channels())

    def __repr__(self) -> str:
        return f"<data of {self._results.label}: {', '.join(self)}>"


class Results:
    """What every scan can be asked, whether it runs, has ended, or stands in a file. Subclasses say where its data are.

    A counter is given as an object or by name; the first one of the scan if none is. Methods raise BadValue if the scan
    has no such counter or axis, no signal, or too few points, and CommunicationFailed or ServiceFailed if its data
    cannot be reached.
    """

    # -- for subclasses

    def contents(self) -> Contents:
        """What it has."""
        raise NotImplementedError

    def channels(self) -> list[str]:
        """Names of all its channels."""
        raise NotImplementedError

    def read(self, name: str) -> Array:
        """All points of a channel that there are now."""
        raise NotImplementedError

    @property
    def label(self) -> str:
        """What people call it: `scan 12`."""
        raise NotImplementedError

    @property
    def where_from(self) -> Beamline | None:
        """The beamline on which its axes are; None if there is none."""
        raise NotImplementedError

    # -- data

    @property
    def data(self) -> Data:
        """Its data by channel."""
        return Data(self)

    def __getitem__(self, name: str | Counter | Axis) -> Array:
        key = name if isinstance(name, str) else name.name
        known = self.channels()
        if key not in known:
            raise NotFound(f"{self.label}: has no channel {key}; there are {', '.join(known)}")
        return self.read(key)

    # -- the curve

    def curve(self, counter: Counter | str | None = None, axis: Axis | str | None = None) -> Curve:
        """Values of a counter over the positions of an axis.

        Args:
            counter: which; the first of the scan if None.
            axis: which; the first that moves if None, the time if nothing moves, or for a counter of a sub-scan.

        Raises:
            BadValue: its points cover an area, so that this is no curve.
        """
        contents = self.contents()
        signal = self._counter(counter, contents)
        over = self._axis(axis, contents, signal)
        who = f"{self.label}, {signal} over {over}"
        if contents.area and signal not in contents.timers:
            raise BadValue(f"{who}: the points cover an area, and this is no curve; peak(), trough() and com() do")
        (x, y) = self._together(over, signal)
        return Curve.of(x, y, who)

    def points(self, *counters: Counter | str, axis: Axis | str | None = None) -> Points:
        """The points that there are now, for a plot.

        Args:
            counters: which; the first of the scan if none is given.
            axis: over which; the first that moves if None, two if the points cover an area, the time if nothing moves.
                What has a row of numbers at each point is over these numbers, and the latest row is told.
        """
        contents = self.contents()
        names = [one if isinstance(one, str) else getattr(one, "name", repr(one)) for one in counters]
        if names and axis is None and all(name in contents.spectra for name in names):
            found = {name: contents.spectra[name] for name in names}
            return latest_spectra(self.label, found, {name: self[name] for name in names})
        signals = [self._counter(counter, contents) for counter in counters or [None]]
        timed = {contents.timers.get(signal, "") for signal in signals}
        if len(timed) > 1:
            told = ", ".join(f"{signal} over {contents.timers.get(signal, 'the scan')}" for signal in signals)
            raise BadValue(f"{self.label}: these are not measured at the same times: {told}; look at them one by one")
        if contents.area and axis is None and len(contents.axes) > 1 and not any(timed):
            over = list(contents.axes)[:2]
        else:
            over = [self._axis(axis, contents, signals[0])]
        units = {ELAPSED: "s", **dict.fromkeys(contents.timers.values(), "s"), **contents.axes, **contents.counters}
        columns = [
            Column(name, units[name], values)
            for name, values in zip([*over, *signals], self._together(*over, *signals), strict=True)
        ]
        title = str(getattr(self, "title", ""))
        return Points(f"{self.label}  {title}".rstrip(), tuple(columns[: len(over)]), tuple(columns[len(over) :]))

    def peak(self, counter: Counter | str | None = None, axis: Axis | str | None = None) -> Place:
        """Where the value is highest."""
        return self._extreme(counter, axis, highest=True)

    def trough(self, counter: Counter | str | None = None, axis: Axis | str | None = None) -> Place:
        """Where the value is lowest."""
        return self._extreme(counter, axis, highest=False)

    def cen(self, counter: Counter | str | None = None, axis: Axis | str | None = None) -> Place:
        """The middle of the two places where the value is half-way from lowest to highest; of an edge the one there is.

        A dip is a curve whose ends lie above that level.
        """
        return self._of_curve("cen", counter, axis)

    def com(self, counter: Counter | str | None = None, axis: Axis | str | None = None) -> Place:
        """The centre of mass of what stands out of the lowest value; of a dip, of what is missing to the highest."""
        contents = self.contents()
        signal = self._counter(counter, contents)
        if not contents.area or signal in contents.timers:
            return self._of_curve("com", counter, axis)
        names = [self._axis(axis, contents)] if axis is not None else list(contents.axes)
        *positions, values = self._together(*names, signal)
        good = np.isfinite(values)
        values = values[good]
        if not values.size or values.min() == values.max():
            raise BadValue(f"{self.label}, {signal}: there is no signal")
        weight = values - values.min()
        found = {
            name: float((place[good] * weight).sum() / weight.sum())
            for name, place in zip(names, positions, strict=True)
        }
        return found[names[0]] if len(names) == 1 else found

    def fwhm(self, counter: Counter | str | None = None, axis: Axis | str | None = None) -> float:
        """The distance between the two places where the value is half-way between lowest and highest."""
        return self.curve(counter, axis).fwhm

    def fit(
        self,
        shape: str = "gauss",
        counter: Counter | str | None = None,
        axis: Axis | str | None = None,
        background: str = "constant",
    ) -> Fit:
        """Fit a shape: gauss, lorentz, pseudo_voigt or erf, with a background: none, constant or linear."""
        contents = self.contents()
        curve = self.curve(counter, axis)
        signal = self._counter(counter, contents)
        over = self._axis(axis, contents, signal)
        units = (contents.axes.get(over, "s"), contents.counters[signal])
        return fit(curve, shape, background, counts=units[1] == "count", units=units)

    # -- going there

    def goto_peak(self, counter: Counter | str | None = None, axis: Axis | str | None = None) -> Place:
        """Move the axes of the scan to where the value is highest, and wait; returns where that is."""
        return self.go("peak", counter, axis)

    def goto_trough(self, counter: Counter | str | None = None, axis: Axis | str | None = None) -> Place:
        """Move the axes of the scan to where the value is lowest, and wait."""
        return self.go("trough", counter, axis)

    def goto_cen(self, counter: Counter | str | None = None, axis: Axis | str | None = None) -> Place:
        """Move the axes of the scan to the middle of the half-maximum crossings, and wait."""
        return self.go("cen", counter, axis)

    def goto_com(self, counter: Counter | str | None = None, axis: Axis | str | None = None) -> Place:
        """Move the axes of the scan to the centre of mass, and wait."""
        return self.go("com", counter, axis)

    def went(
        self, what: str, place: Place, counter: Counter | str | None = None, axis: Axis | str | None = None
    ) -> str:
        """A sentence about a place to which its axes were moved, as `go` returned it; it names the counter."""
        units = self.contents().axes
        name = next(iter(units)) if axis is None else axis if isinstance(axis, str) else axis.name
        places = place if isinstance(place, dict) else {name: place}
        there = ", ".join(f"{name} {at:.6g} {units[name]}".rstrip() for name, at in places.items())
        return f"{self.label}, {self.signal(counter)}: {what} is at {there}, moved there"

    def signal(self, counter: Counter | str | None = None) -> str:
        """Name of the counter that is looked at."""
        return self._counter(counter, self.contents())

    def go(self, what: str, counter: Counter | str | None = None, axis: Axis | str | None = None) -> Place:
        """Move to a place of the curve; all axes, or none if one may not go there.

        Args:
            what: `peak`, `trough`, `cen` or `com`.

        Raises:
            NotReady: the scan moved nothing.
            OutOfRange: the place is outside of what was scanned, or outside the limits of an axis.
            Busy, NotAllowed, HardwareFault: an axis cannot move.
        """
        contents = self.contents()
        if not contents.axes:
            raise NotReady(f"{self.label}: moved no axis, so there is nowhere to go")
        if (signal := self._counter(counter, contents)) in contents.timers:
            raise NotReady(
                f"{self.label}: {signal} is measured by a timer, not where axes stand; there is nowhere to go"
            )
        self._extent_of_signal(counter, contents)
        place: Place = getattr(self, what)(counter, axis)
        names = [self._axis(axis, contents)] if axis is not None else list(contents.axes)
        places = place if isinstance(place, dict) else {names[0]: place}
        moves = []
        for name, target in places.items():
            scanned = self[name]
            low, high = float(np.nanmin(scanned)), float(np.nanmax(scanned))
            unit = contents.axes[name]
            if not low <= target <= high:
                raise OutOfRange(
                    f"{self.label}: {what} of {name} is {target:g} {unit}, outside of what was scanned, "
                    f"[{low:g}, {high:g}] {unit}"
                )
            moves.append((self._axis_object(name), target))
        go_together(moves, f"goto_{what} of {self.label}")
        return place

    def where(self, counter: Counter | str | None = None) -> str:
        """A sentence for each axis: where it stands now, in what was scanned, and what was measured there."""
        contents = self.contents()
        if not contents.axes:
            return f"{self.label}: moved no axis"
        signal = self._counter(counter, contents)
        timed = signal in contents.timers
        lines = []
        for name, unit in contents.axes.items():
            now = self._axis_object(name).position
            x, y = self._together(name, name if timed else signal)
            good = np.isfinite(x) & np.isfinite(y)
            if not good.any():
                lines.append(f"{name} stands at {now:g} {unit}; {self.label} has no points yet")
                continue
            low, high = float(x[good].min()), float(x[good].max())
            sentence = f"{name} stands at {now:g} {unit}; {self.label} went from {low:g} to {high:g} {unit}"
            if not low <= now <= high:
                sentence += ", it stands outside"
            elif not contents.area and not timed:
                order = np.argsort(x[good], kind="stable")
                value = float(np.interp(now, x[good][order], y[good][order]))
                sentence += f", and {signal} was {value:g} {contents.counters[signal]} there".replace("  ", " ")
            lines.append(sentence)
        return "\n".join(lines)

    # -- tools

    def _of_curve(self, what: str, counter: Counter | str | None, axis: Axis | str | None) -> Place:
        """A place of the curve; without an axis, of each axis that moved."""
        contents = self.contents()
        if axis is not None or len(contents.axes) < 2 or self._counter(counter, contents) in contents.timers:
            return float(getattr(self.curve(counter, axis), what))
        found = {}
        for name in contents.axes:
            positions = self[name]
            if positions.size and positions.min() == positions.max():
                found[name] = float(positions[0])  # a step of nothing
            else:
                found[name] = float(getattr(self.curve(counter, name), what))
        return found

    def _extreme(self, counter: Counter | str | None, axis: Axis | str | None, *, highest: bool) -> Place:
        contents = self.contents()
        signal = self._counter(counter, contents)
        one = axis is not None or len(contents.axes) < 2 or signal in contents.timers
        names = [self._axis(axis, contents, signal)] if one else list(contents.axes)
        *positions, values = self._together(*names, signal)
        if not np.isfinite(values).any():
            raise BadValue(f"{self.label}, {signal}: has no points yet")
        place = int(np.nanargmax(values) if highest else np.nanargmin(values))
        found = {name: float(each[place]) for name, each in zip(names, positions, strict=True)}
        return found[names[0]] if len(names) == 1 else found

    def _extent_of_signal(self, counter: Counter | str | None, contents: Contents) -> None:
        """Refuse to go anywhere by noise."""
        signal = self._counter(counter, contents)
        over = self._axis(None, contents)
        if contents.area:
            values = self[signal]
            good = values[np.isfinite(values)]
            Curve.of(np.arange(len(good)), good, f"{self.label}, {signal}").require_signal()
        else:
            x, y = self._together(over, signal)
            Curve.of(x, y, f"{self.label}, {signal} over {over}").require_signal()

    def _together(self, *names: str) -> list[Array]:
        """Channels, as far as all of them are there, without points that a suspender spoilt."""
        columns = [self[name] for name in names]
        timed = set(names) & self.contents().timers.keys()
        valid = self[words.VALID] if words.VALID in self.channels() and not timed else None
        shortest = min(map(len, [*columns, *([] if valid is None else [valid])]))
        found = [np.asarray(column[:shortest], np.float64) for column in columns]
        return found if valid is None else [column[valid[:shortest] != 0] for column in found]

    def _counter(self, given: Counter | str | None, contents: Contents) -> str:
        known = ", ".join(contents.counters) or "none"
        if given is None:
            if not contents.counters:
                raise BadValue(f"{self.label}: has no counter of single values")
            return next(iter(contents.counters))
        name = given if isinstance(given, str) else getattr(given, "name", repr(given))
        if name not in contents.counters:
            raise BadValue(f"{self.label}: {name} is not a counter of this scan; there are {known}")
        return name

    def _axis(self, given: Axis | str | None, contents: Contents, signal: str = "") -> str:
        """Over what a signal is looked at; of any counter that the scan itself measures if nothing is said."""
        timer = contents.timers.get(signal, "")
        if timer and given is not None:
            raise BadValue(f"{self.label}: {signal} is measured by a timer, not where axes stand; look at it over time")
        if timer:
            return timer
        if given is None:
            moved = [name for name in contents.axes if np.ptp(self[name]) > 0] if len(contents.axes) > 1 else []
            return next(iter(moved or contents.axes), ELAPSED)
        name = given if isinstance(given, str) else getattr(given, "name", repr(given))
        if name not in contents.axes:
            known = ", ".join(contents.axes) or "none"
            raise BadValue(f"{self.label}: {name} is not an axis of this scan; there are {known}")
        return name

    def _axis_object(self, name: str) -> Axis:
        beamline = self.where_from
        if beamline is None:
            raise NotReady(f"{self.label}: is read from a file, which cannot move {name}; give its place to mv")
        found = beamline[name]
        if not isinstance(found, Axis):
            raise BadValue(f"{self.label}: {name} is not an axis of this beamline")
        return found
