"""Sweeping for a tomogram: dark and flat fields at rest, projections while the sample turns, flat fields again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ronda.framework.scan import motion
from ronda.framework.scan.fields import Fields
from ronda.framework.scan.plan import Point
from ronda.framework.scan.points import Points
from ronda.framework.scan.sweeping import Parts
from ronda.framework.scan.sweeping_software import SoftwareSweeping
from ronda.framework.stream.trigger import TriggerLine


class TomographySweeping(SoftwareSweeping):
    """Takes all frames of one tomogram. Between two frames that are taken at rest it pauses, and within a sweep never.

    Args:
        parts, line, points: as for software triggers.
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
        steering, exposure = self._parts.steering, self._continuous.exposure
        angle = np.array([self._continuous.axis.position])
        for _ in range(count):
            waited = steering.waited
            steering.wait_until_free()
            self.durations.waiting += steering.waited - waited
            index = self._next
            self._line.fire(index, point=index)
            fired = time.time()
            self._zero = self._zero or fired
            values = self._points.collect(index, self._line, index)
            spoilt = steering.looks_wrong()
            steering.spoiled += spoilt
            block = self._own_block(
                self._slow,
                index,
                {self._continuous.axis.name: (angle, angle)},
                np.array([fired - self._zero]),
                np.array([exposure]),
                np.array([not spoilt], np.uint8),
            )
            self._parts.own.publish_block(block, times=[fired], first=index)
            self._next = index + 1
            self.durations.exposure += exposure
            self.durations.readout += max(time.time() - fired - exposure, 0.0)
            yield index, {**{name: found[0].item() for name, found in block.items()}, **values}

    def _places_now(self) -> Point:
        """Where the sample is."""
        return () if self._fields.out is None else (self._fields.out.position,)
