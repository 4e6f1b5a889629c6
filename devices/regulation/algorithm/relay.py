"""Auto-tuning by a relay: the plant is made to swing a little, and gains are proposed from how it swings.

Åström and Hägglund 1984: with a relay of amplitude d and hysteresis h the input swings with amplitude a at the plant's
ultimate period Pu, and the ultimate gain is Ku = 4 d / (π √(a² − h²)). The gains are those of Tyreus and Luyben 1992,
kp = Ku / 2.2, Ti = 2.2 Pu, Td = Pu / 6.3, which overshoot little.
"""

from __future__ import annotations

import math

from ronda.devices.regulation.contract import Gains

WORTH = 3
"""Swings in a row that must be alike."""

ALIKE = 0.15
"""Part by which alike ones may differ in period and height."""

STEP = 0.7
"""How far the middle goes to where the swing just over says that it should be."""

LEAST_REACH = 0.02
"""Least part of the output's range by which it is switched up and down."""

MOST = 25
"""Swings after which it gives up."""


class Relay:
    """Swings the input around a setpoint by switching the output between two values.

    The middle of the two follows the output that the plant needs, so that its swings become symmetric.

    Attributes:
        proposed: the gains that were found; None as long as there are none.
        failed: why it gave up, as a clause; empty if it did not.

    Args:
        setpoint: around which it swings.
        low, high: of the output.
        hysteresis: by how much the input must be beyond the setpoint before the output switches; more than its noise.
        limit: longest time for one swing, in s.
    """

    def __init__(self, setpoint: float, low: float, high: float, hysteresis: float, limit: float = 3600.0) -> None:
        self.setpoint = setpoint
        self.proposed: Gains | None = None
        self.failed = ""
        self._low, self._high = low, high
        self._middle = (low + high) / 2
        self._reach = (high - low) / 2
        self._hysteresis = hysteresis
        self._limit = limit
        self._up: bool | None = None
        self._time = self._turned = 0.0
        self._up_time = 0.0
        self._arrived = False
        self._top, self._bottom = -math.inf, math.inf
        self._swings: list[tuple[float, float, float]] = []

    @property
    def done(self) -> bool:
        """Whether it ended, well or not."""
        return self.proposed is not None or bool(self.failed)

    def told(self) -> str:
        """What it does, in words."""
        if self.failed:
            return f"gave up: {self.failed}"
        if self.proposed is not None:
            return f"done after {len(self._swings)} swings"
        return f"swinging, {len(self._swings)} swings so far"

    def step(self, measured: float, seconds: float) -> float:
        """Take the input, `seconds` after the one before; returns the output."""
        self._time += seconds
        if self._up is None:
            self._up = measured < self.setpoint
        self._top, self._bottom = max(self._top, measured), min(self._bottom, measured)
        if self._time - self._turned > self._limit:
            self.failed = f"the input did not cross the setpoint within {self._limit:g} s"
        elif self._up and measured > self.setpoint + self._hysteresis:
            self._up_time = self._time - self._turned
            self._turn(up=False)
        elif not self._up and measured < self.setpoint - self._hysteresis:
            self._swing(self._time - self._turned)
            self._turn(up=True)
        return self._middle + (self._reach if self._up else -self._reach)

    def _turn(self, *, up: bool) -> None:
        self._up, self._turned = up, self._time

    def _swing(self, down_time: float) -> None:
        """One period is over: look at it, and bring the middle to what the plant needed on average."""
        period = self._up_time + down_time
        height = (self._top - self._bottom) / 2
        if not self._arrived:  # the way to the setpoint is no swing
            self._arrived = True
        elif self._up_time:
            balance = (self._up_time - down_time) / period
            self._swings.append((period, height, balance))
            self._judge()
            least = LEAST_REACH * (self._high - self._low)
            wanted = self._middle + STEP * self._reach * balance
            self._middle = min(max(wanted, self._low + least), self._high - least)
            self._reach = min(self._middle - self._low, self._high - self._middle)
        self._top, self._bottom = -math.inf, math.inf

    def _judge(self) -> None:
        latest = self._swings[-WORTH:]
        if len(self._swings) > MOST:
            self.failed = f"{MOST} swings were not alike"
        if len(self._swings) <= WORTH or any(abs(balance) > 0.25 for _, _, balance in latest):
            return
        for at in (0, 1):
            mean = sum(swing[at] for swing in latest) / WORTH
            if any(abs(swing[at] - mean) > ALIKE * mean for swing in latest):
                return
        period, height = (sum(swing[at] for swing in latest) / WORTH for at in (0, 1))
        pure = math.sqrt(max(height**2 - self._hysteresis**2, (height / 10) ** 2))
        self.proposed = tyreus_luyben(4 * self._reach / (math.pi * pure), period)


def tyreus_luyben(ultimate_gain: float, ultimate_period: float) -> Gains:
    """Gains from the ultimate gain (output unit by input unit) and period (s)."""
    kp = ultimate_gain / 2.2
    return Gains(kp, kp / (2.2 * ultimate_period), kp * ultimate_period / 6.3)
