"""Making a scan from a plan: what all scans of one user in one session have in common."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.counter import Counter
from ronda.framework.errors import BadValue, NotReady
from ronda.framework.nexus import words
from ronda.framework.nexus.definitions.definition import Declaration
from ronda.framework.policy.metadata import checked
from ronda.framework.scan.analysis.history import History
from ronda.framework.scan.arguments import command_text, different_axes, exposure_times, not_negative
from ronda.framework.scan.background import Spawn, in_thread
from ronda.framework.scan.choice import Choice
from ronda.framework.scan.claims import Claims
from ronda.framework.scan.continuous import Continuous
from ronda.framework.scan.dry_run import DryRun, learn
from ronda.framework.scan.measured import Measured, as_typed, measured
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.own import OwnScan
from ronda.framework.scan.pace import Pace
from ronda.framework.scan.plan import Grid, Plan, Point
from ronda.framework.scan.presets import Preset
from ronda.framework.scan.suspenders import Suspender, configured


class Options(TypedDict, total=False):
    """Keywords that each scan takes.

    Attributes:
        title: for people; the command if empty.
        name: what kind of scan it is, for programs; the name of the function if empty.
        definition: the NeXus application definition that the file follows, such as `xas(…)`.
        save: whether it must be saved; refused if nobody is there to do it.
        run: False to return the scan before it begins.
        stab_time: seconds to wait at each point between motion and measuring.
        sleep_time: seconds to wait between two points.
        metadata: what else its file shall say, by name: plain values, with a unit as `{"temperature": (293, "K")}`.
    """

    title: str
    name: str
    definition: Declaration | None
    save: bool
    run: bool
    stab_time: float
    sleep_time: float
    metadata: Mapping[str, Any]


class Maker:
    """Makes scans, and runs them.

    Attributes:
        beamline: where they happen.
        session, user: stand in their descriptions.
        observers: are told what the scans do.
        last: the scan made last.
        history: all scans of the session.
        spawn: begins what goes on beside the user's work.
        presets: what is done around all scans; those made before are not changed.
        suspenders: what lets all scans wait, by name; those of the YAML files at first.
        pace: what scans cost beside motion and exposure, as the last ones have shown.
        dry: the dry run in which scans and moves are only checked and timed; None outside.
    """

    def __init__(self, beamline: Beamline, session: str = "", user: str = "", observers: Sequence[Observer] = ()):
        self.beamline = beamline
        self.session = session
        self.user = user
        self.observers: list[Observer] = list(observers)
        self.last: OwnScan | None = None
        self.history = History(beamline, lambda: self.session)
        self.spawn: Spawn = in_thread
        self._claims = Claims()
        self.presets: list[Preset] = []
        self.suspenders: dict[str, Suspender] = configured(beamline, session)
        self.pace = Pace()
        self.dry: DryRun | None = None
        self._learnt: OwnScan | None = None

    def dryrun(self, tell: Callable[[str], None] = print) -> DryRun:
        """`with scans.dryrun():` - until the end of the block scans move nothing: they are checked, timed and told.

        Args:
            tell: takes a sentence about each.

        Raises:
            NotReady: there is a dry run already.
        """
        if self.dry is not None:
            raise NotReady("dryrun: there is a dry run already")

        if self.last is not None and self.last is not self._learnt:
            self._learnt = self.last
            learn(self.pace, self.beamline, self.last)

        def ended() -> None:
            self.dry = None

        self.dry = DryRun(self.beamline, self.pace, tell, ended)
        return self.dry

    def add_preset(self, preset: Preset) -> None:
        """Have something done around all scans from now on, their devices or their points."""
        self.presets.append(preset)

    def add_suspender(self, suspender: Suspender) -> None:
        """Let something make all scans wait from now on; one of the same name is replaced."""
        self.suspenders[suspender.name] = suspender

    def counters(self, who: str, given: Sequence[Measured]) -> tuple[Counter, ...]:
        """The counters that a scan measures.

        Args:
            who: name of the scan, for messages.
            given: see `measured`.

        Raises:
            BadValue, NotFound, NotReady: this is nothing to measure.
        """
        return measured(self.beamline, who, given)

    def make(
        self,
        name: str,
        arguments: Sequence[Any],
        time: Any,
        counters: Sequence[Measured],
        options: Mapping[str, Any],
        *,
        points: int | None = None,
        axes: Sequence[Axis] = (),
        targets: Sequence[Point] = (),
        relative: bool = False,
        grid: Grid | None = None,
        scatter: bool = False,
        channels: Mapping[str, tuple[str, tuple[float, ...]]] | None = None,
        keywords: Mapping[str, Any] | None = None,
        continuous: Continuous | None = None,
        presets: Sequence[Preset] = (),
        choice: Choice | None = None,
        unnamed: Sequence[Measured] = (),
    ) -> OwnScan:
        """Make a scan, and run it unless `run=False`; for the scans here and for those that a beamline adds.

        Args:
            name: of the scan.
            arguments: as they were given, for its command; counters are added.
            time: exposure time in s: one for all points, or one for each.
            counters: what is measured.
            options: as in Options.
            points: number of points; None for as many as targets, or without end if there are none.
            axes: which move.
            targets: for each point a position of each axis, in its unit.
            relative: whether targets are distances from where the axes stand; they go back there in the end.
            grid: the lattice that the points fill.
            scatter: whether the points cover an area.
            channels: numbers known before, by channel: unit and a value for each point.
            keywords: keywords of this kind of scan, for its command.
            continuous: what makes it a continuous scan; the last of the axes sweeps, and there are no targets.
            presets: of this scan alone, after those of all scans.
            choice: who chooses the points while it runs; there are neither targets nor a number of points then.
            unnamed: what is measured too, and does not stand in its command, since the arguments imply it.

        Raises:
            BadValue, NotFound: an argument means nothing.
            RondaError: what makes the scan fail.
        """
        unknown = [option for option in options if option not in Options.__annotations__]
        if unknown:
            known = ", ".join(f"{option}=" for option in Options.__annotations__)
            raise BadValue(f"{name}: does not know the keyword {unknown[0]}=; there are {known}")
        different_axes(name, axes)
        number = len(targets) if axes and continuous is None and choice is None else points
        exposure, exposures = exposure_times(name, time, number)
        exposure = exposure if continuous is None else continuous.exposure
        chosen = self.counters(name, [*counters, *unnamed])
        named = chosen if not unnamed else self.counters(name, counters) if counters else ()
        waits = {each: not_negative(name, each, options.get(each) or 0.0) for each in ("stab_time", "sleep_time")}
        argued = [each for each in arguments if isinstance(each, Measured)]  # a counter may be an argument too
        beside = [one for one in as_typed(self.beamline, named) if one not in argued]
        plan = Plan(
            command_text(name, *arguments, *beside, **(keywords or {}), **waits),
            str(options.get("title") or ""),
            exposure,
            chosen,
            number,
            tuple(axes),
            tuple(tuple(target) for target in targets),
            relative,
            options.get("definition"),
            name=str(options.get("name") or name),
            exposures=exposures,
            **waits,
            grid=grid,
            scatter=scatter or grid is not None,
            channels=dict(channels or {}),
            attributes={words.METADATA: checked(name, options["metadata"])} if options.get("metadata") else {},
            continuous=continuous,
            choice=choice,
        )
        scan = OwnScan(
            self.beamline,
            plan,
            self.observers,
            session=self.session,
            user=self.user,
            save=bool(options.get("save", True)),
            presets=[*self.presets, *presets],
            suspenders=[one for one in self.suspenders.values() if one.active],
            claims=self._claims,
            spawn=lambda work: self.spawn(work),
        )
        self.last = scan
        self.history.add(scan)
        if self.dry is not None:
            self.dry.scan(plan, save=bool(options.get("save", True)))
        elif options.get("run", True):
            scan.run()
        return scan


def points_of(name: str, targets: Sequence[Point]) -> Sequence[Point]:
    """See that a shape has points that are places.

    Raises:
        BadValue: it has none, or not all are finite.
    """
    if not targets:
        raise BadValue(f"{name}: no point lies within these ranges; make them larger, or the steps smaller")
    for target in targets:
        if not all(map(math.isfinite, target)):
            raise BadValue(f"{name}: a point lies at {target}, which is no place")
    return targets
