"""Scans of an area: meshes and spirals of two axes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, Unpack

from ronda.framework.clients.axis import Axis
from ronda.framework.errors import BadValue
from ronda.framework.scan.arguments import MOST_POINTS, a_number, above_zero, an_axis, whole
from ronda.framework.scan.making import Maker, Options, points_of
from ronda.framework.scan.measured import Measured
from ronda.framework.scan.own import OwnScan
from ronda.framework.scan.plan import Grid
from ronda.framework.scan.shapes import line, mesh, spiral, spiral_fermat


class AreaScans(Maker):
    """Two axes that cover an area; see `Scans`."""

    def amesh(
        self,
        axis1: Axis | str,
        start1: float,
        stop1: float,
        intervals1: int,
        axis2: Axis | str,
        start2: float,
        stop2: float,
        intervals2: int,
        time: float,
        *counters: Measured,
        backnforth: bool = False,
        **options: Unpack[Options],
    ) -> OwnScan:
        """Measure a lattice, the first axis is the fast one: amesh(samy, -1, 1, 20, samz, -1, 1, 10, 0.1, diode).

        Args:
            axis1, start1, stop1, intervals1: the fast axis, in its unit; one point more than intervals.
            axis2, start2, stop2, intervals2: the slow axis.
            time: exposure time of each point in s.
            counters: what to measure.
            backnforth: measure every second row from its end.
            options: see `Options`.
        """
        lines = [(axis1, start1, stop1, intervals1), (axis2, start2, stop2, intervals2)]
        return self._mesh("amesh", lines, time, counters, backnforth, options)

    def dmesh(
        self,
        axis1: Axis | str,
        start1: float,
        stop1: float,
        intervals1: int,
        axis2: Axis | str,
        start2: float,
        stop2: float,
        intervals2: int,
        time: float,
        *counters: Measured,
        backnforth: bool = False,
        **options: Unpack[Options],
    ) -> OwnScan:
        """As amesh, counted from where the axes stand; they go back there."""
        lines = [(axis1, start1, stop1, intervals1), (axis2, start2, stop2, intervals2)]
        return self._mesh("dmesh", lines, time, counters, backnforth, options)

    def spiral(
        self,
        axis1: Axis | str,
        centre1: float,
        range1: float,
        axis2: Axis | str,
        centre2: float,
        range2: float,
        dr: float,
        nth: float,
        time: float,
        *counters: Measured,
        **options: Unpack[Options],
    ) -> OwnScan:
        """Rings dr apart around a centre, nth points on the first: spiral(samy, 0, 1, samz, 0, 1, 0.1, 6, 0.1, diode).

        Args:
            axis1, axis2: which.
            centre1, centre2: middle of the rings, in the axes' unit.
            range1, range2: whole width and height of the rectangle outside of which nothing is measured.
            dr: distance between two rings.
            nth: points on the first ring; ring i has i times as many.
            time: exposure time of each point in s.
            counters: what to measure.
            options: see `Options`.
        """
        place = (axis1, centre1, range1, axis2, centre2, range2)
        return self._spiral("spiral", place, dr, nth, time, counters, options)

    def rel_spiral(
        self,
        axis1: Axis | str,
        range1: float,
        axis2: Axis | str,
        range2: float,
        dr: float,
        nth: float,
        time: float,
        *counters: Measured,
        **options: Unpack[Options],
    ) -> OwnScan:
        """As spiral, around where the axes stand; they go back: rel_spiral(samy, 1, samz, 1, 0.1, 6, 0.1, diode)."""
        place = (axis1, None, range1, axis2, None, range2)
        return self._spiral("rel_spiral", place, dr, nth, time, counters, options)

    def spiral_fermat(
        self,
        axis1: Axis | str,
        centre1: float,
        range1: float,
        axis2: Axis | str,
        centre2: float,
        range2: float,
        dr: float,
        factor: float,
        time: float,
        *counters: Measured,
        **options: Unpack[Options],
    ) -> OwnScan:
        """Fermat's spiral around a centre: spiral_fermat(samy, 0, 1, samz, 0, 1, 0.05, 1, 0.1, diode).

        Args:
            axis1, centre1, range1, axis2, centre2, range2: as for `spiral`.
            dr, factor: point n lies dr / factor · √n from the centre, 137.508° further round than the last.
            time: exposure time of each point in s.
            counters: what to measure.
            options: see `Options`.
        """
        place = (axis1, centre1, range1, axis2, centre2, range2)
        return self._spiral("spiral_fermat", place, dr, factor, time, counters, options)

    def rel_spiral_fermat(
        self,
        axis1: Axis | str,
        range1: float,
        axis2: Axis | str,
        range2: float,
        dr: float,
        factor: float,
        time: float,
        *counters: Measured,
        **options: Unpack[Options],
    ) -> OwnScan:
        """As spiral_fermat, around where the axes stand; they go back there."""
        place = (axis1, None, range1, axis2, None, range2)
        return self._spiral("rel_spiral_fermat", place, dr, factor, time, counters, options)

    # -- tools

    def _mesh(
        self,
        name: str,
        lines: Sequence[tuple[Axis | str, float, float, int]],
        time: Any,
        counters: Sequence[Measured],
        backnforth: bool,
        options: Options,
    ) -> OwnScan:
        """A lattice; the fast axis comes first."""
        axes: list[Axis] = []
        places: list[tuple[float, ...]] = []
        shown: list[Any] = []
        points = 1
        for which, start, stop, intervals in lines:
            axis = an_axis(self.beamline, name, which)
            for end in (start, stop):
                a_number(name, f"start and stop of {axis.name}", end, axis.unit)
            number = whole(name, f"the number of intervals of {axis.name}", intervals)
            points *= number + 1
            if points > MOST_POINTS:
                raise BadValue(f"{name}: a lattice of {points} points; a scan has at most {MOST_POINTS}")
            axes.append(axis)
            places.insert(0, line(start, stop, number))
            shown += [axis, start, stop, number]
        relative = name == "dmesh"
        grid = Grid(tuple(axis.name for axis in reversed(axes)), tuple(places), bool(backnforth), relative)
        targets = [tuple(reversed(point)) for point in mesh(places, backnforth=bool(backnforth))]
        return self.make(
            name,
            [*shown, time],
            time,
            counters,
            options,
            axes=axes,
            targets=targets,
            relative=relative,
            grid=grid,
            keywords={"backnforth": grid.backnforth},
        )

    def _spiral(
        self,
        name: str,
        place: tuple[Axis | str, float | None, float, Axis | str, float | None, float],
        dr: float,
        density: float,
        time: Any,
        counters: Sequence[Measured],
        options: Options,
    ) -> OwnScan:
        fermat = name.endswith("fermat")
        axes: list[Axis] = []
        centres: list[float] = []
        ranges: list[float] = []
        shown: list[Any] = []
        for which, centre, extent in (place[:3], place[3:]):
            axis = an_axis(self.beamline, name, which)
            axes.append(axis)
            given = [] if centre is None else [centre]
            centres.append(a_number(name, f"the centre of {axis.name}", centre, axis.unit) if given else 0.0)
            ranges.append(above_zero(name, f"the range of {axis.name}", extent, axis.unit))
            shown += [axis, *given, extent]
        above_zero(name, "dr", dr, axes[0].unit)
        above_zero(name, "factor" if fermat else "nth", density)
        shape = spiral_fermat if fermat else spiral
        found = list(islice(shape(ranges[0], ranges[1], dr, density), MOST_POINTS + 1))
        if len(found) > MOST_POINTS:
            raise BadValue(f"{name}: more than {MOST_POINTS} points; make dr larger")
        targets = points_of(name, [(centres[0] + x, centres[1] + y) for x, y in found])
        return self.make(
            name,
            [*shown, dr, density, time],
            time,
            counters,
            options,
            axes=axes,
            targets=targets,
            relative=name.startswith("rel"),
            scatter=True,
        )
