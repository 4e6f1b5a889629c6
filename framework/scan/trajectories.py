"""Scans along a trajectory: several axes pass given positions at given times, without stopping."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import BadValue, NotAllowed
from ronda.framework.scan.along import Along, check_trajectory, swept_of
from ronda.framework.scan.arguments import MOST_POINTS, an_axis, different_axes, exposure_time, whole
from ronda.framework.scan.continuous import Room, choose_triggers, gated, is_wired
from ronda.framework.scan.making import Maker, Options
from ronda.framework.scan.measured import Measured
from ronda.framework.scan.own import OwnScan
from ronda.framework.scan.sources import sources
from ronda.framework.scan.sweep import ROUNDING, Line
from ronda.framework.scan.trajectory import MOST_KNOTS, Floats, Trajectory, through
from ronda.framework.scan.virtual_axes import VirtualAxes

NAME = "ftrajectory"

FINE = 200
"""Parts into which a function, or the way of computed axes, is divided at least."""

FINEST = 2000
"""Parts into which it is divided at most."""

SHOWN_DIGITS = 6
"""Of positions, behind the decimal point, in the command as it is told."""

WAY = "way"

Positions = Sequence[Sequence[float]] | npt.NDArray[np.float64] | Callable[[float], Sequence[float]]


class TrajectoryScans(Maker):
    """Scans along a trajectory; see `Scans`."""

    def ftrajectory(
        self,
        axes: Sequence[Axis | str],
        positions: Positions,
        npoints: int,
        time: float,
        *counters: Measured,
        times: Sequence[float] | str | None = None,
        passes: int = 1,
        triggers: str = "",
        **options: Unpack[Options],
    ) -> OwnScan:
        """Let axes pass positions one after the other without a stop: ftrajectory([samy, samz], rows, 200, 0.01, i0).

        The controller moves them on a smooth way through all positions (a cubic spline). It runs up, so that they have
        their velocities at the first position, and brakes behind the last.

        Args:
            axes: which; all of one controller, or computed from axes of one.
            positions: k rows, each with a position of every axis; or a function of the time in s, from 0 to npoints ×
                time, that gives such a row.
            npoints: number of points along the way.
            time: of each point in s; npoints × time is that of the way.
            counters: what to measure.
            times: when each row is passed, in s from 0 to npoints × time; "way" for a velocity that is the same
                everywhere, by the straight distances between rows; at equal intervals of time, if nothing is said.
            passes: how often; every second one goes back.
            triggers: as in fscan.
            options: see `Options`.

        Raises:
            OutOfRange: an axis would leave its limits, or would have to be too fast.
            NotAllowed: an axis cannot take part, or a device.
            BadValue: an argument means nothing.
        """
        given = [an_axis(self.beamline, NAME, axis) for axis in _some(axes)]
        different_axes(NAME, given)
        number, seconds = whole(NAME, "the number of points", npoints), exposure_time(NAME, time)
        repeated = whole(NAME, "the number of passes", passes)
        if number * repeated > MOST_POINTS:
            raise BadValue(f"{NAME}: {number * repeated} points are too many; a scan has at most {MOST_POINTS}")
        wanted = _wanted(given, positions, times, number * seconds, number)
        way, real = self._real(given, wanted, number)
        controller = _controller(real)
        lines = [_pass(number, seconds, back=bool(each % 2)) for each in range(repeated)]
        swept = swept_of(check_trajectory(controller, way, lines[0]), lines[0])
        chosen = self.counters(NAME, counters)
        measuring = sources(self.beamline, chosen)
        cards = gated(measuring)
        wired = (one for one in real if all(is_wired(self.beamline, one, card) for card in cards))
        output = next(wired, real[0])
        room = Room.find(
            self.beamline,
            output,
            lines,
            swept,
            measuring,
            lambda line: swept_of(check_trajectory(controller, way, line), line),
        )
        lines, swept = room.lines, room.swept
        how, why = choose_triggers(
            self.beamline, NAME, output, swept, measuring, triggers, seconds, moving=real, without=room.without
        )
        along = Along(
            output, tuple(lines), swept, (), how, why, way=way, real=real, given=tuple(given), controller=controller
        )
        if options.get("run", True):
            self.beamline.tell(why)
        typed = getattr(positions, "__name__", "function") if callable(positions) else np.round(positions, SHOWN_DIGITS)
        return self.make(
            NAME,
            [given, typed, number, seconds],
            seconds,
            chosen,
            options,
            points=number * repeated,
            axes=real,
            continuous=along,
            scatter=len(given) > 1,
            keywords={"times": times, "passes": repeated if repeated > 1 else None, "triggers": triggers},
        )

    def _real(self, given: Sequence[Axis], wanted: Trajectory, npoints: int) -> tuple[Trajectory, tuple[Axis, ...]]:
        """The way of the real axes, and which these are.

        Raises:
            OutOfRange: a computed axis has no position there.
            NotAllowed: one is computed from computed ones.
        """
        virtual = VirtualAxes(self.beamline)
        if not any(virtual.is_computed(one) for one in given):
            return wanted, tuple(given)
        parts = min(max(FINE, npoints, len(wanted.times)), FINEST)
        times = np.unique(np.concatenate([wanted.times, np.linspace(wanted.times[0], wanted.times[-1], parts + 1)]))
        places = wanted.at(times)
        ways = {one.name: (one, places[:, place].tolist()) for place, one in enumerate(given)}
        found = virtual.below(ways)
        for one, _ in found.values():
            if virtual.is_computed(one):
                raise NotAllowed(f"{NAME}: {one.name} is computed from other axes, and others from it; move real ones")
        columns = np.stack([np.array(column) for _, column in found.values()], axis=1)
        return through(tuple(found), times, columns), tuple(one for one, _ in found.values())


def _some(axes: Any) -> Sequence[Axis | str]:
    if isinstance(axes, str | Axis) or not isinstance(axes, Sequence) or not axes:
        raise BadValue(f"{NAME}: axes should be a list of one or more, as in [samy, samz], not {axes!r}")
    return axes


def _wanted(given: Sequence[Axis], positions: Any, times: Any, duration: float, npoints: int) -> Trajectory:
    """The way of the axes that the user named.

    Raises:
        BadValue: this is no way.
    """
    names = [axis.name for axis in given]
    if callable(positions):
        if times is not None:
            raise BadValue(f"{NAME}: a function says itself when it is where; leave times= out")
        moments = np.linspace(0.0, duration, min(max(FINE, npoints), FINEST) + 1)
        rows: Any = [positions(float(moment)) for moment in moments]
    else:
        moments, rows = None, positions
    example = ", ".join(["0", "1"][place % 2] for place in range(len(names)))
    try:
        places = np.array(rows, float)
    except (ValueError, TypeError) as error:
        raise BadValue(f"{NAME}: each position should be a row such as [{example}] for {', '.join(names)}") from error
    if places.ndim == 1 and len(names) == 1:
        places = places[:, None]
    if places.ndim != 2 or places.shape[1] != len(names):
        raise BadValue(
            f"{NAME}: each position should be a row such as [{example}] for {', '.join(names)}; these have the shape "
            f"{places.shape}"
        )
    if not 2 <= len(places) <= MOST_KNOTS:
        raise BadValue(f"{NAME}: a trajectory has from 2 to {MOST_KNOTS} positions, not {len(places)}")
    if not np.isfinite(places).all():
        raise BadValue(f"{NAME}: row {int(np.flatnonzero(~np.isfinite(places).all(axis=1))[0])} is no place")
    if moments is None:
        moments = _moments(given, places, times, duration)
    return through(names, moments, places)


def _moments(given: Sequence[Axis], places: Floats, times: Any, duration: float) -> Floats:
    """When each row is passed, in s.

    Raises:
        BadValue: `times` does not say it.
    """
    if times is None:
        return np.linspace(0.0, duration, len(places))
    if isinstance(times, str):
        if times != WAY:
            raise BadValue(f"{NAME}: times= should be {WAY!r} or a time in s for each row, not {times!r}")
        units = {axis.unit for axis in given}
        if len(units) > 1:
            raise BadValue(f"{NAME}: there is no way in {' and '.join(sorted(units))} at once; give times= in s")
        steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
        if not steps.all():
            raise BadValue(f"{NAME}: row {int(np.flatnonzero(steps == 0)[0]) + 1} is where the one before is")
        return np.concatenate([[0.0], np.cumsum(steps) / steps.sum() * duration])
    try:
        moments = np.array(times, float)
    except (ValueError, TypeError) as error:
        raise BadValue(f"{NAME}: times= should be {WAY!r} or a time in s for each row") from error
    if moments.shape != (len(places),) or not np.isfinite(moments).all() or (np.diff(moments) <= 0).any():
        raise BadValue(f"{NAME}: times= should be {len(places)} rising numbers, one for each row")
    if moments[0] != 0 or abs(moments[-1] - duration) > ROUNDING * duration:
        raise BadValue(
            f"{NAME}: times= go from {moments[0]:g} to {moments[-1]:g} s, and all points from 0 to {duration:g} s; "
            "they should be the same"
        )
    moments[-1] = duration
    return moments


def _controller(real: Sequence[Axis]) -> Remote:
    """That which moves them all together.

    Raises:
        NotAllowed: there is none.
    """
    groups: Mapping[str, Remote] = {one.group.address: one.group for one in real if one.group is not None}
    if len(groups) != 1 or any(one.group is None for one in real):
        raise NotAllowed(
            f"{NAME}: {', '.join(one.name for one in real)} are not all axes of one motor controller of this beamline, "
            "and no other lets axes follow a trajectory together"
        )
    (controller,) = groups.values()
    return controller


def _pass(npoints: int, time: float, *, back: bool) -> Line:
    """In s along the trajectory."""
    return Line(npoints * time, -time, npoints, time) if back else Line(0.0, time, npoints, time)
