"""Sweeping for a tomogram: dark and flat fields at rest, projections while the sample turns, flat fields again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.scan import motion
from ronda.framework.scan.fields import Fields
from ronda.framework.scan.latches import TRIGGER_SPACING
from ronda.framework.scan.plan import Point
from ronda.framework.scan.points import Points
from ronda.framework.scan.sweeping import SLICE, Parts
from ronda.framework.scan.sweeping_hardware import HardwareSweeping
from ronda.framework.scan.sweeping_points import SoftwarePoints
from ronda.framework.scan.sweeping_software import SoftwareSweeping
from ronda.framework.stream.trigger import TriggerLine


class Tomography(SoftwarePoints):
    """Takes all frames of one tomogram. Between two frames that are taken at rest it pauses, and within a sweep never.

    Args:
        parts, line, points: as for software triggers, at which the frames at rest are taken in any case.
        fields: what is taken at rest.
        places: positions of `fields.out` with the sample in the beam, and out of it; nothing without it.
    """

    def __init__(
        self, parts: Parts, line: TriggerLine, points: Points, fields: Fields, places: Sequence[Point]
    ) -> None:
        super().__init__(parts, line, points)
        self._fields = fields
        self._places = tuple(places)
        self._first = fields.before
        self._next = 0

    def run(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Take all frames; gives index and values of each."""
        yield from self._dark()
        yield from self._flat(self._fields.flats)
        for index, values in super().run():
            self._next = index + 1
            yield index, values
        yield from self._flat(self._fields.flats_after)

    def _go_to_begin(self, number: int) -> None:
        """The sample comes into the beam before it turns: beside it there may be room for one of both motions only."""
        inside, out = self._slow_of(number), self._fields.out
        if out is not None and inside != self._slow:
            self.moved = True
            motion.move([out], inside, self._parts.steering.check)
            self._slow = inside
        super()._go_to_begin(number)

    def _slow_of(self, number: int) -> Point:
        del number  # there is one line
        return self._places[0] if self._places else ()

    def _dark(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Frames with the beam shut off. What users have done around points lets it in: it is not done here."""
        shutter = self._fields.shutter
        if not self._fields.darks or shutter is None:
            return
        begun = time.monotonic()
        shutter.close()
        self._slow = self._places_now()
        self.durations.setup += time.monotonic() - begun
        yield from self._at_rest(self._fields.darks)
        shutter.open()

    def _flat(self, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """Frames with the sample out of the beam."""
        if not count or self._fields.out is None:
            return
        steering, presets = self._parts.steering, self._parts.presets
        steering.wait_until_free()
        presets.prepare_point(self._next)
        begun = time.monotonic()
        self.moved = True
        motion.move([self._fields.out], self._places[1], steering.check)
        self._slow = self._places[1]
        self.durations.motion += time.monotonic() - begun
        presets.start_point(self._next)
        yield from self._at_rest(count)
        presets.stop_point()

    def _at_rest(self, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
        steering, exposure = self._parts.steering, self._exposure
        angle = self._continuous.axis.position
        stands: Callable[[float], float] = lambda _: angle  # noqa: E731 - where it is at any time
        for _ in range(count):
            waited = steering.waited
            steering.wait_until_free()
            self.durations.waiting += steering.waited - waited
            point = self._fire(self._next, {self._continuous.axis.name: stands}, until=math.inf)
            values = self._points.collect(point.index, self._line, point.index)
            own = self._finish_point(point)
            self._next = point.index + 1
            self.durations.exposure += exposure
            self.durations.readout += max(time.time() - point.fired - exposure, 0.0)
            yield point.index, {**own, **values}

    def _places_now(self) -> Point:
        """Where the sample is."""
        return () if self._fields.out is None else (self._fields.out.position,)


class SoftwareTomography(Tomography, SoftwareSweeping):
    """The projections are triggered by software too."""


class HardwareTomography(Tomography, HardwareSweeping):
    """The axis gives a trigger for each projection; before and behind them devices listen to software triggers."""

    def __init__(
        self, parts: Parts, line: TriggerLine, points: Points, fields: Fields, places: Sequence[Point]
    ) -> None:
        super().__init__(parts, line, points, fields, places)
        described = [parts.scan.description.device(card) for card in self._cards]
        frames = [float(one.attributes["exposure"]) for one in described if TRIGGER_SPACING in one.attributes]
        self._exposure = min(frames, default=self._exposure)

    def _sweep(self, number: int) -> Iterator[tuple[int, dict[str, Any]]]:
        while min(self._cursor.positions[card] for card in self._cards) < self._first:
            yield from self._take(SLICE)
            self._parts.steering.check()
        self._valid = {card: np.empty(0, np.uint8) for card in self._cards}  # those of points at rest are told
        self._latched.clear()
        yield from super()._sweep(number)
        self._zero = self._zero or self._first_at  # nothing was taken before: frames behind go on from here

    def _elapsed_before(self) -> float:
        return self._first_at - self._zero if self._zero else 0.0

    def _exposures(self, lasts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.full(len(lasts), self._exposure)
