"""Continuous scans: the axis moves while devices measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from ronda.framework.clients.axis import Axis
from ronda.framework.errors import BadValue
from ronda.framework.scan import shapes
from ronda.framework.scan.arguments import MOST_POINTS, a_number, an_axis, exposure_time, whole
from ronda.framework.scan.continuous import Continuous, Room, check_sweep, choose_triggers
from ronda.framework.scan.making import Maker, Options
from ronda.framework.scan.measured import Measured
from ronda.framework.scan.own import OwnScan
from ronda.framework.scan.plan import Grid
from ronda.framework.scan.sources import sources
from ronda.framework.scan.sweep import Line


class ContinuousScans(Maker):
    """Scans whose axis does not stop at points; see `Scans`."""

    def fscan(
        self,
        axis: Axis | str,
        start: float,
        step: float,
        npoints: int,
        time: float,
        *counters: Measured,
        backnforth: bool = False,
        sweeps: int | None = None,
        triggers: str = "",
        **options: Unpack[Options],
    ) -> OwnScan:
        """Sweep an axis while counters measure, each point for so many s: fscan(samy, -1, 0.01, 200, 0.01, diode).

        It begins to move before the start, so that it has its velocity there, and brakes behind the end.

        Args:
            axis: which.
            start: where the first point begins, in the axis's unit.
            step: from the beginning of one point to that of the next; its sign is the direction.
            npoints: number of points.
            time: of each point in s; step / time is the velocity.
            counters: what to measure.
            backnforth: whether to sweep back as well, which measures as many points again.
            sweeps: how often it sweeps, with `backnforth` each second time from the end; once, or there and back, if
                nothing is said.
            triggers: "hardware" or "software"; hardware if all devices can, if nothing is said.
            options: see `Options`.

        Raises:
            OutOfRange: the axis cannot sweep so fast, so slowly, or so far.
            NotAllowed: a device cannot take part.
        """
        name = "fscan"
        one = an_axis(self.beamline, name, axis)
        line = self._line(name, one, start, step, npoints, time)
        count = (2 if backnforth else 1) if sweeps is None else whole(name, "the number of sweeps", sweeps)
        lines = [back(line) if backnforth and number % 2 else line for number in range(count)]
        keywords = {"backnforth": backnforth} | ({} if sweeps is None else {"sweeps": count})
        shown = [one, start, step, line.npoints, time]
        return self._sweep(name, shown, one, lines, counters, triggers, options, keywords=keywords)

    def fmesh(
        self,
        slow: Axis | str,
        slow_start: float,
        slow_stop: float,
        intervals: int,
        fast: Axis | str,
        start: float,
        step: float,
        npoints: int,
        time: float,
        *counters: Measured,
        backnforth: bool = False,
        triggers: str = "",
        **options: Unpack[Options],
    ) -> OwnScan:
        """Sweep an axis at each position of a slow one: fmesh(samz, -0.2, 0, 10, samy, 0, 0.01, 30, 0.01, diode).

        Args:
            slow: which steps from line to line.
            slow_start, slow_stop: first and last position of it, in its unit.
            intervals: number of its steps; there is one line more.
            fast: which sweeps, as in fscan.
            start, step, npoints, time: of each line, as in fscan.
            counters: what to measure.
            backnforth: whether every second line is swept from its end, which saves the way back.
            triggers, options: as in fscan.

        Raises:
            as fscan.
        """
        name = "fmesh"
        stepped, swept = (an_axis(self.beamline, name, axis) for axis in (slow, fast))
        first, last = (
            a_number(name, f"start and stop of {stepped.name}", end, stepped.unit) for end in (slow_start, slow_stop)
        )
        rows = shapes.line(first, last, whole(name, "the number of intervals", intervals))
        line = self._line(name, swept, start, step, npoints, time)
        lines = [back(line) if backnforth and number % 2 else line for number in range(len(rows))]
        middles = tuple(line.start + (place + 0.5) * line.step for place in range(line.npoints))
        return self._sweep(
            name,
            [stepped, slow_start, slow_stop, len(rows) - 1, swept, start, step, line.npoints, time],
            swept,
            lines,
            counters,
            triggers,
            options,
            slow=[stepped],
            slow_positions=[(position,) for position in rows],
            grid=Grid((stepped.name, swept.name), (rows, middles), backnforth),
            keywords={"backnforth": backnforth},
        )

    def _sweep(
        self,
        name: str,
        shown: Sequence[Any],
        axis: Axis,
        lines: Sequence[Line],
        counters: Sequence[Measured],
        triggers: str,
        options: Options,
        *,
        slow: Sequence[Axis] = (),
        slow_positions: Sequence[tuple[float, ...]] = (),
        keywords: Mapping[str, Any],
        **more: Any,
    ) -> OwnScan:
        points = sum(line.npoints for line in lines)
        if points > MOST_POINTS:
            raise BadValue(f"{name}: {points} points are too many; a scan has at most {MOST_POINTS}")
        swept = check_sweep(axis, lines[0])
        chosen = self.counters(name, counters)
        measuring = sources(self.beamline, chosen)
        room = Room.find(self.beamline, axis, lines, swept, measuring, lambda line: check_sweep(axis, line))
        lines, swept = room.lines, room.swept
        how, why = choose_triggers(
            self.beamline, name, axis, swept, measuring, triggers, lines[0].time, without=room.without
        )
        continuous = Continuous(axis, tuple(lines), swept, tuple(slow_positions), how, why)
        if options.get("run", True):
            self.beamline.tell(why)
        return self.make(
            name,
            shown,
            lines[0].time,
            chosen,
            options,
            points=points,
            axes=[*slow, axis],
            continuous=continuous,
            keywords={**keywords, "triggers": triggers},
            **more,
        )

    def _line(self, name: str, axis: Axis, start: Any, step: Any, npoints: Any, time: Any) -> Line:
        return Line(
            a_number(name, f"the start of {axis.name}", start, axis.unit),
            a_number(name, f"the step of {axis.name}", step, axis.unit),
            whole(name, "the number of points", npoints),
            exposure_time(name, time),
        )


def back(line: Line) -> Line:
    """The same points in the other direction."""
    return Line(line.start + line.npoints * line.step, -line.step, line.npoints, line.time)
