"""A scan: what people hold, and the way through its life from the first check to the last clean-up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.locking import Hold
from ronda.framework.errors import Busy, NotReady
from ronda.framework.nexus import words
from ronda.framework.policy.policy import DataPolicy
from ronda.framework.scan import motion
from ronda.framework.scan.background import Spawn, in_thread
from ronda.framework.scan.baseline import Baseline
from ronda.framework.scan.chain import subscan
from ronda.framework.scan.changed_settings import ChangedSettings
from ronda.framework.scan.choice import Found
from ronda.framework.scan.control import Control
from ronda.framework.scan.derived import with_results
from ronda.framework.scan.durations import Durations
from ronda.framework.scan.ending import Ending
from ronda.framework.scan.home import Home
from ronda.framework.scan.hooks import Hooks
from ronda.framework.scan.loops import Loop, loop_of, order_of, targets_of
from ronda.framework.scan.measuring import Measuring
from ronda.framework.scan.numbering import open_numbered
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.opening import OWN, constants_of_points, end_positions, opening
from ronda.framework.scan.plan import Plan
from ronda.framework.scan.points import SEAL_LIMIT, Points
from ronda.framework.scan.presets import Preset, Presets
from ronda.framework.scan.room import require_room
from ronda.framework.scan.saving import SavedFile, require_writer, saved_file, wait_until_closed
from ronda.framework.scan.sources import Source, arm, disarm, sources
from ronda.framework.scan.steering import Steering
from ronda.framework.scan.stopped import ScanStopped
from ronda.framework.scan.subscans import SubScan, SubScans
from ronda.framework.scan.suspenders import Suspender, Watched
from ronda.framework.stream.answers import HeldBack
from ronda.framework.stream.description import State
from ronda.framework.stream.publisher import Publisher
from ronda.framework.stream.scan import Scan as StreamScan

LEASE = 5.0
"""Seconds after which a scan whose process died is stopped by others."""

HELD_LIMIT = 2.0
"""Seconds for which the end of a scan that was stopped or failed waits for room in the stream."""


class Scan:
    """A scan; `Scans` makes it.

    Attributes:
        plan: what it is to do.
        number: within its session; 0 until it has begun.
        identifier: its unique id; empty until it has begun.
        state: as in `ronda.framework.stream.State`; PREPARING also before it has begun.
        sentence: why it has this state, if there is something to say.
        units: of each channel by name, in the order of a table: axes (or elapsed time) first, then counters.
        points_done: how many points are measured.
        entry: of the stream, that of the latest point.
        without: which pipelines of live analysis do not take part although they are there, and why.
        start_positions: where all axes of the beamline stood at the start.
        stream: the scan in the stream, where its data are; None until it has begun.
        took: seconds from its begin to its end; 0 until it has ended.
    """

    def __init__(
        self,
        beamline: Beamline,
        plan: Plan,
        observers: Sequence[Observer] = (),
        *,
        session: str = "",
        user: str = "",
        save: bool = True,
        presets: Sequence[Preset] = (),
        suspenders: Sequence[Suspender] = (),
        spawn: Spawn = in_thread,
    ) -> None:
        """Nothing happens yet; `run` runs it.

        Args:
            beamline: where it happens.
            plan: what it is to do.
            observers: who is told; the list may change until the scan runs.
            session, user: stand in its description.
            save: whether a writer must save it.
            presets: what is done around it, its devices and its points; `add_preset` adds more.
            suspenders: what lets it wait.
            spawn: begins what goes on beside: its sub-scans.
        """
        self.plan = plan
        self.number = 0
        self.identifier = ""
        self.state: str = State.PREPARING
        self.sentence = ""
        self.units: dict[str, str] = {}
        self.points_done = 0
        self.entry = -1
        self.without: list[str] = []
        self.start_positions: dict[str, float] = {}
        self.stream: StreamScan | None = None
        self.took = 0.0
        self._beamline = beamline
        self._observers = observers
        self._session, self._user, self._save = session, user, save
        self._spawn = spawn
        self._file = ""
        self._begun = False
        self._ended = False
        self._control = Control()
        self._added: list[Preset] = list(presets)
        self._suspenders = tuple(suspenders)
        self._steering: Steering | None = None
        self._presets: Presets | None = None
        self._home: Home | None = None
        self._armed: list[Source] = []
        self._beside = SubScans()
        self._coming: Points | None = None
        self._own: Publisher | None = None
        self._baseline: Baseline | None = None
        self._measuring: Loop | None = None
        self._hooks = Hooks(beamline, plan)
        self._hold = Hold([axis.remote for axis in plan.axes], plan.command, user)

    def __repr__(self) -> str:
        return f"<Scan {self.number} {self.plan.command} {self.state}>"

    @property
    def title(self) -> str:
        """For people."""
        return self.plan.title or self.plan.command

    @property
    def spoiled(self) -> int:
        """How many points were measured while a suspender said no; they are marked in the data."""
        steering = self._steering
        return 0 if steering is None else steering.spoiled

    @property
    def durations(self) -> Durations:
        """Where its time went so far."""
        measuring = self._measuring
        return Durations() if measuring is None else measuring.durations

    @property
    def found(self) -> Found | None:
        """What it has found, if it is one that looks for something and has ended well; its axes stand there."""
        measuring = self._measuring
        return measuring.found if isinstance(measuring, Measuring) else None

    def add_preset(self, preset: Preset) -> None:
        """Have something done around it, its devices or its points.

        Raises:
            NotReady: it has begun.
        """
        if self._begun:
            raise NotReady(f"scan {self.number}: has begun, it takes no more presets")
        self._added.append(preset)

    @property
    def saved(self) -> bool:
        """Whether a writer saves it."""
        return self._save

    @property
    def file(self) -> str:
        """Path of its file; empty if it is not saved, or no writer has taken it yet."""
        if not self._file and self._save and self.identifier:
            self._file = saved_file(self._beamline, self.identifier).path
        return self._file

    def wait_for_file(self, timeout: float = 30.0, *, results: bool = True) -> SavedFile:
        """Wait until its file is final; returns at once if something is wrong with that, or it is not saved.

        Args:
            timeout: longest wait in s.
            results: whether to wait for results of pipelines of analysis too.
        """
        if not self._save:
            return SavedFile()
        return wait_until_closed(self._beamline, self.identifier, timeout, results=results)

    @property
    def remarks(self) -> list[str]:
        """What is missing in its data though it went well: attributes of the baseline, hardware triggers."""
        measuring, baseline = self._measuring, self._baseline
        told = [] if measuring is None else measuring.remarks
        return [*([] if baseline is None else baseline.remarks), *told, *self._beside.remarks]

    @property
    def subscans(self) -> Sequence[SubScan]:
        """What is measured beside it by timers."""
        return self._beside.all

    # -- from any thread or greenlet

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended and everything is at rest; returns whether that is so.

        Args:
            timeout: seconds; None for as long as it takes.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._at_rest():
            if deadline is not None and time.monotonic() >= deadline:
                return False
            time.sleep(0.005)
        return True

    def _at_rest(self) -> bool:
        return self._ended

    def pause(self, who: str = "") -> None:
        """Ask it to wait before its next point, until `resume`; the point in hand is finished. Returns at once."""
        self._control.give("pause", who)

    def resume(self, who: str = "") -> None:
        """Let it go on after a pause; what else it may wait for, it goes on waiting for."""
        self._control.give("resume", who)

    def stop(self, who: str = "") -> None:
        """Ask it to end as ABORTED after the point that is being measured; a motion is stopped. Returns at once."""
        self._control.give("stop", who)

    def abort(self, who: str = "") -> None:
        """Ask it to break off motion and acquisition in order and to end as ABORTED; returns at once, see `wait`."""
        self._control.give("abort", who)

    # -- in the thread or greenlet of its owner

    def run(self) -> None:
        """Run it to its end.

        Raises:
            ScanStopped: it was told to stop or to abort; its state is ABORTED.
            KeyboardInterrupt: as it came, after everything is stopped; its state is ABORTED.
            RondaError: what made it fail, after everything is stopped; its state is FAILED.
        """
        if self._begun:
            raise NotReady(f"scan {self.number}: has run already; make a new one")
        self._begun = True
        began = time.monotonic()
        ending = Ending()
        try:
            with ending:
                self._run()
            self._end(ending)
        finally:
            self.took = time.monotonic() - began
            self._ended = True
            for observer in self._observers:
                observer.on_end(self)
        ending.reraise()

    def _run(self) -> None:
        self._check_stop()
        self._beamline.permit(self.plan.command)
        measuring = sources(self._beamline, self.plan.counters)
        self._beside, main = SubScans.of(measuring, self.plan.exposure), subscan(measuring)
        self._hold.take()
        self._home, targets = targets_of(self._beamline, self.plan)
        self._hooks.before()
        self._presets = presets = Presets(self, [ChangedSettings(measuring), *self._added])
        presets.prepare()
        constants = constants_of_points(self.plan)
        own = self._open(measuring, constants)
        presets.prepare_devices(measuring)
        order = order_of(self.identifier, self.plan, suspended=bool(self._suspenders))
        self._armed = list(measuring)  # before: one that does not answer may have armed all the same
        arm(measuring, order)
        presets.start(measuring)
        self._scan.set_state(State.RUNNING)
        self.state = State.RUNNING
        for observer in self._observers:
            observer.on_prepared(self)
        watched = Watched(self._beamline, self._suspenders)
        steering = self._steering = Steering(self._control, watched, self._check_stop, self._pause)
        coming = partial(Points, self._scan, main, self.plan.exposure, self._check_stop, self._waiting)
        self._measuring, points = loop_of(
            self._scan, self.plan, targets, constants, own, main, coming, steering, presets
        )
        self._coming = points
        self._beside.begin(self._scan, lambda: self.state == State.PAUSED, self._spawn)
        for index, values in self._measuring.run():
            self.points_done = index + 1
            self.entry = self._measuring.latest_entry if isinstance(self._measuring, Measuring) else index
            for observer in self._observers:
                observer.on_point(self, index, values)
        self._control.in_hand = True  # all is measured: a stop has nothing to end
        self._beside.finish(self._check_stop, self._waiting)
        if order.points is None:
            disarm(points.not_sealed(), self.identifier)  # they do not know that it was the last one
        points.wait_for_seals(SEAL_LIMIT)
        if late := points.not_sealed():  # maybe because what they measured is held back
            disarm(late, self.identifier)
            points.wait_for_seals(SEAL_LIMIT)
        self._armed = points.not_sealed() + self._beside.not_sealed()

    def _open(self, measuring: Sequence[Source], constants: Mapping[str, Sequence[int]]) -> Publisher:
        """Open it in the stream; returns the publisher of what the engine itself knows."""
        consumers = []
        if self._save:
            consumers.append(require_writer(self._beamline, self._waiting, self._check_stop))
            require_room(self._beamline, self.plan, measuring)
        baseline = self._baseline = Baseline(self._beamline)  # is asked while the rest is found out
        policy = DataPolicy(self._beamline, self._session)
        belonging = policy.belonging(save=self._save)
        description, units, self.start_positions = opening(
            self._beamline,
            self.plan,
            measuring,
            constants,
            consumers=consumers,
            session=self._session,
            user=self._user,
            belonging=belonging,
            baseline=baseline,
            home=() if self._home is None else self._home.positions,
            suspenders=[one.name for one in self._suspenders],
            after_scan=[*(self._presets.if_owner_dies() if self._presets else ()), *self._hooks.described()],
        )
        self._check_stop()
        before = len(description.attributes[words.REMARKS])
        description = with_results(self._beamline, description, self._waiting, self._check_stop)
        self.without = list(description.attributes[words.REMARKS])[before:]
        self._check_stop()
        self.stream = open_numbered(self._beamline, policy, belonging.place, description, lease_seconds=LEASE)
        self.identifier, self.number, self.units = self._scan.identifier, self._scan.number, units
        self._control.number = self.number
        self._own = self._scan.publisher(OWN, wait=None, on_held=self._held)
        return self._own

    # -- its end

    def _end(self, ending: Ending) -> None:
        """Bring everything to rest, whatever happened; each step is done even if another one fails."""
        plan = self.plan
        steps: list[Callable[[], None]] = [self._beside.break_off]
        moved = self._measuring is not None and self._measuring.moved
        if ending.failed and isinstance(self._measuring, Measuring):
            self._measuring.found = None  # stopped, or failed, afterwards: the axes go back
        tell_return = [partial(observer.on_returning, self) for observer in self._observers]
        if moved and ending.failed:
            steps.append(lambda: ending.note(motion.halt(plan.axes, self._beamline.each)))
        if self._measuring is not None and ending.failed:
            steps.append(self._measuring.end_motion)
        steps += [partial(source.disarm, self.identifier) for source in self._armed]
        steps.append(self._beside.wait)
        if self._measuring is not None and ending.failed:
            steps.append(self._collect_rest)
        steps += self._presets.undo() if self._presets else []
        if moved and self._home is not None and self.found is None:
            steps.append(partial(self._home.bring_back, self._control, ending, tell_return))
        steps += [partial(self._hooks.put_back, hook, self.number) for hook in self._hooks.after()]
        if self.stream is not None:
            steps.append(lambda: self._publish_end_positions(patient=not ending.failed))
        if self._own is not None:
            steps.append(self._own.seal)
        steps.append(self._hold.give_back)
        steps.append(lambda: self._tell_end(ending))
        ending.do(steps)
        self.sentence, self.state = self._told(ending), ending.state()

    def _collect_rest(self) -> None:
        if self._measuring is not None:
            self.points_done = max(self.points_done, self._measuring.collect_rest())

    def _tell_end(self, ending: Ending) -> None:
        self.sentence, self.state = self._told(ending), ending.state()
        if self.stream is None:
            return
        try:
            self.stream.set_state(self.state, self.sentence)
        finally:
            if self.stream.lease is not None:
                self.stream.lease.stop()  # if Redis did not hear of the end, others must be able to end it

    def _told(self, ending: Ending) -> str:
        """How it ended, and which devices it went on without."""
        left_out = self._coming.left_out.values() if self._coming is not None else ()
        found = self.found.sentence if self.found is not None else ""
        return "; ".join(filter(None, [ending.sentence() or found, *left_out, *self._beside.left_out]))

    def _publish_end_positions(self, *, patient: bool) -> None:
        if self.start_positions:
            self._publish_once(
                words.POSITIONERS_END, end_positions(self._beamline, self.start_positions), patient=patient
            )
        if self._baseline is not None and self._baseline.device() is not None:
            self._publish_once(words.BASELINE_END, self._baseline.end(), patient=patient)

        self._publish_once(words.DURATIONS, self.durations.channels(), patient=patient)

    def _publish_once(self, device: str, values: Mapping[str, Any], *, patient: bool) -> None:
        """Publish the one point of a device that only measures at the end."""
        publisher = self._scan.publisher(
            device, wait=None if patient else HELD_LIMIT, on_held=self._held if patient else None
        )
        publisher.publish(values)
        publisher.seal()

    # -- tools

    @property
    def _scan(self) -> StreamScan:
        if self.stream is None:
            raise NotReady(f"{self.plan.command}: has not begun")
        return self.stream

    def _check_stop(self) -> None:
        lease = None if self.stream is None else self.stream.lease
        while lease is not None and lease.orders:
            self._control.give(*lease.orders.popleft())
        self._control.check()
        self._beside.check()
        if self._hold.lost:
            raise Busy(f"scan {self.number}: {self._hold.lost}")
        if lease is not None and lease.lost:
            raise ScanStopped(f"scan {self.number}: somebody else has ended it")

    def _pause(self, why: str) -> None:
        """Tell why it waits before its next point; an empty text when it goes on."""
        state = State.PAUSED if why else State.RUNNING
        self.sentence = why
        self._scan.set_state(state, why)
        self.state = state  # last: who sees that it waits finds why everywhere
        self._waiting(why)

    def _held(self, error: HeldBack) -> None:
        """The buffer is full: wait, as long as nobody says stop."""
        self._waiting(str(error))
        self._check_stop()

    def _waiting(self, sentence: str) -> None:
        self.sentence = sentence
        if sentence:
            self._control.in_hand = False  # who knows for how long: a stop ends it
        for observer in self._observers:
            observer.on_waiting(self, sentence)
