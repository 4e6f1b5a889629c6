"""Sweeping with software triggers: devices are triggered at equal times, and the axis tells where it was then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ronda.framework.clients.axis import Axis
from ronda.framework.scan import motion
from ronda.framework.scan.sweeping import SLICE
from ronda.framework.scan.sweeping_points import SoftwarePoints


class SoftwareSweeping(SoftwarePoints):
    """The axis sweeps, and each point is triggered when it should be there; positions are those that the axis tells."""

    def _sweep(self, number: int) -> Iterator[tuple[int, dict[str, Any]]]:
        continuous, line = self._continuous, self._continuous.lines[number]
        swept = continuous.how(number)
        exposure = self._continuous.exposure
        asked = time.time()
        continuous.start(number)
        answered = time.time()
        began = (asked + answered) / 2
        sure = answered - asked < line.time  # else nobody knows when it began
        first = began + swept.before(line.npoints * line.time)

        def velocity(axis: Axis) -> Callable[[float], float]:
            return lambda when: continuous.velocity(number, axis, when - first)

        tracks = {axis.name: Track(axis.timed_position, velocity(axis)) for axis in continuous.moving}
        end, late = first + line.npoints * line.time, 0
        for place in range(line.npoints):
            index = self._first + number * line.npoints + place
            self._wait_until(first + place * line.time)
            late += time.time() - (first + place * line.time) > line.time / 2
            fired = self._fire(index, {name: track.at for name, track in tracks.items()}, until=end if sure else 0.0)
            values = self._points.collect(index, self._line, index)
            self._parts.steering.check()
            own = self._finish_point(fired)
            yield index, {**own, **values}
        if late:
            self.remarks.append(
                f"{late} of {line.npoints} points were triggered late: devices need longer than {line.time:g} s for "
                "each, or the machine was busy; positions are where they were measured"
            )
        positions = motion.wait(continuous.moving, self._parts.steering.check)
        for axis, position in zip(continuous.moving, positions, strict=True):
            continuous.require_end(number, axis, position)
        self.durations.exposure += line.npoints * exposure
        self.durations.readout += line.npoints * (line.time - exposure)
        self.durations.motion += max(time.time() - began - line.npoints * line.time, 0.0)

    def _wait_until(self, when: float) -> None:
        while (left := when - time.time()) > 0:
            time.sleep(min(left, SLICE))
            self._parts.steering.check()


class Track:
    """Where a sweeping axis was, from what it said now and then.

    Args:
        sample: asks it; gives seconds since 1970, its position then, and whether it moved.
        velocity: of the sweep at a time (s since 1970), in its unit per s, with the sign of its direction.
    """

    def __init__(self, sample: Callable[[], tuple[float, float, bool]], velocity: Callable[[float], float]) -> None:
        self._sample = sample
        self._velocity = velocity
        self._times: list[float] = []
        self._positions: list[float] = []
        self._moving = True

    def at(self, when: float) -> float:
        """Position at a time (s since 1970): between two that it told, or on from the latest with its velocity."""
        if not self._times or self._times[-1] < when:
            time_, position, self._moving = self._sample()
            if not self._times or time_ > self._times[-1]:
                self._times.append(time_)
                self._positions.append(position)
        if (when > self._times[-1] and self._moving) or len(self._times) == 1:
            return self._positions[-1] + self._velocity(self._times[-1]) * (when - self._times[-1])
        return float(np.interp(when, self._times[-50:], self._positions[-50:]))
