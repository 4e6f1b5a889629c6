"""A course without a target: on and on until stopped, but never beyond a soft limit."""

from __future__ import annotations

import math

from ronda.devices.motor.contract import AxisReading, MotorController
from ronda.devices.motor.course import AxisUser, Course
from ronda.devices.motor.scale import move_time


class Jog(Course):
    """Jogs until stopped, until the soft limit if there is one in this direction, or until a limit switch.

    Args:
        axis: whose.
        what: to follow "cannot".
        velocity: in steps/s, its sign is the direction.
        way: from here to the soft limit, in steps; infinite without.
        end: the soft limit, in steps.
        acceleration_time: in s.
    """

    def __init__(
        self, axis: AxisUser, what: str, *, velocity: float, way: float, end: float, acceleration_time: float
    ) -> None:
        endless = math.isinf(end)
        super().__init__(
            axis,
            what,
            what.replace("jog", "jogging", 1),
            velocity=None if endless else abs(velocity),
            duration=math.inf if endless else move_time(way, abs(velocity), acceleration_time),
        )
        self._jog_velocity = velocity
        self.direction = 1 if velocity > 0 else -1
        self._end = None if endless else end

    def begin(self, driver: MotorController) -> None:
        """Start it."""
        if self._end is None:
            driver.jog(self.channel, self._jog_velocity)
        else:
            # the controller itself ends it at the limit: exactly there, and also if we die meanwhile
            driver.start({self.channel: self._end})

    def go_on(self, driver: MotorController, reading: AxisReading) -> float | None:  # noqa: ARG002 - it begins nothing
        """It has come to its end."""
        switches = self.axis.switches(reading)
        if switches:
            self.fail(
                f"{switches} ended the jog at {self.axis.where(self.axis.dial_of(reading))}; move it back from there"
            )
        return None
