"""Step scans along a line or a list of positions, of one axis or of several together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from ronda.framework.clients.axis import Axis
from ronda.framework.errors import BadValue
from ronda.framework.scan.arguments import a_number, an_axis, positions, whole
from ronda.framework.scan.making import Maker, Options
from ronda.framework.scan.measured import Measured
from ronda.framework.scan.own import OwnScan
from ronda.framework.scan.shapes import line, logarithmic

Movement = tuple[Axis | str, float, float]
"""An axis, its first and its last position."""


class StepScans(Maker):
    """Axes that move together from point to point; see `Scans`."""

    def ascan(
        self,
        axis: Axis | str,
        start: float,
        stop: float,
        intervals: int,
        time: float,
        *counters: Measured,
        **options: Unpack[Options],
    ) -> OwnScan:
        """Step an axis from start to stop, measure so many s at each position: ascan(samy, -1, 1, 20, 0.1, diode).

        Args:
            axis: which.
            start, stop: first and last position, in the axis's unit.
            intervals: number of steps; one point more is measured.
            time: exposure time of each point in s; or a list with one for each.
            counters: what to measure.
            options: see `Options`.
        """
        return self._lines("ascan", [(axis, start, stop)], intervals, time, counters, options)

    def a2scan(
        self,
        axis1: Axis | str,
        start1: float,
        stop1: float,
        axis2: Axis | str,
        start2: float,
        stop2: float,
        intervals: int,
        time: float,
        *counters: Measured,
        **options: Unpack[Options],
    ) -> OwnScan:
        """Step two axes together: a2scan(samy, -1, 1, samz, 0, 0.5, 20, 0.1, diode)."""
        moves = [(axis1, start1, stop1), (axis2, start2, stop2)]
        return self._lines("a2scan", moves, intervals, time, counters, options)

    def a3scan(self, *arguments: Any, **options: Unpack[Options]) -> OwnScan:
        """Step three axes together: a3scan(ax1, start1, stop1, …, intervals, time, *counters)."""
        return self._several("a3scan", 3, arguments, options)

    def a4scan(self, *arguments: Any, **options: Unpack[Options]) -> OwnScan:
        """Step four axes together: a4scan(ax1, start1, stop1, …, intervals, time, *counters)."""
        return self._several("a4scan", 4, arguments, options)

    def a5scan(self, *arguments: Any, **options: Unpack[Options]) -> OwnScan:
        """Step five axes together: a5scan(ax1, start1, stop1, …, intervals, time, *counters)."""
        return self._several("a5scan", 5, arguments, options)

    def anscan(
        self,
        moves: Sequence[Movement],
        intervals: int,
        time: float,
        *counters: Measured,
        **options: Unpack[Options],
    ) -> OwnScan:
        """Step any number of axes together: anscan([(samy, -1, 1), (samz, 0, 0.5)], 20, 0.1, diode)."""
        return self._lines("anscan", moves, intervals, time, counters, options, listed=True)

    def dscan(
        self,
        axis: Axis | str,
        start: float,
        stop: float,
        intervals: int,
        time: float,
        *counters: Measured,
        **options: Unpack[Options],
    ) -> OwnScan:
        """As ascan, counted from where the axis stands; it goes back there: dscan(samy, -0.1, 0.1, 20, 0.1, diode).

        It goes back to the position last asked for, also after an error; so do the real axes of a pseudo axis.
        """
        return self._lines("dscan", [(axis, start, stop)], intervals, time, counters, options)

    def d2scan(
        self,
        axis1: Axis | str,
        start1: float,
        stop1: float,
        axis2: Axis | str,
        start2: float,
        stop2: float,
        intervals: int,
        time: float,
        *counters: Measured,
        **options: Unpack[Options],
    ) -> OwnScan:
        """As a2scan, counted from where the axes stand; they go back: d2scan(samy, -1, 1, samz, 0, 1, 20, 0.1)."""
        moves = [(axis1, start1, stop1), (axis2, start2, stop2)]
        return self._lines("d2scan", moves, intervals, time, counters, options)

    def d3scan(self, *arguments: Any, **options: Unpack[Options]) -> OwnScan:
        """As a3scan, counted from where the axes stand; they go back there."""
        return self._several("d3scan", 3, arguments, options)

    def d4scan(self, *arguments: Any, **options: Unpack[Options]) -> OwnScan:
        """As a4scan, counted from where the axes stand; they go back there."""
        return self._several("d4scan", 4, arguments, options)

    def d5scan(self, *arguments: Any, **options: Unpack[Options]) -> OwnScan:
        """As a5scan, counted from where the axes stand; they go back there."""
        return self._several("d5scan", 5, arguments, options)

    def dnscan(
        self,
        moves: Sequence[Movement],
        intervals: int,
        time: float,
        *counters: Measured,
        **options: Unpack[Options],
    ) -> OwnScan:
        """As anscan, counted from where the axes stand; they go back there."""
        return self._lines("dnscan", moves, intervals, time, counters, options, listed=True)

    def lookupscan(
        self,
        moves: Sequence[tuple[Axis | str, Sequence[float]]],
        time: float,
        *counters: Measured,
        **options: Unpack[Options],
    ) -> OwnScan:
        """Step axes through lists of positions: lookupscan([(samy, [0, 1, 3]), (samz, [0, 0, 1])], 0.1, diode)."""
        name = "lookupscan"
        if not isinstance(moves, Sequence) or not moves or any(not _is_tuple(move, 2) for move in moves):
            raise BadValue(f"{name}: the first argument should be a list such as [(samy, [0, 1, 3])], not {moves!r}")
        axes = [an_axis(self.beamline, name, axis) for axis, _ in moves]
        lists = [positions(name, axis, given) for axis, (_, given) in zip(axes, moves, strict=True)]
        for axis, places in zip(axes, lists, strict=True):
            if len(places) != len(lists[0]):
                raise BadValue(
                    f"{name}: {axis.name} has {len(places)} positions and {axes[0].name} {len(lists[0])}; "
                    "all axes need as many"
                )
        shown = [(axis, list(places)) for axis, places in zip(axes, lists, strict=True)]
        targets = list(zip(*lists, strict=True))
        return self.make(name, [shown, time], time, counters, options, axes=axes, targets=targets)

    def pointscan(
        self,
        axis: Axis | str,
        places: Sequence[float],
        time: float,
        *counters: Measured,
        **options: Unpack[Options],
    ) -> OwnScan:
        """Step an axis through a list of positions: pointscan(samy, [0, 6, 12, 18], 0.5, diode)."""
        one = an_axis(self.beamline, "pointscan", axis)
        found = positions("pointscan", one, places)
        targets = [(position,) for position in found]
        return self.make("pointscan", [one, list(found), time], time, counters, options, axes=[one], targets=targets)

    def logscan(
        self,
        axis: Axis | str,
        start: float,
        stop: float,
        intervals: int,
        time: float,
        *counters: Measured,
        **options: Unpack[Options],
    ) -> OwnScan:
        """As ascan, each position the same factor from the last: logscan(s1hg, 0.01, 1, 20, 0.1, diode)."""
        name = "logscan"
        one = an_axis(self.beamline, name, axis)
        first, last = (a_number(name, "start and stop", end, one.unit) for end in (start, stop))
        number = whole(name, "the number of intervals", intervals)
        targets = [(position,) for position in logarithmic(first, last, number)]
        return self.make(name, [one, start, stop, number, time], time, counters, options, axes=[one], targets=targets)

    # -- tools

    def _several(self, name: str, number: int, arguments: Sequence[Any], options: Options) -> OwnScan:
        """A scan of so many axes, whose arguments come in one row as in BLISS."""
        if len(arguments) < 3 * number + 2:
            raise BadValue(
                f"{name}: takes axis, start, stop of each of the {number} axes, then intervals, time and counters; "
                f"{len(arguments)} arguments are too few"
            )
        moves = [tuple(arguments[place : place + 3]) for place in range(0, 3 * number, 3)]
        intervals, time, *counters = arguments[3 * number :]
        return self._lines(name, moves, intervals, time, counters, options)

    def _lines(
        self,
        name: str,
        moves: Sequence[Any],
        intervals: int,
        time: Any,
        counters: Sequence[Measured],
        options: Options,
        *,
        listed: bool = False,
        relative: bool = False,
    ) -> OwnScan:
        if isinstance(moves, str) or not isinstance(moves, Sequence) or not moves:
            raise BadValue(f"{name}: the first argument should be a list such as [(samy, -1, 1)], not {moves!r}")
        for move in moves:
            if not _is_tuple(move, 3):
                raise BadValue(f"{name}: each axis needs its start and stop, as in (samy, -1, 1), not {move!r}")
        axes = [an_axis(self.beamline, name, axis) for axis, _, _ in moves]
        for axis, (_, *ends) in zip(axes, moves, strict=True):
            for end in ends:
                a_number(name, f"start and stop of {axis.name}", end, axis.unit)
        number = whole(name, "the number of intervals", intervals)
        shown = [(axis, start, stop) for axis, (_, start, stop) in zip(axes, moves, strict=True)]
        arguments = [shown] if listed else [one for move in shown for one in move]
        targets = list(zip(*(line(start, stop, number) for _, start, stop in shown), strict=True))
        return self.make(
            name,
            [*arguments, number, time],
            time,
            counters,
            options,
            axes=axes,
            targets=targets,
            relative=relative or name.startswith("d"),
        )


def _is_tuple(thing: Any, length: int) -> bool:
    return isinstance(thing, Sequence) and not isinstance(thing, str) and len(thing) == length
