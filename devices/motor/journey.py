"""The course to a target: past it and back for the backlash, then corrected by the encoder until it is right."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from ronda.devices.motor.closed_loop import ClosedLoop, Verdict
from ronda.devices.motor.contract import AxisReading, MotorController
from ronda.devices.motor.course import AxisUser, Course
from ronda.devices.motor.scale import move_time
from ronda.framework.errors import NotAllowed


def legs(here: float, there: float, backlash: float, *, play_taken_up: bool) -> list[float]:
    """The places to go to one after the other, so that the last motion takes up the play. All in one unit.

    Args:
        here: where it stands.
        there: where it shall stand.
        backlash: way of the last motion at least, with the sign of its direction; 0 for none.
        play_taken_up: whether the motion before ended in this direction too; then the play is taken up already.
    """
    way = there - here
    if backlash == 0 or way == 0:
        return [there]
    forward = way * backlash > 0
    if forward and (play_taken_up or abs(way) >= abs(backlash)):
        return [there]
    return [there - backlash, there]


class Journey(Course):
    """A course to a target.

    Args:
        axis: whose.
        what: to follow "cannot".
        target: user position.
        dial: the same on the dial.
        here: where the controller is, in steps.
        legs: where it goes to one after the other, in steps.
        speed: of its moves, in steps/s.
        acceleration_time: in s.
        arrival: how far beside the end of a leg it may stand, in steps.
        loop: corrects it at the end; None if the controller's steps are all there is.
        velocity: as of any course.
    """

    def __init__(
        self,
        axis: AxisUser,
        what: str,
        *,
        target: float,
        dial: float,
        here: float,
        legs: Sequence[float],
        speed: float,
        acceleration_time: float,
        arrival: float,
        loop: ClosedLoop | None = None,
        velocity: float | None = None,
    ) -> None:
        self.speed = speed
        self.acceleration_time = acceleration_time
        self._dial = dial
        self._legs = list(legs)
        self._here = here
        self._arrival = arrival
        self._loop = loop
        super().__init__(
            axis, what, what.replace("move", "moving", 1), target=target, velocity=velocity, duration=self._time()
        )
        self._turn()

    @property
    def steps(self) -> float:
        """Where it goes first."""
        return self._legs[0]

    @property
    def way(self) -> float:
        """How far the first motion goes, in steps."""
        return abs(self._legs[0] - self._here)

    def begin(self, driver: MotorController) -> None:
        """Start the first leg."""
        driver.start({self.channel: self._legs[0]})

    def take_time(self, duration: float) -> None:
        """Make the first motion take so long (s), by a velocity of its own."""
        ramp = self.acceleration_time
        if self.way == 0 or duration <= 0:
            return
        # beyond two ramps it is a trapezoid, below a triangle that never reaches its velocity
        cruising = duration >= 2 * ramp
        self.velocity = self.way / (duration - ramp) if cruising else 4 * self.way * ramp / duration**2
        self.speed = self.velocity
        self.duration = duration

    def go_on(self, driver: MotorController, reading: AxisReading) -> float | None:
        """Start the next leg or correction."""
        missed = abs(reading.position - self._legs[0]) > self._arrival
        if missed or reading.fault or not reading.powered:
            self.fail(self._why(reading))
            return None
        if len(self._legs) > 1:
            return self._leg(driver, reading, self._legs[1:])
        if self._loop is None:
            return None
        error = self._dial - self.axis.dial_of(reading)
        verdict = self._loop.look(error, time.monotonic())
        if verdict is Verdict.WAIT:
            return self._loop.patience
        if verdict is Verdict.CORRECT:
            return self._leg(driver, reading, [reading.position + error * self.axis.parameters.steps_per_unit])
        if verdict is Verdict.GIVE_UP:
            unit = self.axis.parameters.unit
            self.fail(
                f"is not within {self._loop.window:g} {unit} of {self.axis.where(self._dial)} after "
                f"{self._loop.corrections} corrections: its encoder says "
                f"{self.axis.where(self.axis.dial_of(reading))}; look for what holds it, and whether the encoder counts"
            )
        return None

    def found_again(self, reading: AxisReading) -> None:
        """It is all right if it got there all the same."""
        if len(self._legs) > 1 or abs(reading.position - self._legs[0]) > self._arrival:
            end, stands = self.axis.where(self._dial), self.axis.where(self.axis.dial_of(reading))
            self.fail(f"stands at {stands}, it did not reach {end}: its controller was not to be reached meanwhile")

    def _leg(self, driver: MotorController, reading: AxisReading, legs: list[float]) -> float:
        self._here, self._legs = reading.position, legs
        self._turn()
        driver.start({self.channel: legs[0]})
        return self._time()

    def _turn(self) -> None:
        self.direction = (self._legs[0] > self._here) - (self._legs[0] < self._here)

    def _time(self) -> float:
        return move_time(self.way, self.speed, self.acceleration_time) if self.speed > 0 else math.inf

    def _why(self, reading: AxisReading) -> str:
        """Why it stands elsewhere than it should."""
        end, stands = self.axis.where(self._dial), self.axis.where(self.axis.dial_of(reading))
        switches = self.axis.switches(reading)
        if switches:
            return f"{switches} ended the move to {end}: it stands at {stands}; move it back from there"
        why = reading.fault or reading.cut_short
        if not why:
            why = "its controller does not say why" if reading.powered else "its power is off"
        return f"stands at {stands}, it did not reach {end}: {why}"


def together(who: str, what: str, journeys: Sequence[Journey]) -> None:
    """Give journeys velocities with which their first motions take the same time.

    Raises:
        NotAllowed: an axis cannot move so slowly, or its controller cannot set a velocity.
    """
    duration = max(journey.duration for journey in journeys)
    for journey in journeys:
        journey.take_time(duration)
        slowest, _ = journey.axis.velocity_range()
        if journey.velocity is not None and journey.velocity < slowest:
            unit, scale = journey.axis.parameters.unit, journey.axis.parameters.steps_per_unit
            raise NotAllowed(
                f"{who}: cannot {what} so that all end together: {journey.axis.label} would have to move at "
                f"{journey.velocity / scale:.3g} {unit}/s, and {slowest / scale:.3g} {unit}/s is its lowest velocity"
            )
