"""Velocity and acceleration time of an axis: what is allowed, what the controller can, and what it will really do."""

from __future__ import annotations

import math

from ronda.devices.motor.contract import AxisParameters, MotorController
from ronda.framework.errors import OutOfRange

Range = tuple[float, float]

ROUNDING = 1e-9
"""Part by which a bound may be missed: the same number in steps and in units."""


class Rates:
    """Of one axis; velocities in unit/s, times in s.

    Attributes:
        velocity: what it will really do.
        acceleration_time: the same, from rest to this velocity.
        velocities: lowest and highest that may be set.
        times: the same for the acceleration time.
    """

    def __init__(self, who: str, parameters: AxisParameters) -> None:
        self._who = who
        self.velocity = parameters.velocity
        self.acceleration_time = parameters.acceleration_time
        self.velocities = _limits(parameters)
        self.times: Range = (0.0, math.inf)

    @property
    def acceleration(self) -> float:
        """In unit/s²; infinite if it needs no time."""
        return self.velocity / self.acceleration_time if self.acceleration_time > 0 else math.inf

    def learn_velocities(self, driver: MotorController, parameters: AxisParameters) -> None:
        """Ask the controller what it can do."""
        low, high = (steps / parameters.steps_per_unit for steps in driver.velocity_range(parameters.channel))
        slowest, fastest = _limits(parameters)
        self.velocities = max(low, slowest), min(high, fastest)

    def learn_times(self, driver: MotorController, parameters: AxisParameters) -> None:
        """Ask the controller what it can do, at the velocity that is set."""
        self.times = driver.acceleration_time_range(parameters.channel)

    def check_velocity(self, velocity: float, unit: str, what: str = "the velocity") -> None:
        """Refuse a velocity (positive).

        Raises:
            OutOfRange: it is not one that may be set.
        """
        self._check(f"{what} to {velocity:g} {unit}/s", velocity, self.velocities, f"{unit}/s")

    def check_time(self, duration: float) -> None:
        """Refuse an acceleration time.

        Raises:
            OutOfRange: it is not one that may be set.
        """
        self._check(f"the acceleration time to {duration:g} s", duration, self.times, "s")

    def _check(self, what: str, value: float, allowed: Range, unit: str) -> None:
        low, high = allowed
        if not low * (1 - ROUNDING) <= value <= high * (1 + ROUNDING):
            raise OutOfRange(
                f"{self._who}: cannot set {what}, outside [{low:g}, {high:g}] {unit}, "
                "which its configuration and its controller allow"
            )


def _limits(parameters: AxisParameters) -> Range:
    return parameters.velocity_limits or (0.0, math.inf)
