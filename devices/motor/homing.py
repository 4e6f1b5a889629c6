"""Searches: for the reference mark that gives the dial its meaning, and for a limit switch."""

from __future__ import annotations

import math
from collections.abc import Callable

from ronda.devices.driver import offers
from ronda.devices.motor.contract import AxisReading, MotorController, ReferenceMark
from ronda.devices.motor.course import AxisUser, Course
from ronda.devices.motor.parameters import HomingParameters

MARKS = {
    ReferenceMark.HOME_SWITCH: "home switch",
    ReferenceMark.LOW_LIMIT: "low limit switch of the dial",
    ReferenceMark.HIGH_LIMIT: "high limit switch of the dial",
    ReferenceMark.INDEX: "index mark of the encoder",
}
"""What they are called."""

SEARCH_LIMIT = 3600.0
"""Seconds that a search for a limit switch may take."""


class Homing(Course):
    """Finds the mark, and makes the dial right.

    Args:
        axis: whose.
        parameters: as configured.
        steps: position of the mark in steps, as it should be.
        near: how far from there it may be on a controller whose position cannot be redefined, in steps.
        velocity: of the search, in steps/s; None for the controller's own.
        done: told when the mark was found: the reading of the place where it stands, and its steps by the mark.
    """

    forgets_home = True

    def __init__(
        self,
        axis: AxisUser,
        parameters: HomingParameters,
        steps: float,
        near: float,
        velocity: float | None,
        done: Callable[[MotorController, AxisReading, float], None],
    ) -> None:
        name = MARKS[parameters.mark]
        super().__init__(
            axis, f"home on its {name}", f"searching for its {name}", duration=math.inf, limit=parameters.timeout
        )
        self._parameters = parameters
        self._mark = steps
        self._near = near
        self._search_velocity = velocity
        self._done = done
        self._found = False

    def begin(self, driver: MotorController) -> None:
        """Start the search."""
        driver.home(self.channel, self._parameters.mark, self._direction(), self._search_velocity)

    def go_on(self, driver: MotorController, reading: AxisReading) -> float | None:
        """Make the dial right, then look at it once more."""
        if self._found:
            return None
        found = driver.home_found(self.channel)
        if found is None:
            self.fail("its homing was stopped, not by us: its dial is as it was")
            return None
        position = reading.position + self._mark - found
        if found != self._mark and (
            offers(driver, MotorController, "set_position") or abs(found - self._mark) > self._near
        ):
            driver.set_position(self.channel, position)
        self._done(driver, reading, position)
        self._found = True
        return 0.0

    def _direction(self) -> int:
        fixed = {ReferenceMark.LOW_LIMIT: -1, ReferenceMark.HIGH_LIMIT: 1}
        return fixed.get(self._parameters.mark, self._parameters.direction)


class LimitSearch(Course):
    """Runs onto a limit switch.

    Args:
        axis: whose.
        direction: on the dial, 1 or -1.
        end: `low` or `high`, on the user scale.
        velocity: in steps/s; None for the controller's own, if it can search by itself.
        jog_velocity: in steps/s, if it cannot.
    """

    def __init__(self, axis: AxisUser, direction: int, end: str, velocity: float | None, jog_velocity: float) -> None:
        super().__init__(
            axis,
            f"find its {end} limit switch",
            f"searching for its {end} limit switch",
            duration=math.inf,
            limit=SEARCH_LIMIT,
        )
        self._direction = direction
        self._end = end
        self._search_velocity = velocity
        self._jog_velocity = jog_velocity

    def begin(self, driver: MotorController) -> None:
        """Start it."""
        mark = ReferenceMark.HIGH_LIMIT if self._direction > 0 else ReferenceMark.LOW_LIMIT
        if mark in driver.reference_marks:
            driver.home(self.channel, mark, self._direction, self._search_velocity)
        else:
            driver.jog(self.channel, self._direction * (self._search_velocity or self._jog_velocity))

    def go_on(self, driver: MotorController, reading: AxisReading) -> float | None:  # noqa: ARG002 - it begins nothing
        """It should stand on the switch."""
        if not (reading.high_limit if self._direction > 0 else reading.low_limit):
            stands = self.axis.where(self.axis.dial_of(reading))
            why = reading.fault or reading.cut_short or "the switch is not active"
            self.fail(f"did not find its {self._end} limit switch: it stands at {stands}, {why}")
        return None
