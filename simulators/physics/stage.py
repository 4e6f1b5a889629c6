"""A motorised stage: where its motor and its carriage are at any time, with play between them, and its switches."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from ronda.simulators.physics.trajectory import Trajectory, at_rest, trapezoid

REMEMBERED_MOVES = 1000
"""How far back the positions of a stage are known; a detector that integrates over more moves sees only the last."""

FAR = 2.0**32
"""Where a motion without a target leads to, in steps from where it begins."""


@dataclass(frozen=True, slots=True)
class Mechanics:
    """What a stage is made of; lengths in its own unit (mm, deg).

    Attributes:
        steps_per_unit: motor steps for one unit.
        play: how far the motor turns, after a reversal, before the carriage follows.
        lower_switch, upper_switch: where the limit switches trip; None without.
        home: centre of the home switch; None without.
        home_width: the home switch is closed over this width.
        index: where the index mark of the encoder is; None without.
    """

    steps_per_unit: float = 2000.0
    play: float = 0.0
    lower_switch: float | None = None
    upper_switch: float | None = None
    home: float | None = None
    home_width: float = 0.1
    index: float | None = None


@dataclass(frozen=True, slots=True)
class _Move:
    """A motion of the motor, and where the carriage stood when it began; in steps."""

    trajectory: Trajectory
    carriage: float


class Stage:
    """A stage with its history.

    The motor counts mechanical steps. The carriage follows it exactly when pushed upwards and is the play above it
    when pulled downwards; in between it stays where it is.

    Args:
        mechanics: what it is made of.
        position: where motor and carriage stand, in its own unit.
        time: from when on.
    """

    def __init__(self, mechanics: Mechanics, position: float = 0.0, time: float = 0.0) -> None:
        self.mechanics = mechanics
        self._play = mechanics.play * mechanics.steps_per_unit
        steps = position * mechanics.steps_per_unit
        self._moves = deque([_Move(at_rest(time, steps), steps)], REMEMBERED_MOVES)

    @property
    def trajectory(self) -> Trajectory:
        """The latest motion of the motor, in steps."""
        return self._moves[-1].trajectory

    def motion(self, time: float) -> Trajectory:
        """The motion of the motor that goes on at a time, or the last one before; in steps."""
        return self._move(time).trajectory

    def motor(self, time: float) -> float:
        """Where the motor is, in mechanical steps."""
        return self.motion(time).position(time)

    def position(self, time: float) -> float:
        """Where the carriage truly is, in the stage's unit."""
        return self._carriage(self._move(time), time) / self.mechanics.steps_per_unit

    def travel(self, start: float, end: float) -> float:
        """How far the motor travels between two times, to and fro added up, in the stage's unit."""
        steps = 0.0
        for course in self.courses(start, end):
            steps += abs(course.position(end) - course.position(start))
        return steps / self.mechanics.steps_per_unit

    def changes(self, start: float, end: float) -> list[float]:
        """When, between two times, the motor changed its acceleration, in s."""
        found: list[float] = []
        for course in self.courses(start, end):
            found += course.changes(start, end)
        return found

    def motor_at(self, position: float, direction: int) -> float:
        """Where the motor is when the carriage, moving in a direction, is at a position of the stage."""
        # pulled downwards, the carriage is the play above the motor
        return position * self.mechanics.steps_per_unit - (self._play if direction < 0 else 0.0)

    def start(self, trajectory: Trajectory) -> None:
        """Begin a new motion of the motor; it starts where the motor rests. A limit switch in the way brakes it."""
        carriage = self._carriage(self._moves[-1], trajectory.start)
        self._moves.append(_Move(self._limited(trajectory), carriage))

    def follow(self, motions: Sequence[Trajectory]) -> float | None:
        """Begin motions one after the other; returns when a limit switch brakes one, None if none does."""
        for motion in motions:
            trips = self._trips(motion)
            self.start(motion)
            if trips is not None:
                return trips
        return None

    def run(
        self, time: float, direction: int, velocity: float, acceleration: float, until: float | None = None
    ) -> float | None:
        """Begin a motion that goes on until a limit switch, or until the carriage passes a place, brakes it.

        Args:
            time: when it begins, the motor being at rest.
            direction: 1 or -1.
            velocity: in steps/s.
            acceleration: in steps/s².
            until: where the carriage's passing brakes it, in the stage's unit; None for nowhere.

        Returns:
            Where the motor is at that moment, in steps; None if it does not come there.
        """
        origin = self.motor(time)
        course = trapezoid(time, origin, origin + direction * FAR, velocity, acceleration)
        limited = self._limited(course)
        if until is not None:
            motor = self.motor_at(until, direction)
            passes = limited.time_at(motor)
            # a switch that brakes before the place is passed ends the search, even if it coasts over the place
            trips = self._trips(course)
            if passes is not None and (trips is None or passes <= trips):
                self.start(course.braked(passes))
                return motor
        self.start(course)
        return None

    def carry(self, time: float, distance: float) -> None:
        """Displace carriage and motor, at rest, by hand; the distance is in the stage's unit."""
        steps = distance * self.mechanics.steps_per_unit
        carriage = self._carriage(self._moves[-1], time)
        self._moves.append(_Move(at_rest(time, self.motor(time) + steps), carriage + steps))

    def brake(self, time: float) -> None:
        """Slow down from a time on, until the motor rests; motions that were to follow are forgotten."""
        self._forget_after(time)
        if time < self.trajectory.end:
            self._replace(self.trajectory.braked(time))

    def halt(self, time: float) -> None:
        """Stop dead at a time; motions that were to follow are forgotten."""
        self._forget_after(time)
        self._replace(self.trajectory.halted(time))

    def on_lower_switch(self, time: float) -> bool:
        """Whether the carriage is at or beyond the lower limit switch."""
        switch = self.mechanics.lower_switch
        return switch is not None and self.position(time) <= switch

    def on_upper_switch(self, time: float) -> bool:
        """Whether the carriage is at or beyond the upper limit switch."""
        switch = self.mechanics.upper_switch
        return switch is not None and self.position(time) >= switch

    def on_home_switch(self, time: float) -> bool:
        """Whether the carriage is on the home switch."""
        home = self.mechanics.home
        return home is not None and abs(self.position(time) - home) <= self.mechanics.home_width / 2

    def courses(self, start: float, end: float) -> list[Trajectory]:
        """The motions that go on between two times, latest first."""
        courses = []
        for move in reversed(self._moves):
            if move.trajectory.end <= start:
                break
            if move.trajectory.start < end:
                courses.append(move.trajectory)
        return courses

    def _move(self, time: float) -> _Move:
        for move in reversed(self._moves):
            if time >= move.trajectory.start:
                return move
        return self._moves[0]

    def _carriage(self, move: _Move, time: float) -> float:
        motor = move.trajectory.position(time)
        return min(max(move.carriage, motor), motor + self._play)

    def _replace(self, trajectory: Trajectory) -> None:
        self._moves[-1] = _Move(trajectory, self._moves[-1].carriage)

    def _forget_after(self, time: float) -> None:
        while len(self._moves) > 1 and self._moves[-1].trajectory.start > time:
            self._moves.pop()

    def _limited(self, trajectory: Trajectory) -> Trajectory:
        """The motion braked from the limit switch on that it would run into."""
        trips = self._trips(trajectory)
        return trajectory if trips is None else trajectory.braked(trips)

    def _trips(self, trajectory: Trajectory) -> float | None:
        """When a motion would run into a limit switch."""
        mechanics = self.mechanics
        switch = mechanics.upper_switch if trajectory.direction > 0 else mechanics.lower_switch
        return None if switch is None else trajectory.time_at(self.motor_at(switch, trajectory.direction))
