"""Sweeping with hardware triggers: devices measure by themselves, and the positions are those latched."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import HardwareFault, NotReady, TimedOut
from ronda.framework.nexus import words
from ronda.framework.scan.continuous import Edges, gated
from ronda.framework.scan.latched_positions import LatchedPositions
from ronda.framework.scan.latches import (
    BOUNDS,
    COUNTS,
    LINE,
    POSITION,
    TIME,
    TRIGGER_SPACING,
    emitted_channels,
    emitted_name,
    emitting_axis,
    matching_name,
    valid_name,
)
from ronda.framework.scan.orders import GATED
from ronda.framework.scan.sources import Source
from ronda.framework.scan.sweep import SPACING, WIDTH
from ronda.framework.scan.sweeping import SLICE, Parts, Sweeping
from ronda.framework.scan.trigger_match import TOLERANCE, unsure
from ronda.framework.scan.trigger_width import width_of
from ronda.framework.stream.answers import DeviceFailed, NeverWillBe
from ronda.framework.tango.names import AcquisitionCommand

LATE_LIMIT = 5.0
"""Seconds after the end of a line within which all triggers and points are there."""

ARM_LIMIT = 30.0
"""Seconds within which devices are ready for triggers."""

ARMING_PERIOD = 0.01
"""Seconds between two questions whether they are."""

TOLD_PERIOD = 0.2
"""Seconds between two points that people are shown; in the stream are all of them, sooner."""

ABSENT = 1.0
"""Seconds for one read after which Redis was away: then devices have their time anew."""

GAP_MARGIN = 0.5
"""Seconds that the next line may begin later than expected, for a machine that is busy."""

ASK_AFTER = 2.0
"""Seconds after which a device is asked that publishes nothing though triggers come."""

GLANCE = 0.001
"""Seconds for which an axis is asked whether it stands."""


class Lag(NamedTuple):
    """How far a device is, and since when (s of the monotonic clock)."""

    points: int
    since: float


class HardwareSweeping(Sweeping):
    """The axis gives triggers at positions; devices count between them, and publish by themselves, in blocks."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        axis = self._continuous.axis.name
        self._names = emitted_channels(axis)
        self._gated = gated(parts.measuring)
        self._cards = [source.name for source in self._gated]
        described = [parts.scan.description.device(card) for card in self._cards]
        self._numbers = {counter.name for source in parts.measuring for counter in source.counters if counter.number}
        self._spacing = max([0.0, *(float(one.attributes.get(TRIGGER_SPACING, 0.0)) for one in described)])
        self._width = width_of(described, axis)
        self._line_points = self._continuous.lines[0].npoints
        self._of_lines = len(self._continuous.lines) * self._line_points
        """Points of all lines, without those at rest."""
        wanted = [name for one in self._continuous.moving for name in emitted_channels(one.name).values()]
        for source in parts.measuring:
            wanted += [counter.name for counter in source.counters]
        for card in self._cards:
            wanted += [valid_name(card), *(f"{card}_{what}" for what in COUNTS)]
        self._latched = LatchedPositions(described, self._continuous.moving)
        wanted = [*dict.fromkeys([*wanted, *self._latched.channels])]
        self._cursor = parts.scan.follow(wanted)
        self._others = {emitted_name(one.name): np.empty(0) for one in self._continuous.moving[1:]}
        """Positions of the other axes at the triggers that bound points which are not published yet, by source."""
        self._seen = [0] * len(self._continuous.lines)
        self._valid: dict[str, npt.NDArray[np.uint8]] = {card: np.empty(0, np.uint8) for card in self._cards}
        self._latest: dict[str, dict[str, float]] = {source.name: {} for source in parts.measuring}
        self._lag = {card: Lag(0, time.monotonic()) for card in self._cards}
        self._times = self._positions = np.empty(0)
        self._lines = np.empty(0, np.int32)
        self._line_zero = self._told = self._ended = self._spanned = 0.0
        self._first_time = math.inf
        self._first_at = 0.0
        """When the first point of the first line begins, as its axis plans it, in s since 1970."""
        self._spoilt_until = 0

    def _sweep(self, number: int) -> Iterator[tuple[int, dict[str, Any]]]:
        axis, line = self._continuous.axis, self._continuous.lines[number]
        asked = time.monotonic()
        yield from self._take(0.0)
        if not number:
            self._await_devices()
            yield from self._take(0.0)
        told = {"scan": self._parts.scan.identifier, "line": number, "clocks": not self._know_clocks(number)}
        spacing = self._spacing if self._continuous.swept.clock else line.spacing
        told |= {SPACING: spacing, WIDTH: self._width}
        self._continuous.arm(number, told)
        self._continuous.start(number)
        started = time.monotonic()
        self.durations.setup += started - asked
        measured = line.npoints * line.time
        run_up = self._continuous.swept.before(measured)
        ends = started + run_up + measured
        self._first_at = self._first_at or time.time() + run_up
        position: float | None = None
        while position is None:
            yield from self._take(min(SLICE, max(ends - time.monotonic(), 0.0)))
            self._parts.steering.check()
            self._look_after_devices()
            position = axis.await_rest(GLANCE if time.monotonic() < ends else SLICE)
        self._continuous.require_end(number, axis, position)
        for other in self._continuous.moving[1:]:
            while (position := other.await_rest(SLICE)) is None:
                self._parts.steering.check()
            self._continuous.require_end(number, other, position)
        self._ended = time.monotonic()
        if number and self._seen[number - 1] < line.npoints + 1:
            raise self._too_few(number - 1)
        self.durations.exposure += measured
        self.durations.motion += max(time.monotonic() - started - measured, 0.0)

    def _await_devices(self) -> None:
        """Wait until all devices are ready for triggers: those that come before are lost on them.

        Raises:
            NotReady: one does not take part any more.
            DeviceFailed: one has published that it failed.
            TimedOut: one does not get ready.
        """
        deadline = time.monotonic() + ARM_LIMIT
        for source in self._gated:
            while (progress := source.progress()).doing != GATED:
                self._parts.steering.check()
                if progress.scan != self._parts.scan.identifier:
                    raise NotReady(f"{source.name}: does not take part in the scan any more: {progress.sentence}")
                if time.monotonic() > deadline:
                    raise TimedOut(f"{source.name}: is {progress.doing}, not ready for triggers after {ARM_LIMIT:g} s")
                time.sleep(ARMING_PERIOD)

    def _know_clocks(self, number: int) -> bool:
        """Whether the line before has compared the clocks so well that triggers which set them can be left out."""
        if not number or not self._continuous.swept.clock or self._seen[number - 1] < self._line_points + 1:
            return False
        line, swept = self._continuous.lines[number], self._continuous.swept
        gap = time.monotonic() - self._ended + swept.duration - line.npoints * line.time + GAP_MARGIN
        return unsure(swept.jitter, self._spanned, gap) < TOLERANCE * line.time

    def _too_few(self, number: int) -> HardwareFault:
        return HardwareFault(
            f"{self._continuous.axis.name}: its controller gave {self._seen[number]} of {self._line_points + 1} "
            f"triggers in line {number}; did it pass all positions?"
        )

    def _finish(self) -> Iterator[tuple[int, dict[str, Any]]]:
        begun = asked = time.monotonic()
        deadline = begun + LATE_LIMIT
        there = 0
        while self._behind():
            now_there = sum(self._cursor.positions.values())
            if now_there > there or time.monotonic() > asked + ABSENT:
                there, deadline = now_there, time.monotonic() + LATE_LIMIT
            asked = time.monotonic()
            if time.monotonic() > deadline:
                if self._seen[-1] < self._line_points + 1:
                    raise self._too_few(len(self._seen) - 1)
                self._require_held()
                deadline = time.monotonic() + LATE_LIMIT
            yield from self._take(SLICE)
            self._parts.steering.check()
        self.durations.readout += time.monotonic() - begun
        self._disarm()

    def end_motion(self) -> None:
        """Let the axis give no more triggers, and publish the last ones."""
        self._disarm()

    def collect_rest(self) -> int:
        """All devices have left: take what they still published."""
        # a block that was being published when the scan ended
        interrupted = min(self._parts.own.index - self._first, self._of_lines) - self._published
        if interrupted > 0:
            self._published += interrupted
            self._forget(interrupted)
            self._latched.forget(interrupted)
            self._valid = {card: values[interrupted:] for card, values in self._valid.items()}
        deadline = time.monotonic() + LATE_LIMIT
        while not self._cursor.exhausted and time.monotonic() < deadline:
            for _ in self._take(SLICE, patient=False):
                pass
        self._tell_latched(self._published // self._line_points)
        return self._parts.own.index

    # -- tools

    def _disarm(self) -> None:
        for axis in self._continuous.moving:
            axis.remote.command(AcquisitionCommand.DISARM_SCAN, self._parts.scan.identifier)

    def _look_after_devices(self) -> None:
        """Ask those that publish nothing though triggers come.

        Raises:
            NotReady: one does not take part any more.
            CommunicationFailed, TimedOut: one does not answer.
        """
        now, due = time.monotonic(), sum(max(seen - 2, 0) for seen in self._seen)
        for source in self._gated:
            there, lag = self._published + len(self._valid[source.name]), self._lag[source.name]
            if there > lag.points or there >= due:
                self._lag[source.name] = Lag(there, now)
            elif now > lag.since + ASK_AFTER:
                self._lag[source.name] = Lag(there, now)
                progress = source.progress()
                if progress.scan != self._parts.scan.identifier:
                    why = progress.sentence or "its server was started again meanwhile"
                    raise NotReady(
                        f"{source.name}: does not take part in scan {self._parts.scan.number} any more: {why}"
                    )

    def _require_held(self) -> None:
        """See that the devices that have not published all wait for room in the stream.

        Raises:
            TimedOut: it does not.
        """
        for last in self._behind():
            progress = last.progress()
            if progress.doing != "held":
                raise TimedOut(
                    f"{last.name}: has not published all points {LATE_LIMIT:g} s after the last trigger, it is "
                    f"{progress.doing}: {progress.sentence or last.remote.status()}"
                )

    def _behind(self) -> list[Source]:
        """The devices that have not published all."""
        positions, lines = self._cursor.positions, len(self._continuous.lines)
        points = self._first + self._of_lines
        return [
            source
            for source in self._parts.measuring
            if positions[source.name] < points
            or (source.name in self._valid and positions[matching_name(source.name)] < lines)
        ]

    def _take(self, timeout: float, *, patient: bool = True) -> Iterator[tuple[int, dict[str, Any]]]:
        """Read what has come, and publish the positions of the points that all devices have measured."""
        try:
            blocks = self._cursor.read(timeout)
        except NeverWillBe:
            blocks = []
        for block in blocks:
            if block.device == emitted_name(self._continuous.axis.name):
                self._take_triggers(block.data)
            elif block.device in self._others:
                data = block.data
                channels = emitted_channels(emitting_axis(block.device))
                bounding = data[channels[POSITION]][data[channels[BOUNDS]] != 0]
                self._others[block.device] = np.concatenate([self._others[block.device], bounding])
            elif block.device in self._latest:
                valid = block.data.get(valid_name(block.device))
                if valid is not None:
                    self._latched.take(block.device, block.data)
                    self._valid[block.device] = np.concatenate([self._valid[block.device], valid])
                self._latest[block.device] = {
                    name: values[-1].item() for name, values in block.data.items() if name in self._numbers
                }
            else:
                self._take_matching(block.device.removesuffix("_matching"), block.first, block.data)
        if patient:
            for end in self._cursor.ends.values():
                if end.kind == "failed":
                    raise DeviceFailed(end.sentence or f"{end.device}: failed", end.device, end.length)
        self._look_at_suspenders()
        yield from self._publish()

    def _look_at_suspenders(self) -> None:
        """While one says no, all points are spoilt that are not published yet, up to the one in hand.

        Points are published some time after they were measured: what one says then tells nothing of them.
        """
        if self._parts.steering.looks_wrong(SLICE / 2):
            in_hand = max((number for number, seen in enumerate(self._seen) if seen), default=0)
            bounded = sum(max(seen - 1, 0) for seen in self._seen)
            ahead = 1 + math.ceil(2 * SLICE / self._continuous.lines[0].time)  # their triggers are on their way to us
            until = min(bounded + ahead, (in_hand + 1) * self._line_points)
            self._spoilt_until = max(self._spoilt_until, until)

    def _take_triggers(self, data: Any) -> None:
        times, positions, lines, bounds = (data[self._names[what]] for what in (TIME, POSITION, LINE, BOUNDS))
        bounding = bounds != 0
        self._first_time = min(self._first_time, float(times[0]))
        self._spanned = float(times[-1]) - self._first_time
        for line in np.unique(lines[bounding]).tolist():
            self._seen[line] += int(np.sum(lines[bounding] == line))
        self._times = np.concatenate([self._times, times[bounding]])
        self._positions = np.concatenate([self._positions, positions[bounding]])
        self._lines = np.concatenate([self._lines, lines[bounding]])

    def _take_matching(self, card: str, first: int, data: Any) -> None:
        for row in range(len(data[f"{card}_{COUNTS[0]}"])):
            emitted, received, recorded, *wrong = (int(data[f"{card}_{what}"][row]) for what in COUNTS)
            counts = [*zip(wrong, COUNTS[3:], strict=True), (received - recorded, "of them not recorded")]
            told = ", ".join(f"{count} {what}" for count, what in counts if count)
            if told:
                line = f"line {first + row}: " if len(self._continuous.lines) > 1 else ""
                self.remarks.append(
                    f"{card}: {line}{emitted} triggers emitted, {received} received: {told}; the points concerned are "
                    f"marked in {words.VALID}"
                )

    def _publish(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Publish points of one line; those of the next come with the next call."""
        while True:
            number = self._published // self._line_points
            if number >= len(self._continuous.lines) or not len(self._lines):
                return
            while len(self._lines) and self._lines[0] < number:  # the last edge of the line before
                self._forget(1)
            here = int(np.sum(self._lines == number))
            measured = min(len(valid) for valid in self._valid.values())
            latched = min(map(len, self._others.values()), default=here)
            count = min(here - 1, latched - 1, measured, (number + 1) * self._line_points - self._published)
            if count <= 0:
                return
            times, positions = self._times[: count + 1], self._positions[: count + 1]
            if not self._published:
                self._line_zero = float(times[0]) - self._elapsed_before()
            valid = np.min([self._valid[card][:count] for card in self._cards], axis=0)
            spoilt = min(max(self._spoilt_until - self._published, 0), count)
            valid[:spoilt] = 0
            self._parts.steering.spoiled += spoilt
            edges = {self._continuous.axis.name: (positions[:-1], positions[1:]), **self._other_edges(count)}
            edges = self._latched.settle(edges, valid)
            block = self._own_block(
                self._slow_of(number),
                self._first + self._published,
                edges,
                times[:-1] - self._line_zero,
                self._exposures(np.diff(times)),
                valid,
            )
            self._parts.own.publish_block(block, first=self._first + self._published)
            self._published += count
            self._forget(count)
            self._latched.forget(count)
            if self._published == (number + 1) * self._line_points:
                self._tell_latched(number)
            self._valid = {card: values[count:] for card, values in self._valid.items()}
            latest = {name: value for values in self._latest.values() for name, value in values.items()}
            if self._published < self._of_lines and time.monotonic() < self._told + TOLD_PERIOD:
                continue
            self._told = time.monotonic()
            shown = {name: values[-1].item() for name, values in block.items()}
            yield self._first + self._published - 1, {**shown, **latest}

    def _tell_latched(self, number: int) -> None:
        """Say what of the encoders in a line did not fit."""
        line = f"line {number}: " if len(self._continuous.lines) > 1 else ""
        self.remarks += [f"{line}{sentence}" for sentence in self._latched.remarks()]

    def _elapsed_before(self) -> float:
        """Seconds from the first point of the scan to that of the first line."""
        return 0.0

    def _exposures(self, lasts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """For how long points were measured that last so many s."""
        return lasts

    def _other_edges(self, count: int) -> dict[str, Edges]:
        """Of the other axes, for so many points from the first that is not published."""
        found = {}
        for source, positions in self._others.items():
            here = positions[: count + 1]
            found[emitting_axis(source)] = (here[:-1], here[1:])
        return found

    def _forget(self, count: int) -> None:
        self._others = {source: positions[count:] for source, positions in self._others.items()}
        self._times, self._positions = self._times[count:], self._positions[count:]
        self._lines = self._lines[count:]
