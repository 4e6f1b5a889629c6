"""Taking part in a continuous scan: counting between hardware triggers, and giving each count to its point."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ronda.devices.acquisition import AcquiringDevice
from ronda.devices.participation import Participation
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
from ronda.framework.scan.orders import Order, Progress
from ronda.framework.scan.trigger_match import JITTER, TOLERANCE, Matching
from ronda.framework.stream.answers import NeverWillBe

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from ronda.framework.stream.description import Channel
    from ronda.framework.stream.scan import Scan

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
        values: what was counted, one for each channel of the scan, or what `gated_points` needs; (n, width).
    """

    received: int
    begins: npt.NDArray[np.float64]
    ends: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]


class GatedParticipation(Participation):
    """One device in one scan whose points are bounded by hardware triggers."""

    def __init__(self, device: GatedDevice, scan: Scan, order: Order) -> None:
        super().__init__(device, scan, order)
        self._gated = device
        self._matching_out = scan.publisher(matching_name(device.label), wait=None, on_held=self._held)
        self._names = [channel.name for channel in scan.description.device(device.label).channels][:-1]
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
        return Progress(self.order.scan, self._done, self._doing, self._sentence)

    def _take_points(self) -> None:
        self._doing = "measuring"
        points = self.order.points
        try:
            while not self._leaving.wait(PERIOD) and (points is None or self._done < points):
                self._look()
            if self._leaving.is_set() and not self._failure:
                self._look_last()
        finally:
            self._gated.end_gated()
        self._matching_out.seal()

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
        # the last trigger may still be on its way to us
        late = min(self.order.exposure / 2, LATEST)
        if complete and time.monotonic() > self._complete_since + late + PERIOD:
            self._finish_line()
        else:
            self._publish(*matching.decide(complete=False))

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
            if self._read == 0:
                times = np.concatenate([block.begins[:1], times])
                counted = np.concatenate([np.full((1, counted.shape[1]), np.nan), counted])
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
                late = min(self.order.exposure / 2, LATEST)
                tolerance = TOLERANCE * self.order.exposure
                width = self._gated.gated_width(len(self._names))
                self._matching = Matching(width, tolerance, self._jitter, after=late, before=self._before)
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
        counts = (found.emitted, found.received, len(found.missing), len(found.late), found.extra)
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
        self._done += len(valid)


class GatedDevice(AcquiringDevice):
    """A device that takes part in scans, and may be able to count between hardware triggers."""

    def join_triggered(self, scan: Scan, order: Order, channels: Sequence[Channel]) -> Participation:
        """Get ready to count between triggers; the last of the channels tells which points are valid."""
        self.prepare_gated(channels[:-1])
        return GatedParticipation(self, scan, order)

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

    def gated_points(
        self, values: npt.NDArray[np.float64], valid: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        """The values of points, (n, channels), and which are valid, from what was counted in them, (n, width).

        Where an extra trigger came within a point, what was counted before and behind it is added up.
        """
        return values, valid
