"""The way of the working setpoint to a new setpoint, at so many units per minute."""

from __future__ import annotations

import math


class Ramp:
    """Moves the working setpoint.

    Attributes:
        target: where it goes to.
        working: where it is.
        rate: in units per minute; 0: at once.
    """

    def __init__(self, value: float, rate: float = 0.0) -> None:
        self.target = self.working = value
        self.rate = rate

    @property
    def running(self) -> bool:
        """Whether it is on its way."""
        return self.working != self.target

    def go(self, target: float, start: float | None = None) -> None:
        """Go to a setpoint, from `start` if given; else from where the working setpoint is."""
        if start is not None:
            self.working = start
        self.target = target
        if not self.rate:
            self.working = target

    def hold(self) -> None:
        """End where it is."""
        self.target = self.working

    def step(self, seconds: float) -> float:
        """Let time pass; returns the working setpoint."""
        left = self.target - self.working
        if left:
            reach = self.rate / 60.0 * seconds if self.rate else math.inf
            self.working = self.target if abs(left) <= reach else self.working + math.copysign(reach, left)
        return self.working

    def seconds_left(self) -> float:
        """How long it will take, in s."""
        left = abs(self.target - self.working)
        return left * 60.0 / self.rate if left and self.rate else 0.0
