"""Position compare: a controller emits a trigger whenever an axis passes the next of equidistant positions.

While it follows a trajectory, the triggers come at equidistant times of it instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ronda.simulators.physics.axis import Axis


@dataclass(frozen=True, slots=True)
class Latch:
    """What a controller keeps of one trigger.

    Attributes:
        time: when it was emitted, in s.
        position: what the register showed, in steps.
        encoder: what the encoder showed, in counts; NaN without one.
        compared: whether a position gave it, and not a command.
    """

    time: float
    position: float
    encoder: float
    compared: bool


class PositionCompare:
    """The compare unit of one axis; positions in steps of its register, times in s.

    Only a motion in the direction of the step meets the positions, each once and in order. `settle` must be called
    before the motion of the axis changes, for pulses are worked out from the motion as it is.
    """

    def __init__(self, axis: Axis) -> None:
        self._axis = axis
        self._start = self._step = 0.0
        self._count = self._next = 0
        self._since = 0.0
        self._unsent: list[float] = []
        self._timed = False
        self._begun: float | None = None
        self._emits = True
        self.latches: list[Latch] = []

    @property
    def armed(self) -> bool:
        """Whether positions are still to come."""
        return self._next < self._count

    def arm(self, start: float, step: float, count: int, time: float) -> None:
        """Emit at `start`, `start + step` … `count` times; what was latched before stays until `clear`."""
        self._start, self._step, self._count, self._next, self._since = start, step, count, 0, time
        self._timed, self._emits = False, True

    def arm_times(self, first: float, period: float, count: int, *, emits: bool) -> None:
        """Latch at times from the begin of the next trajectory on, and emit as well if it is to."""
        self._start, self._step, self._count, self._next = first, period, count, 0
        self._timed, self._begun, self._emits = True, None, emits

    def begin(self, time: float) -> None:
        """A trajectory of its axis begins."""
        self._begun = time

    def disarm(self) -> None:
        """Emit at no further position."""
        self._count = self._next

    def clear(self) -> None:
        """Forget what was latched."""
        self.latches = []

    def pulse(self, time: float) -> None:
        """Emit one trigger now."""
        self.settle(time)
        self._emit(time, compared=False)

    def emitted(self, time: float) -> list[float]:
        """Times of the triggers since this was asked last, up to a time."""
        self.settle(time)
        unsent, self._unsent = self._unsent, []
        return unsent

    def settle(self, time: float) -> None:
        """Emit what falls before a time in the present motion."""
        if self._timed:
            self._settle_times(time)
            return
        course = self._axis.stage.trajectory
        while self._next < self._count and course.direction * self._step > 0:
            passes = course.time_at(self._axis.motor_at(self._start + self._next * self._step))
            if passes is None or not self._since <= passes <= time:
                return
            self._emit(passes, compared=True)
            self._next += 1

    def end(self, time: float) -> None:
        """The trajectory ends early, at a time: nothing is latched after it."""
        if self._timed and self._begun is not None:
            self._count = min(self._count, max(math.floor((time - self._begun - self._start) / self._step) + 1, 0))

    def _settle_times(self, time: float) -> None:
        while self._begun is not None and self._next < self._count:
            due = self._begun + self._start + self._next * self._step
            if due > time:
                return
            self._emit(due, compared=True)
            self._next += 1

    def _emit(self, time: float, *, compared: bool) -> None:
        encoder = self._axis.encoder
        counts = float("nan") if encoder is None else float(encoder.counts(time))
        self.latches.append(Latch(time, float(self._axis.position(time)), counts, compared))
        if self._emits or not compared:
            self._unsent.append(time)
        self._since = time
