"""The electronic cam of an IcePAP's board: a pulse at each position of a table, whenever it is passed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable

from ronda.simulators.physics.axis import Axis
from ronda.simulators.physics.trajectory import Trajectory

MEMORY = 40954
"""16 bit words that a table has room for."""

SOURCES = ("AXIS", "PARAM")
"""What the simulated cam can be turned by: the axis's register, or the parameter of a trajectory."""


class Cam:
    """A cam. Unlike a compare unit, it remembers nothing, and gives its pulses in both directions, again and again.

    `settle` must be called before the motion of the axis changes, for pulses are worked out from the motion as it is.

    Args:
        axis: whose register may turn it.
        parameter: the course of the board's parameter; None if it never had one.
        time: from when on.
    """

    def __init__(self, axis: Axis, parameter: Callable[[], Trajectory | None], time: float) -> None:
        self._axis = axis
        self._parameter = parameter
        self._since = time
        self._unsent: list[float] = []
        self.source = SOURCES[0]
        self.positions: list[float] = []
        self.on = False
        self.level = "PULSE"
        self.outputs: dict[str, tuple[str, str]] = {}
        """By output: its signal and polarity."""

    def load(self, source: str, positions: list[float], time: float) -> None:
        """Take another table, and be on."""
        self.settle(time)
        self.source, self.positions, self.on = source, sorted(positions), bool(positions)

    def emitted(self, time: float) -> list[float]:
        """Times of the pulses at the outputs since this was asked last, up to a time."""
        self.settle(time)
        unsent, self._unsent = self._unsent, []
        return unsent

    def settle(self, time: float) -> None:
        """Give the pulses that fall before a time in the present motion."""
        since, self._since = self._since, max(time, self._since)
        routed = any(signal == "ECAM" for signal, _ in self.outputs.values())
        if not self.on or not self.positions or not routed or self.level != "PULSE" or time <= since:
            return
        if self.source == "PARAM":
            course = self._parameter()
            if course is not None:
                self._pass(course, self.positions, since, time)
            return
        motor = [self._axis.motor_at(position) for position in self.positions]
        for course in reversed(self._axis.stage.courses(since, time)):
            self._pass(course, motor, since, time)

    def _pass(self, course: Trajectory, places: list[float], since: float, until: float) -> None:
        ends = sorted((course.position(since), course.position(until)))
        between = places[bisect_left(places, ends[0]) : bisect_right(places, ends[1])]
        for place in between if course.direction > 0 else reversed(between):
            passes = course.time_at(place)
            if passes is not None and since < passes <= until:
                self._unsent.append(passes)
