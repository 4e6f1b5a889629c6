"""Taking part in a continuous scan: counting between hardware triggers, and giving each count to its point."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ronda.devices.acquisition import AcquiringDevice
from ronda.devices.participation import SLICE, Participation
from ronda.framework.errors import HardwareFault
from ronda.framework.scan.latches import (
    BOUNDS,
    COUNTS,
    JITTER_OF_TRIGGERS,
    LINE,
    TIME,
    emitted_channels,
    emitting_axis,
    matching_name,
    valid_name,
)
from ronda.framework.scan.orders import GATED, Order, Progress
from ronda.framework.scan.trigger_match import JITTER, TOLERANCE, Matching
from ronda.framework.stream.answers import NeverWillBe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from ronda.framework.stream.description import Channel
    from ronda.framework.stream.frames.ring import FrameRing
    from ronda.framework.stream.scan import Scan
    from ronda.framework.stream.trigger import Trigger

PERIOD = 0.05
"""Seconds between two looks at what was counted."""

LATEST = 0.01
"""Seconds after the last trigger of a line during which what comes belongs to that line, at most; an axis needs longer
to brake and to run up again."""

SEALED_LIMIT = 1.0
"""Seconds for which the last triggers of a scan that was stopped are waited for."""


class Counted(NamedTuple):
    """What a device counted between triggers, a block of n intervals.

    Attributes:
        received: triggers since it was armed.
        begins, ends: when the triggers came that bound each interval, in s of the device's clock; (n,).
        values: what was counted, one for each channel of the scan, or what `gated_points` needs; (n, width less k).
        latched: k values that were latched at each of the triggers; (n + 1, k). None for none.
    """

    received: int
    begins: npt.NDArray[np.float64]
    ends: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]
    latched: npt.NDArray[np.float64] | None = None


class GatedParticipation(Participation):
    """One device in one scan whose points are bounded by hardware triggers.

    Those at rest, before and behind the lines, it measures at software triggers.
    """

    def __init__(self, device: GatedDevice, scan: Scan, order: Order, ring: FrameRing | None = None) -> None:
        super().__init__(device, scan, order, ring)
        self._gated = device
        self._matching_out = scan.publisher(matching_name(device.label), wait=None, on_held=self._held)
        self._channels = scan.description.device(device.label).channels[:-1]
        self._names = [channel.name for channel in self._channels]
        self._emitted = emitted_channels(emitting_axis(order.triggers))
        told = scan.description.device(order.triggers).attributes
        self._jitter = float(told.get(JITTER_OF_TRIGGERS, JITTER))
        self._cursor = scan.follow([self._emitted[what] for what in (TIME, LINE, BOUNDS)])
        self._read = 0
        self._done = 0
        self._line = -1
        self._matching: Matching | None = None
        self._before: Matching | None = None
        self._coming: list[tuple[int, npt.NDArray[np.float64], npt.NDArray[np.bool_]]] = []
        self._early: list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]] = []
        self._complete_since = 0.0

    def progress(self) -> Progress:
        """What the device does now; any thread."""
        if not self.running:
            return Progress(sentence=self._sentence)
        return Progress(self.order.scan, max(self._done, self._listener.index), self._doing, self._sentence)

    def _take_points(self) -> None:
        before, after = self.order.at_rest
        points = self.order.points
        until = None if points is None else points - after
        if before:
            self._measure_at_rest(before)
        if not self._leaving.is_set():
            if before:
                self._gated.prepare_gated(self._channels)
            self._take_lines(until)
        self._matching_out.seal()
        if after and until is not None and not self._leaving.is_set():
            self._gated.prepare_points(self._order_at(until), self._channels)
            self._listener.index = until
            self._measure_at_rest(until + after)

    def _measure_at_rest(self, until: int) -> None:
        """Measure points at software triggers, up to an index."""
        self._doing = "armed"
        while not self._leaving.is_set() and self._listener.index < until:
            trigger = self._listener.wait(SLICE)
            if trigger is not None and not self._leaving.is_set():
                self._measure(trigger)
                self._doing = "armed"
        self._done = self._listener.index

    def _values(self, trigger: Trigger) -> Mapping[str, Any]:
        return {**super()._values(trigger), valid_name(self._gated.label): 1}

    def _take_lines(self, until: int | None) -> None:
        self._doing = GATED
        try:
            while not self._leaving.wait(self._pause()) and (until is None or self._done < until):
                self._look()
            if self._leaving.is_set() and not self._failure:
                self._look_last()
        finally:
            self._gated.end_gated()

    def _pause(self) -> float:
        """Seconds until the next look."""
        return PERIOD

    def _look(self) -> None:
        """Take what came since, and publish the points that are decided."""
        self._read_counts()
        self._read_triggers(0.0)
        matching = self._matching
        if matching is None:
            return
        complete = matching.points == self.order.line_points
        if complete and not self._complete_since:
            self._complete_since = time.monotonic()
        if complete and self._all_came(matching, time.monotonic() - self._complete_since):
            self._finish_line()
        else:
            self._publish(*matching.decide(complete=False))

    def _all_came(self, matching: Matching, since: float) -> bool:
        """Whether nothing more of a line can come, so many s after its last trigger was heard of."""
        del matching
        return since > self._late() + PERIOD  # the last trigger may still be on its way to us

    def _late(self) -> float:
        return min(self.order.exposure / 2, LATEST)

    def _matching_of_line(self) -> Matching:
        width = self._gated.gated_width(len(self._names))
        tolerance = TOLERANCE * self.order.exposure
        return Matching(
            width,
            tolerance,
            self._jitter,
            after=self._late(),
            before=self._before,
            latched=self._gated.gated_latches(),
        )

    def _lost(self) -> int:
        """How many triggers of the line the device has taken of which nothing came to us."""
        return 0

    def _look_last(self) -> None:
        """The scan was stopped, and the axis gives no more triggers: what is there belongs to the line in hand."""
        deadline = time.monotonic() + SEALED_LIMIT
        while not self._cursor.exhausted and time.monotonic() < deadline:
            self._read_triggers(PERIOD)
        self._read_counts()
        while self._matching is not None:
            try:
                self._finish_line()
            except HardwareFault as error:  # stopped before the clocks could be set
                self._log.info(str(error))
                return

    def _read_counts(self) -> None:
        while True:
            block = self._gated.counted(self._read)
            if not len(block.ends):
                return
            times, counted = block.ends, block.values
            latched = np.empty((len(times) + 1, 0)) if block.latched is None else block.latched
            counted = np.concatenate([counted, latched[1:]], axis=1)
            if self._read == 0:
                times = np.concatenate([block.begins[:1], times])
                first = np.concatenate([np.full((1, block.values.shape[1]), np.nan), latched[:1]], axis=1)
                counted = np.concatenate([first, counted])
            self._read += len(block.ends)
            if self._matching is None:
                self._early.append((times, counted))
            else:
                self._matching.add_received(times, counted)
            if self._read >= block.received - 1:
                return

    def _read_triggers(self, wait: float) -> None:
        try:
            blocks = self._cursor.read(wait)
        except NeverWillBe:
            return
        for block in blocks:
            times, lines, bounds = (block.data[self._emitted[what]] for what in (TIME, LINE, BOUNDS))
            for line in np.unique(lines).tolist():
                here = lines == line
                self._coming.append((line, times[here], bounds[here] != 0))
        self._take_triggers()

    def _take_triggers(self) -> None:
        """Give the triggers of the line in hand to its matching; those of later lines wait."""
        while self._coming:
            line, times, bounds = self._coming[0]
            if self._matching is None:
                self._line = line
                self._matching = self._matching_of_line()
                for early in self._early:
                    self._matching.add_received(*early)
                self._early.clear()
            if line != self._line:
                return
            self._matching.add_emitted(times, bounds)
            del self._coming[0]

    def _finish_line(self) -> None:
        matching = self._matching
        assert matching is not None  # noqa: S101 - whoever calls has seen it
        self._publish(*matching.decide(complete=True))
        found = matching.result()
        recorded, wrong = found.received, (len(found.missing), len(found.late), found.extra)
        counts = (found.emitted, recorded + self._lost(), recorded, *wrong)
        label = self._gated.label
        told: dict[str, Any] = {f"{label}_{what}": count for what, count in zip(COUNTS, counts, strict=True)}
        self._matching_out.publish(
            {**told, f"{label}_clock_offset": found.offset, f"{label}_clock_skew": found.skew}, index=self._line
        )
        if found.sentence():
            self._log.warning(f"line {self._line}: {found.sentence()}")
        rest = matching.rest()
        self._early = [rest] if len(rest[0]) else []
        self._before, self._matching, self._complete_since = matching, None, 0.0
        self._take_triggers()

    def _publish(self, values: npt.NDArray[np.float64], valid: npt.NDArray[np.uint8]) -> None:
        if not len(valid):
            return
        values, valid = self._gated.gated_points(values, valid)
        block: dict[str, Any] = {name: values[:, place] for place, name in enumerate(self._names)}
        block[valid_name(self._gated.label)] = valid
        self._publisher.publish_block(block, first=self._done)
        self._doing, self._sentence = GATED, ""  # it may have been held
        self._done += len(valid)


class GatedDevice(AcquiringDevice):
    """A device that takes part in scans, and may be able to count between hardware triggers."""

    def join_triggered(self, scan: Scan, order: Order, channels: Sequence[Channel]) -> Participation:
        """Get ready to count between triggers; the last of the channels tells which points are valid."""
        self.prepare_triggered(order, channels[:-1])
        return GatedParticipation(self, scan, order)

    def prepare_triggered(self, order: Order, channels: Sequence[Channel]) -> None:
        """Get ready for what comes first: points at rest, or triggers."""
        if order.at_rest[0]:
            self.prepare_points(order, channels)
        else:
            self.prepare_gated(channels)

    def prepare_gated(self, channels: Sequence[Channel]) -> None:
        """Get ready to count from each trigger to the next.

        Raises:
            NotAllowed: it cannot.
            Busy, HardwareFault, CommunicationFailed …: it cannot now.
        """
        raise NotImplementedError

    def counted(self, first: int) -> Counted:
        """What was counted from interval `first` on, possibly a part of it."""
        raise NotImplementedError

    def end_gated(self) -> None:
        """Take no more triggers."""
        raise NotImplementedError

    def gated_width(self, channels: int) -> int:
        """How many values `counted` gives for each interval of a scan with so many channels."""
        return channels

    def gated_latches(self) -> int:
        """How many of these, the last ones, are latched at the trigger that ends the interval, not counted in it."""
        return 0

    def gated_points(
        self, values: npt.NDArray[np.float64], valid: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        """The values of points, (n, channels), and which are valid, from what was counted in them, (n, width).

        Of what was latched, k values at the trigger that begins the point come, then k at the one that ends it.
        Where an extra trigger came within a point, what was counted before and behind it is added up.
        """
        return values, valid
