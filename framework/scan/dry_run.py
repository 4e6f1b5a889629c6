"""The dry run: what scans and moves would do, checked and timed, while nothing moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import NotReady, RondaError
from ronda.framework.scan.chain import lasting, subscan
from ronda.framework.scan.choice import Choice
from ronda.framework.scan.continuous import Continuous
from ronda.framework.scan.pace import Pace
from ronda.framework.scan.plan import Plan
from ronda.framework.scan.room import FILE_BYTES, data_size, free_space
from ronda.framework.scan.scan import Scan
from ronda.framework.scan.sources import Source, sources
from ronda.framework.scan.subscans import SubScans
from ronda.framework.scan.virtual_axes import VirtualAxes
from ronda.framework.stream.answers import format_bytes
from ronda.framework.stream.description import State

CLOCKS_TIME = 0.2
"""Seconds that a continuous scan takes for the triggers that set the clocks."""

LINE_TIME = 0.02
"""Seconds that a line of a continuous scan takes beside its motion."""


@dataclass(frozen=True)
class Estimate:
    """What a scan, or a move, would take.

    Attributes:
        command: what it is.
        points: how many it measures; 0 for a move, None without an end.
        at_most: whether it may be less, for the points are chosen while it runs; all other numbers are highest ones.
        motion: s that the axes need, by their velocities and accelerations.
        exposure: s of measuring.
        overhead: s of all the rest, waits that were asked for among it.
        size: bytes of data, not compressed.
        free: bytes that the writer may use; None if it is not saved, or nobody says it.
        ranges: lowest and highest position of each real axis, with its unit.
    """

    command: str
    points: int | None = 0
    at_most: bool = field(default=False, kw_only=True)
    motion: float = 0.0
    exposure: float = 0.0
    overhead: float = 0.0
    size: int = 0
    free: int | None = None
    ranges: Mapping[str, tuple[float, float, str]] = field(default_factory=dict)

    @property
    def duration(self) -> float:
        """s from its begin to its end, if it has one; else of one point."""
        return self.motion + self.exposure + self.overhead

    @property
    def fits(self) -> bool:
        """Whether its data fit onto the disk."""
        return self.free is None or self.free >= self.size + FILE_BYTES

    def __str__(self) -> str:
        most = "at most " if self.at_most else ""
        parts = [f"{self.command}: {most}{_time(self.duration)}"]
        split = f"motion {_time(self.motion)}, exposure {_time(self.exposure)}, the rest {_time(self.overhead)}"
        if self.points != 0:
            points = "each point" if self.points is None else f"{most}{self.points} points"
            parts.append(f"{points} ({split}), {format_bytes(self.size)} of data")
        if self.free is not None:
            room = "which fits" if self.fits else "WHICH DOES NOT FIT"
            parts.append(f"{room}, {format_bytes(max(self.free, 0))} are free")
        parts += [f"{name} from {low:.6g} to {high:.6g} {unit}" for name, (low, high, unit) in self.ranges.items()]
        return "; ".join(parts)

    __info__ = __str__


class DryRun:
    """`with scans.dryrun() as plan:` - scans and moves within are checked, timed and told; nothing moves.

    Attributes:
        estimates: of all scans and moves so far.
    """

    def __init__(
        self, beamline: Beamline, pace: Pace, tell: Callable[[str], None], ended: Callable[[], None] = lambda: None
    ) -> None:
        self.estimates: list[Estimate] = []
        self._beamline = beamline
        self._pace = pace
        self._tell = tell
        self._ended = ended
        self._axes = VirtualAxes(beamline)

    def __repr__(self) -> str:
        if not self.estimates:
            return "<dry run, to be used as in `with dryrun(): …`>"
        return f"<dry run of {len(self.estimates)} scans and moves that take {_time(self.duration)}>"

    @property
    def duration(self) -> float:
        """s that all of it would take."""
        return sum(each.duration for each in self.estimates)

    def __enter__(self) -> DryRun:
        self._beamline.dry = "does not move in a dry run, which knows mv, umv, move and scans"
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._beamline.dry = ""
        self._ended()
        if kind is None and len(self.estimates) != 1:
            self._tell(f"together {_time(self.duration)}, {format_bytes(sum(each.size for each in self.estimates))}")

    def setpoint(self, axis: Axis) -> float:
        """Where an axis would stand."""
        return self._axes.setpoint(axis)

    def move(self, command: str, moves: Sequence[tuple[Axis, float]]) -> Estimate:
        """Take axes somewhere in thought.

        Raises:
            as the move itself would.
        """
        times = self._axes.go([axis for axis, _ in moves], [[target for _, target in moves]])
        return self._take(
            Estimate(command, 0, sum(times), 0.0, self._pace.motion.value * len(times), ranges=self._ranges())
        )

    def count(self, command: str, seconds: float) -> Estimate:
        """Count in thought."""
        return self._take(Estimate(command, 1, 0.0, seconds, self._pace.point.value))

    def scan(self, plan: Plan, *, save: bool) -> Estimate:
        """Scan in thought.

        Raises:
            as the scan itself would before anything moves.
        """
        measuring = sources(self._beamline, plan.counters)
        SubScans.of(measuring, plan.exposure)  # it says if one cannot be
        targets = [tuple(target) for target in plan.targets]
        home = tuple(self._axes.setpoint(axis) for axis in plan.axes) if plan.relative else ()
        if plan.relative:
            targets = [tuple(a + b for a, b in zip(home, target, strict=True)) for target in targets]
        number = plan.most_points or 1
        if plan.continuous is not None:
            sweeping, overhead = self._sweeps(plan, plan.continuous)
            exposure = sum(line.npoints * line.time for line in plan.continuous.lines)
            if plan.continuous.fields is not None:
                exposure += plan.continuous.fields.number * plan.exposure
            return self._estimate(plan, measuring, sweeping, exposure, overhead, save=save)
        if plan.choice is not None:
            motion = self._chosen(plan, plan.choice)
        else:
            motion = self._axes.go(plan.axes, targets + [home] * plan.relative)
        exposure = sum(map(lasting(subscan(measuring), plan), range(number)))
        pace = self._pace
        overhead = pace.scan.value + pace.point.value * number + pace.motion.value * len(motion)
        overhead += plan.stab_time * (number if plan.axes else 0) + plan.sleep_time * (number - 1)
        return self._estimate(plan, measuring, sum(motion), exposure, overhead, save=save)

    def _chosen(self, plan: Plan, choice: Choice) -> list[float]:
        """Go in thought to all corners of where points may be chosen; returns s of the longest way, for each point."""
        corners = list(product(*choice.bounds))
        home = tuple(self._axes.setpoint(axis) for axis in plan.axes)
        across = self._axes.go(plan.axes, [corners[0], corners[-1], *corners, home])[1]
        return [across] * choice.most

    def _sweeps(self, plan: Plan, continuous: Continuous) -> tuple[float, float]:
        """Sweep in thought; returns s of motion beside the points, and s of all the rest."""
        swept = [continuous.how(number) for number in range(len(continuous.lines))]
        axes = plan.axes if continuous.slow else plan.axes[-len(continuous.moving) :]
        ways = self._axes.go(axes, continuous.targets(swept))[::2]  # to the beginnings; the sweeps say it themselves
        for axis, low, high in continuous.reach():
            self._axes.pass_by(axis, low, high)
        fields, frames = continuous.fields, 0
        if fields is not None:
            frames = fields.number
        if fields is not None and fields.out is not None:
            ways += self._axes.go([fields.out], [[place] for place in fields.ways(self._axes.setpoint(fields.out))])
        motion = sum(ways) + sum(
            one.duration - line.npoints * line.time for one, line in zip(swept, continuous.lines, strict=True)
        )
        pace = self._pace
        each = pace.motion.value + LINE_TIME + plan.stab_time + plan.sleep_time
        overhead = pace.scan.value + CLOCKS_TIME + frames * pace.point.value
        return motion, overhead + len(swept) * each - plan.sleep_time

    def _estimate(
        self, plan: Plan, measuring: Sequence[Source], motion: float, exposure: float, overhead: float, *, save: bool
    ) -> Estimate:
        estimate = Estimate(
            plan.command,
            plan.most_points,
            motion,
            exposure,
            overhead,
            data_size(plan, measuring, motion + exposure + overhead),
            free_space(self._beamline) if save else None,
            self._ranges(),
            at_most=plan.choice is not None,
        )
        self._take(estimate)
        if not estimate.fits:
            raise NotReady(f"{plan.command}: would not fit onto the disk: {estimate}")
        return estimate

    def _take(self, estimate: Estimate) -> Estimate:
        self.estimates.append(estimate)
        self._tell(str(estimate))
        return estimate

    def _ranges(self) -> dict[str, tuple[float, float, str]]:
        """Where real axes have been since this was asked last."""
        found = {}
        for name, one in self._axes.real.items():
            if one.low <= one.high:
                axis = self._beamline.objects.get(name)
                found[name] = (one.low, one.high, axis.unit if isinstance(axis, Axis) else "")
                one.low, one.high = float("inf"), float("-inf")
        return found


def learn(pace: Pace, beamline: Beamline, scan: Scan) -> None:
    """Let a scan that has just ended show what scans cost beside motion and exposure; one that failed shows nothing."""
    plan = scan.plan
    if scan.state != State.COMPLETED or not plan.points or plan.relative or plan.continuous is not None:
        return
    try:
        motion = VirtualAxes(beamline, scan.start_positions).go(plan.axes, plan.targets)
    except RondaError:  # the axes are not what they were
        return
    pace.learn(scan.durations, len(motion), plan.points, sum(motion), scan.took)


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds < 120 else str(timedelta(seconds=round(seconds)))
