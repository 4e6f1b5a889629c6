"""A small oven: one heat capacity with losses, a heater whose heat comes late, and a sensor that follows slowly."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

LONGEST_STEP = 0.1
"""Seconds between two looks of the oven's own controller; in between, all is worked out exactly."""


@dataclass(frozen=True)
class OvenConstants:
    """What an oven is made of.

    Attributes:
        capacity: heat capacity in J/K.
        loss: heat that leaves it, in W for each K above the ambient temperature.
        power: of the heater at 100 %, in W.
        delay: until the heat of the heater arrives, in s.
        sensor_time: time constant of the sensor, in s.
        ambient: temperature around it, in K.
    """

    capacity: float = 40.0
    loss: float = 0.25
    power: float = 100.0
    delay: float = 2.0
    sensor_time: float = 1.5
    ambient: float = 295.0


class Oven:
    """Temperature of the oven and of its sensor, for a heater that is set now and then. Time never goes back.

    C dT/dt = P(t − delay) − k (T − ambient) and τ dS/dt = T − S have exact solutions while P is constant.
    """

    def __init__(self, constants: OvenConstants, time: float = 0.0) -> None:
        self.constants = constants
        self.temperature = constants.ambient
        self.sensor = constants.ambient
        self.output = 0.0
        self.time = time
        self._arriving = 0.0
        self._on_its_way: deque[tuple[float, float]] = deque()

    def set(self, output: float, time: float) -> None:
        """Set the heater to a percentage of its power, from 0 to 100; more or less saturates."""
        self.advance(time)
        output = min(max(output, 0.0), 100.0)
        if output != self.output:
            self.output = output
            self._on_its_way.append((self.time + self.constants.delay, output))

    def advance(self, time: float) -> None:
        """Let time pass."""
        while self._on_its_way and self._on_its_way[0][0] <= time:
            when, output = self._on_its_way.popleft()
            self._step(when - self.time)
            self._arriving = output
        self._step(time - self.time)

    def _step(self, seconds: float) -> None:
        if seconds <= 0:
            return
        oven = self.constants
        self.time += seconds
        end = oven.ambient + oven.power * self._arriving / 100 / oven.loss
        rate = oven.loss / oven.capacity
        away = self.temperature - end
        decay = math.exp(-rate * seconds)
        if oven.sensor_time <= 0:
            self.temperature = self.sensor = end + away * decay
            return
        quick = math.exp(-seconds / oven.sensor_time)
        lag = 1.0 - rate * oven.sensor_time
        if abs(lag) > 1e-9:
            follows = away / lag
            self.sensor = end + follows * decay + (self.sensor - end - follows) * quick
        else:  # both time constants are the same
            self.sensor = end + (self.sensor - end + away * seconds / oven.sensor_time) * quick
        self.temperature = end + away * decay
