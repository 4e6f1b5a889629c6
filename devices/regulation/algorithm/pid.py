"""A PID: output = feed-forward + kp·e + ki·∫e dt − kd·d(input)/dt, e = setpoint − input, within a range."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ronda.devices.regulation.contract import Gains


@dataclass(frozen=True, slots=True)
class Parts:
    """What a PID put together in one cycle, each in the unit of the output.

    Attributes:
        proportional, integral, derivative, feed_forward: the parts.
        output: their sum, brought into the range.
    """

    proportional: float = 0.0
    integral: float = 0.0
    derivative: float = 0.0
    feed_forward: float = 0.0
    output: float = 0.0


class Pid:
    """Parallel form, derivative on the measurement (a step of the setpoint gives no kick) behind a first-order filter.

    The integral never winds up: it does not grow while the output is at the end of its range and the error drives it
    further out, and it follows when something behind the PID (slew rate, another limit) gave less than it asked for.
    Changes of gains and switches from manual leave the output where it is, for the integral takes up the difference.

    Args:
        gains: of the three parts.
        low, high: range of the output.
        filter_time: time constant of the derivative's filter in s; 0 for none.
    """

    def __init__(self, gains: Gains, low: float, high: float, filter_time: float = 0.0) -> None:
        self.gains = gains
        self.low, self.high = low, high
        self.filter_time = filter_time
        self.parts = Parts()
        self._integral = 0.0
        self._last: float | None = None
        self._rate = 0.0
        self._error = self._growth = 0.0

    def begin(self, setpoint: float, measured: float, output: float, feed_forward: float = 0.0) -> None:
        """Take over from an output as it is: the first cycle gives it again, if nothing else changed."""
        self._last, self._rate = measured, 0.0
        self._error = setpoint - measured
        self._integral = output - feed_forward - self.gains.kp * self._error

    def retune(self, gains: Gains) -> None:
        """Go on with other gains, from where the output is."""
        self._integral += (self.gains.kp - gains.kp) * self._error - (self.gains.kd - gains.kd) * self._rate
        self.gains = gains

    def step(self, setpoint: float, measured: float, seconds: float, feed_forward: float = 0.0) -> float:
        """One cycle, `seconds` after the one before; returns the output."""
        gains = self.gains
        error = self._error = setpoint - measured
        if self._last is not None and seconds > 0:
            rate = (measured - self._last) / seconds
            self._rate += (rate - self._rate) * (1.0 - math.exp(-seconds / self.filter_time) if self.filter_time else 1)
        self._last = measured
        rest = feed_forward + gains.kp * error - gains.kd * self._rate
        growth = gains.ki * error * seconds
        wanted = rest + self._integral + growth
        if (wanted > self.high and growth > 0) or (wanted < self.low and growth < 0):
            growth = 0.0
        self._integral += growth
        self._growth = growth
        output = min(max(rest + self._integral, self.low), self.high)
        self.parts = Parts(gains.kp * error, self._integral, -gains.kd * self._rate, feed_forward, output)
        return output

    def applied(self, output: float) -> None:
        """Hear what could go out instead of what `step` returned: the integral does not grow away from it."""
        if (output - self.parts.output) * self._growth < 0:
            self._integral -= self._growth
            self._growth = 0.0
