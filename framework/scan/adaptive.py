"""Scans whose points are chosen by what was measured: aligning, optimising, focusing, a mesh that refines itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Unpack

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.counter import Counter
from ronda.framework.clients.pipeline import Result
from ronda.framework.errors import BadValue
from ronda.framework.scan.analysis.fits import SHAPES
from ronda.framework.scan.arguments import a_number, above_zero, an_axis, different_axes, whole
from ronda.framework.scan.choice import Choice, Course
from ronda.framework.scan.deciding.aligning import CLOSER, FINE, Aligning
from ronda.framework.scan.deciding.optimising import Focusing, Optimising
from ronda.framework.scan.deciding.reach import reach
from ronda.framework.scan.deciding.refining import Refining
from ronda.framework.scan.deciding.searching import COARSE, LOOKS
from ronda.framework.scan.making import Maker, Options
from ronda.framework.scan.measured import Measured
from ronda.framework.scan.own import OwnScan
from ronda.framework.scan.shapes import line

COARSE_POINTS = (COARSE - 1) * 2 ** (LOOKS - 1) + 1
"""Points along a range at most, until something stands out there."""

FIRST_STEPS = 0.25
"""First step of an optimisation, as a part of the width that was given."""

Widths = float | Sequence[float] | None
"""One number of each axis, in its unit; one for all; or None."""


class AdaptiveScans(Maker):
    """Axes that go where the counters say; see `Scans`.

    They go back to where they stood if nothing was found, the scan was stopped, or failed.
    """

    def choose(
        self,
        name: str,
        arguments: Sequence[Any],
        time: float,
        counters: Sequence[Measured],
        options: Options,
        *,
        axes: Sequence[Axis | str],
        bounds: Sequence[tuple[float, float]],
        most: int,
        decide: Callable[[], Course],
        goes_back: bool = True,
        results: Sequence[str] = (),
        keywords: dict[str, Any] | None = None,
        unnamed: Sequence[Measured] = (),
    ) -> OwnScan:
        """A scan whose points a generator chooses while it runs, for scans of your own: see the how-to.

        Args:
            name, arguments: the command as files and tables show it; counters are added.
            time: exposure time of each point in s.
            counters, options: as they were given.
            axes: which move.
            bounds: for each, the lowest and the highest position that may be chosen.
            most: highest number of points.
            decide: begins the choosing: a generator that gives positions, is sent what was measured there, and returns
                where the axes are to be left, or None.
            goes_back: whether the axes go back if that is None.
            results: channels of live analysis that the generator is told of too; each point waits for them, 30 s.
            keywords: of this kind of scan, for its command.
            unnamed: what is measured too, and does not stand in its command.

        Raises:
            BadValue: an argument means nothing.
            and as the generator does.
        """
        chosen = [an_axis(self.beamline, name, axis) for axis in axes]
        if not chosen or len(bounds) != len(chosen):
            raise BadValue(f"{name}: give bounds for each of its axes: {len(bounds)} are given for {len(chosen)}")
        limits = []
        for axis, (low, high) in zip(chosen, bounds, strict=True):
            ends = [a_number(name, f"each bound of {axis.name}", end, axis.unit) for end in (low, high)]
            if not ends[0] < ends[1]:
                raise BadValue(f"{name}: the bounds of {axis.name} should be lowest and highest, not {low!r}, {high!r}")
            limits.append((ends[0], ends[1]))
        choice = Choice(
            decide, tuple(limits), whole(name, "the highest number of points", most), goes_back, tuple(results)
        )
        return self.make(
            name,
            arguments,
            time,
            counters,
            options,
            axes=chosen,
            scatter=len(chosen) > 1,
            keywords=keywords,
            choice=choice,
            unnamed=unnamed,
        )

    def align(
        self,
        axis: Axis | str,
        counter: Counter | Result | str,
        width: float | None = None,
        time: float = 0.1,
        *counters: Measured,
        shape: str = "",
        **options: Unpack[Options],
    ) -> OwnScan:
        """Find a peak, dip or edge, coarse to fine, and go to its middle: align(s1vo, diode), align(s1vo, diode, 2).

        Args:
            axis: which.
            counter: which says it.
            width: where to look, around where the axis stands, in its unit; else wherever it may go.
            time: exposure time of each point in s.
            counters: what else to measure.
            shape: what is fitted in the end: gauss, lorentz, pseudo_voigt or erf; else what it looks like.
            options: see `Options`.

        Raises:
            NotReady: nothing stands out of the noise; the axis is back where it stood.
        """
        name = "align"
        if shape and shape not in SHAPES:
            raise BadValue(f"{name}: there is no shape {shape!r}; there are {', '.join(SHAPES)}")
        (one,), (bounds,), _ = self._where(name, [axis], width)
        figure = self._figure(name, counter)
        shown, keywords = _shown(width, time, counters)
        aligning = Aligning(one, figure.name, figure.unit, *bounds, shape)
        return self._decided(
            name,
            figure,
            [one, figure, *shown],
            time,
            counters,
            options,
            axes=[one],
            bounds=[bounds],
            most=COARSE_POINTS + CLOSER * FINE + 1,
            decide=aligning.decide,
            keywords={**keywords, "shape": shape},
        )

    def optimise(
        self,
        axes: Axis | str | Sequence[Axis | str],
        counter: Counter | Result | str,
        width: Widths = None,
        time: float = 0.1,
        *counters: Measured,
        lowest: bool = False,
        precision: Widths = None,
        most: int = 150,
        **options: Unpack[Options],
    ) -> OwnScan:
        """Go to where a counter is highest, from where the axes stand: optimise([pitch2, m1pitch], diode).

        Several axes by the simplex of Nelder and Mead; one axis whose width is given by golden section.

        Args:
            axes: one, or a list.
            counter: which.
            width: how far they may go around where they stand, one for each axis in its unit, or one for all; else as
                far as they can, and how long steps should be is tried out first.
            time: exposure time of each point in s.
            counters: what else to measure.
            lowest: go to where the counter is lowest.
            precision: how near the end is to be, in the same way; else a part of the first steps.
            most: highest number of points.
            options: see `Options`.

        Raises:
            NotReady: an axis does not change the counter; they are back where they stood.
        """
        name = "optimise"
        given = [axes] if isinstance(axes, Axis | str) else list(axes)
        found, bounds, start = self._where(name, given, width)
        widths = None if width is None else [FIRST_STEPS * (high - low) for low, high in bounds]
        number = whole(name, "the highest number of points", most)
        figure = self._figure(name, counter)
        shown, keywords = _shown(width, time, counters)
        optimising = Optimising(
            found,
            figure.name,
            figure.unit,
            lowest=lowest,
            bounds=bounds,
            start=start,
            steps=widths,
            precision=self._each(name, "the precision", found, precision),
            most=number,
        )
        return self._decided(
            name,
            figure,
            [found[0] if isinstance(axes, Axis | str) else found, figure, *shown],
            time,
            counters,
            options,
            axes=found,
            bounds=bounds,
            most=number,
            decide=optimising.decide,
            keywords={**keywords, "lowest": lowest, "precision": precision},
        )

    def autofocus(
        self,
        axis: Axis | str,
        counter: Counter | Result | str,
        width: float | None = None,
        time: float = 0.1,
        *counters: Measured,
        lowest: bool = False,
        precision: float | None = None,
        **options: Unpack[Options],
    ) -> OwnScan:
        """Go to the best focus by a figure that is highest there, or lowest: autofocus(camf, cam_fwhm_y, lowest=True).

        The whole range is measured coarsely, then the best part of it by golden section.

        Args:
            axis: which.
            counter: the figure: a sharpness, a width, or what is calculated from others.
            width: where to look, around where the axis stands, in its unit; else wherever it may go.
            time: exposure time of each point in s.
            counters: what else to measure.
            lowest: the figure is lowest in focus, as a width is.
            precision: how near the end is to be, in the axis's unit; else a part of the coarse step.
            options: see `Options`.

        Raises:
            NotReady: the figure does not change, or is best at an end of the range; the axis is back where it stood.
        """
        name = "autofocus"
        (one,), (bounds,), _ = self._where(name, [axis], width)
        figure = self._figure(name, counter)
        shown, keywords = _shown(width, time, counters)
        near = None if precision is None else above_zero(name, "the precision", precision, one.unit)
        most = COARSE_POINTS + FINE + 1
        focusing = Focusing(
            one, figure.name, figure.unit, lowest=lowest, low=bounds[0], high=bounds[1], precision=near, most=most
        )
        return self._decided(
            name,
            figure,
            [one, figure, *shown],
            time,
            counters,
            options,
            axes=[one],
            bounds=[bounds],
            most=most,
            decide=focusing.decide,
            keywords={**keywords, "lowest": lowest, "precision": precision},
        )

    def adaptmesh(
        self,
        axis1: Axis | str,
        start1: float,
        stop1: float,
        axis2: Axis | str,
        start2: float,
        stop2: float,
        npoints: int,
        time: float,
        counter: Counter | Result | str,
        *counters: Measured,
        intervals: int = 6,
        **options: Unpack[Options],
    ) -> OwnScan:
        """A mesh with most points where a counter changes: adaptmesh(samy, -1, 1, samz, -1, 1, 300, 0.1, diode).

        A coarse lattice is measured first, then point after point divides the triangle that says least.

        Args:
            axis1, start1, stop1, axis2, start2, stop2: the rectangle, in the axes' units.
            npoints: how many points in all.
            time: exposure time of each point in s.
            counter: which says where it changes.
            counters: what else to measure.
            intervals: of the coarse lattice, along each axis.
            options: see `Options`.
        """
        name = "adaptmesh"
        axes, bounds = [], []
        for which, start, stop in ((axis1, start1, stop1), (axis2, start2, stop2)):
            one = an_axis(self.beamline, name, which)
            ends = sorted(a_number(name, f"start and stop of {one.name}", end, one.unit) for end in (start, stop))
            axes.append(one)
            bounds.append((ends[0], ends[1]))
        number, coarse = whole(name, "the number of points", npoints), whole(name, "the intervals", intervals)
        if number < (coarse + 1) ** 2:
            raise BadValue(
                f"{name}: {number} points are fewer than the {(coarse + 1) ** 2} of the coarse lattice; give more, or "
                "fewer intervals="
            )
        figure = self._figure(name, counter)
        fast, slow = (tuple(line(low, high, coarse)) for low, high in bounds)
        return self._decided(
            name,
            figure,
            [axes[0], start1, stop1, axes[1], start2, stop2, number, time, figure],
            time,
            counters,
            options,
            axes=axes,
            bounds=bounds,
            most=number,
            decide=Refining(figure.name, (slow, fast), number).decide,
            goes_back=False,
            keywords={"intervals": coarse if coarse != 6 else None},
        )

    # -- tools

    def _where(
        self, name: str, given: Sequence[Axis | str], width: Widths
    ) -> tuple[list[Axis], list[tuple[float, float]], list[float]]:
        """The axes, where they may go, and where they stand."""
        axes = [an_axis(self.beamline, name, axis) for axis in given]
        different_axes(name, axes)
        widths: Sequence[float | None] = self._each(name, "the width", axes, width) or [None] * len(axes)
        start = [axis.setpoint if self.dry is None else self.dry.setpoint(axis) for axis in axes]
        bounds = [reach(name, *one) for one in zip(axes, start, widths, strict=True)]
        return axes, bounds, start

    def _each(self, name: str, what: str, axes: Sequence[Axis], given: Widths) -> list[float] | None:
        """One number above 0 for each axis; None if none is given."""
        if given is None:
            return None
        numbers = [given] * len(axes) if isinstance(given, int | float) else list(given)
        if len(numbers) != len(axes):
            raise BadValue(f"{name}: give {what} for each of the {len(axes)} axes, or one for all, not {given!r}")
        return [
            above_zero(name, f"{what} of {axis.name}", one, axis.unit) for axis, one in zip(axes, numbers, strict=True)
        ]

    def _figure(self, name: str, given: Counter | Result | str) -> Counter | Result:
        """The number by which a scan decides.

        Raises:
            BadValue: it is none.
            NotReady: it is a result of a pipeline that takes part in no scan now.
        """
        found: object = given
        if isinstance(given, str):
            found = self.beamline.objects.get(given) or self._result(given)
        if isinstance(found, Result):
            found.pipeline.require_at_work()
        elif not isinstance(found, Counter) or not found.number:
            raise BadValue(
                f"{name}: {given!r} should be one counter of numbers, such as diode, or a result of live "
                "analysis, such as beam.x, or the name of one"
            )
        return found

    def _result(self, name: str) -> Result | None:
        """The result whose channel has a name, by the pipeline that its name begins with."""
        fitting = [one for one in self.beamline.pipelines() if name.startswith(f"{one.name}_")]
        best = max(fitting, key=lambda one: len(one.name), default=None)
        return None if best is None else Result(best, name[len(best.name) + 1 :])

    def _decided(
        self,
        name: str,
        figure: Counter | Result,
        arguments: Sequence[Any],
        time: float,
        counters: Sequence[Measured],
        options: Options,
        **more: Any,
    ) -> OwnScan:
        """A scan that decides by a counter; or by a result, and measures what its pipeline takes."""
        if isinstance(figure, Counter):
            return self.choose(name, arguments, time, [figure, *counters], options, **more)
        needs = figure.pipeline.needs(self.beamline)
        if not needs and not counters:
            raise BadValue(f"{name}: say what to measure: {figure.pipeline.name} takes {figure.pipeline.takes}")
        results = [figure.name]
        return self.choose(name, arguments, time, counters, options, results=results, unnamed=needs, **more)


def _shown(width: Widths, time: float, counters: Sequence[Measured]) -> tuple[list[Any], dict[str, Any]]:
    """Width and time as they stand in the command: arguments and keywords; no width, unless counters follow."""
    return ([], {"time": time}) if width is None and not counters else ([width, time], {})
