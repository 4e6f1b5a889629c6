"""The standard scans, with the names and the argument order that users of BLISS know."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Unpack

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.part import Parted
from ronda.framework.errors import BadValue
from ronda.framework.scan.adaptive import AdaptiveScans
from ronda.framework.scan.areas import AreaScans
from ronda.framework.scan.arguments import above_zero, an_axis, exposure_time, whole
from ronda.framework.scan.count import count
from ronda.framework.scan.fly import ContinuousScans
from ronda.framework.scan.making import Options
from ronda.framework.scan.measured import Measured
from ronda.framework.scan.own import OwnScan
from ronda.framework.scan.rocking import Rocking
from ronda.framework.scan.spectra import SpectrumScans
from ronda.framework.scan.steps import StepScans
from ronda.framework.scan.tomography import TomographyScans
from ronda.framework.scan.trajectories import TrajectoryScans


class Counted(NamedTuple):
    """What `ct` has measured, by counter.

    Attributes:
        time: seconds for which it counted.
        values: each counter's value.
        rates: value per second, of those counters for which it means something.
        units: of the values.
    """

    time: float
    values: dict[str, float]
    rates: dict[str, float]
    units: dict[str, str]


class Scans(StepScans, AreaScans, SpectrumScans, ContinuousScans, TrajectoryScans, TomographyScans, AdaptiveScans):
    """The scans of one user in one session of a beamline.

    Each scan blocks until it has ended and returns its Scan; what made it fail is raised, after everything that it
    started was stopped. With `run=False` it is returned before it begins, for `scan.run()`.

    Counters are Counter objects, their names, or whole cards. Scans raise BadValue for arguments that mean nothing,
    OutOfRange or NotReady before anything moves if an axis cannot go where it should, NotReady if nobody is there to
    save the scan, DeviceFailed if a device fails, CommunicationFailed or TimedOut if one does not answer.
    """

    def ct(self, time: float = 1.0, *counters: Measured) -> Counted:
        """Count once; nothing is saved, and no number is taken.

        Args:
            time: seconds.
            counters: what to measure.
        """
        if any(isinstance(one, Parted) for one in counters):
            raise BadValue("ct: counts once, with all devices for the same time; part(…) is for scans")
        chosen = self.counters("ct", counters)
        exposure = exposure_time("ct", time)
        values = count(self.beamline, exposure, chosen)
        rates = {one.name: values[one.name] / exposure for one in chosen if one.rate}
        return Counted(exposure, values, rates, {one.name: one.unit for one in chosen})

    def sct(self, time: float = 1.0, *counters: Measured, **options: Unpack[Options]) -> OwnScan:
        """Count once as a scan of one point, which is saved: sct(0.5, diode)."""
        return self.make("sct", [time], exposure_time("sct", time), counters, options, points=1)

    def loopscan(self, points: int, time: float, *counters: Measured, **options: Unpack[Options]) -> OwnScan:
        """Measure again and again, each time so many s; nothing moves: loopscan(100, 0.1, diode).

        Args:
            points: how often.
            time: exposure time of each point in s; or a list with one for each.
            counters: what to measure.
            options: see `Options`.
        """
        number = whole("loopscan", "the number of points", points)
        return self.make("loopscan", [number, time], time, counters, options, points=number)

    def timescan(self, time: float, *counters: Measured, npoints: int = 0, **options: Unpack[Options]) -> OwnScan:
        """Measure again and again until Ctrl-C or stop: timescan(0.5, diode, sleep_time=2).

        Args:
            time: exposure time of each point in s.
            counters: what to measure.
            npoints: end after so many; 0 for no end.
            options: see `Options`; `sleep_time` is the pause between two points.
        """
        number = whole("timescan", "the number of points", npoints) if npoints else None
        return self.make("timescan", [time], time, counters, options, points=number, keywords={"npoints": npoints})

    def lineup(
        self,
        axis: Axis | str,
        start: float,
        stop: float,
        intervals: int,
        time: float,
        counter: Measured,
        **options: Unpack[Options],
    ) -> OwnScan:
        """As dscan, then go to where the counter is highest: lineup(samy, -0.1, 0.1, 20, 0.1, diode).

        Raises:
            BadValue: there is no signal; the axis stands where it stood before.
        """
        scan = self._lines("lineup", [(axis, start, stop)], intervals, time, [counter], options, relative=True)
        if options.get("run", True) and self.dry is None:
            self.beamline.tell(scan.went("peak", scan.goto_peak()))
        return scan

    def rockit(self, axis: Axis | str, total_move: float) -> AbstractContextManager[Any]:
        """Move an axis to and fro while something is measured: with rockit(rot, 2): loopscan(10, 1, diode).

        Args:
            axis: which.
            total_move: from one end to the other, in its unit; half of it on each side of where it stands.
        """
        one = an_axis(self.beamline, "rockit", axis)
        whole_move = above_zero("rockit", "the total move", total_move, one.unit)
        return Rocking(one, whole_move, self.spawn) if self.dry is None else nullcontext()
