"""A camera in a continuous scan: a frame at each hardware trigger, and each frame given to its point."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from ronda.devices.camera.contract import MOST_FRAMES
from ronda.devices.gated import GatedParticipation
from ronda.framework.errors import HardwareFault, RondaError
from ronda.framework.scan.latches import valid_name
from ronda.framework.scan.trigger_match import TOLERANCE, Matching
from ronda.framework.stream.frames.packed import PackedFrame

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from ronda.devices.camera.contract import TriggeredFrame
    from ronda.devices.camera.device import CameraDevice
    from ronda.framework.scan.orders import Order
    from ronda.framework.stream.frames.ring import FrameRing
    from ronda.framework.stream.scan import Scan

IMAGE = "image"

ON_ITS_WAY = 2.0
"""Seconds for which a frame may be on its way to us after its exposure; one that has not come then was lost."""

LAST_ON_ITS_WAY = 1.0
"""The same for the frame in hand when a scan is stopped: who stopped it waits."""

LONGEST_LOOK = 0.5
"""Seconds of silence that two looks at the camera tell at most: between any further apart it was us who stood still."""

ARMING_PERIOD = 0.02
"""Seconds between two looks whether the camera is armed."""

EXPOSURE_TOLERANCE = 0.01
"""Part of the exposure by which that of a frame may differ that a signal has bounded."""

SHOW_PERIOD = 0.2
"""Seconds between two frames that attributes show; all are in the stream."""


class FramesParticipation(GatedParticipation):
    """A camera in one scan whose frames hardware triggers start.

    Args:
        order: as all devices got it.
        own: with the exposure time of the camera.
        ring: where frames go; None if none are wanted, but numbers of them.
    """

    def __init__(self, camera: CameraDevice, scan: Scan, order: Order, own: Order, ring: FrameRing | None) -> None:
        super().__init__(camera, scan, order, ring)
        self._camera = camera
        self._own = own
        self._frames: dict[int, npt.NDArray[Any] | PackedFrame] = {}
        """Frames that came and are not published yet, by their number."""
        self._image = camera.scan_names.get(IMAGE)
        self._odd: set[int] = set()
        """Of those frames, the numbers of those that were not exposed for as long as they should be."""
        self._wanted = frozenset(camera.scan_names) - {IMAGE}
        self._numbers = [name for name in self._names if name != self._image]
        self._rows = camera.rows_of(self._wanted)
        self._next = self._lost_ones = 0
        self._shown = self._looked = self._silent = 0.0
        self._more = False
        """Whether further frames may be there already."""

    def _order_at(self, point: int) -> Order:
        return self._own.at(point)

    def _take_lines(self, until: int | None) -> None:
        self._doing = "arming"
        try:
            while not self._leaving.wait(ARMING_PERIOD) and not self._camera.armed():
                pass
        except BaseException:
            with suppress(RondaError):  # the scan hears of the first failure
                self._camera.end_gated()
            raise
        super()._take_lines(until)

    def _matching_of_line(self) -> Matching:
        columns, tolerance = len(self._numbers) + 1, TOLERANCE * self.order.exposure
        return Matching(columns, tolerance, self._jitter, after=self._late(), before=self._before, each=True)

    def _all_came(self, matching: Matching, since: float) -> bool:
        patient = self._silent < self._own.exposure + ON_ITS_WAY
        return super()._all_came(matching, since) and (matching.all_on_time or not patient)

    def _pause(self) -> float:
        return 0.0 if self._more else super()._pause()

    def _lost(self) -> int:
        lost, self._lost_ones = self._lost_ones, 0
        return lost

    def _look_last(self) -> None:
        deadline = time.monotonic() + min(self._own.exposure, LAST_ON_ITS_WAY) + LAST_ON_ITS_WAY / 2
        while time.monotonic() < deadline:
            self._read_counts()
            self._read_triggers(0.02)
            if self._matching is not None and self._cursor.exhausted:
                self._publish(*self._matching.decide(complete=False))
                if self._matching.all_on_time:
                    break
        super()._look_last()

    def _read_counts(self) -> None:
        """Take frames that came; those that are left come the next time, so that points are published meanwhile."""
        now = time.monotonic()
        self._silent += min(now - self._looked, LONGEST_LOOK)
        self._looked = now
        found = self._camera.triggered()
        self._more = len(found) >= MOST_FRAMES
        if found or not self._complete_since:  # before the last trigger silence says nothing
            self._silent = 0.0
        if found:
            rows = np.full((len(found), len(self._numbers) + 1), np.nan)
            for row, one in zip(rows, found, strict=True):
                self._lost_ones += one.number - self._next
                self._next = one.number + 1
                self._frames[one.number] = one.frame
                if one.exposure and abs(one.exposure / self._own.exposure - 1) > EXPOSURE_TOLERANCE:
                    self._odd.add(one.number)
                row[:-1] = self._numbers_of(one)
                row[-1] = one.number
            times = np.array([one.time for one in found])
            if self._matching is None:
                self._early.append((times, rows))
            else:
                self._matching.add_received(times, rows)

    def _numbers_of(self, one: TriggeredFrame) -> Sequence[float]:
        """What is computed of a frame; now and then attributes show it."""
        show = time.monotonic() > self._shown + SHOW_PERIOD
        if not self._wanted and not show:
            return []
        raw: npt.NDArray[Any]
        if not isinstance(one.frame, PackedFrame):
            raw = one.frame
        else:
            raw = one.frame.unpack() if show else one.frame.unpack_rows(*self._rows)
        measurement = self._camera.evaluate(raw, self._wanted)
        if show:
            self._shown = time.monotonic()
            self._camera.show_triggered(measurement)
        names = self._camera.scan_names
        values = {names[own]: value for own, value in measurement.numbers.items() if own in names}
        return [values[name] for name in self._numbers]

    def _publish(self, values: npt.NDArray[np.float64], valid: npt.NDArray[np.uint8]) -> None:
        if not len(valid):
            return
        block: dict[str, Any] = {name: values[:, place] for place, name in enumerate(self._numbers)}
        numbers = values[:, -1].tolist()
        block[valid_name(self._gated.label)] = valid = self._without_odd(valid, numbers)
        if self._image is not None:
            blank = None if all(map(math.isfinite, numbers)) else self._camera.blank()
            block[self._image] = [blank if math.isnan(one) else self._frame(int(one)) for one in numbers]
        self._doing = "publishing"
        self._publisher.publish_block(block, first=self._done)
        self._doing, self._sentence = "gated", ""  # it may have been held
        self._done += len(valid)
        last = max((int(one) for one in numbers if math.isfinite(one)), default=-1)
        for number in [number for number in self._frames if number <= last]:  # those of no point among them
            del self._frames[number]
        self._odd = {number for number in self._odd if number > last}

    def _without_odd(self, valid: npt.NDArray[np.uint8], numbers: Sequence[float]) -> npt.NDArray[np.uint8]:
        """Points whose frames were exposed too long or too short are not valid."""
        odd = [place for place, number in enumerate(numbers) if number in self._odd]
        if not odd:
            return valid
        valid = valid.copy()
        valid[odd] = 0
        self._log.warning(
            f"{len(odd)} frames were not exposed for {self._own.exposure:g} s, because their triggers stayed on for "
            "another time; their points are not valid"
        )
        return valid

    def _frame(self, number: int) -> npt.NDArray[Any] | PackedFrame:
        found = self._frames[number]
        shape = self._described.channels[self._names.index(self._image)].shape if self._image else found.shape
        if found.shape != shape:
            raise HardwareFault(
                f"{self._gated.label}: the camera gave a frame of {found.shape[1]} x {found.shape[0]} pixels, it was "
                f"set to {shape[1]} x {shape[0]}; somebody else uses it"
            )
        return found
