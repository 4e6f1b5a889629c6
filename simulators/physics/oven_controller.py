"""The controller of the small oven: manual heater, a plain PID with a ramp, a watchdog, a sensor that may break."""

from __future__ import annotations

import math

from ronda.simulators.physics.oven import LONGEST_STEP, Oven


class OvenController:
    """Drives an oven. All that happens by itself is worked out when somebody asks, for all the time since.

    Attributes:
        oven: which.
        mode: `OFF`, `MANUAL` or `AUTO`.
        setpoint, working: where it goes to and where its ramp is, in K.
        ramp: in K/min; 0 for none.
        gains: in %/K, %/(K s) and % s/K.
        strength: part of the oven's power that 100 % stands for, such as a heater range.
        output: of the controller, in %.
        broken: whether the sensor's wire is broken.
        heater_broken: whether the heater's wire is.
        powered: whether it is switched on.
    """

    def __init__(self, oven: Oven) -> None:
        self.oven = oven
        self.mode = "OFF"
        self.setpoint = self.working = oven.constants.ambient
        self.ramp = 0.0
        self.gains = (4.0, 0.05, 4.0)
        self.strength = 1.0
        self.output = 0.0
        self.broken = False
        self.heater_broken = False
        self.powered = True
        self.watchdog = 0.0
        self.safe_output = 0.0
        self._fed = 0.0
        self._integral = 0.0
        self._last: float | None = None

    def advance(self, time: float) -> None:
        """Let time pass."""
        while self.mode == "AUTO" and self.powered and self.oven.time + LONGEST_STEP <= time:
            self.oven.advance(self.oven.time + LONGEST_STEP)
            self._regulate()
        if self.mode == "MANUAL" and self.watchdog and time >= self._fed + self.watchdog:
            self._heat(self.safe_output, max(self._fed + self.watchdog, self.oven.time))
            self.mode = "OFF" if self.safe_output == 0.0 else "MANUAL"
            self.watchdog = 0.0
        if self.mode != "AUTO" or not self.powered:
            self.oven.advance(time)

    def manual(self, output: float, time: float) -> None:
        """Set the heater by hand, in %."""
        self.advance(time)
        self.mode = "MANUAL"
        self._fed = time
        self._heat(output, max(time, self.oven.time))

    def guard(self, seconds: float, output: float, time: float) -> None:
        """Bring the heater to an output when nobody sets it for so long; 0 s for never."""
        self.advance(time)
        self.watchdog, self.safe_output, self._fed = seconds, output, time

    def go(self, setpoint: float, time: float) -> None:
        """Take a new setpoint."""
        self.advance(time)
        self.setpoint = setpoint
        if not self.ramp:
            self.working = setpoint

    def switch(self, mode: str, time: float) -> None:
        """Off, or automatic: from where the sensor is, without a jump of the heater."""
        self.advance(time)
        if mode == "AUTO" and self.mode != "AUTO":
            self.working = self.oven.sensor if self.ramp else self.setpoint
            self._last = None
            self._integral = self.output - self.gains[0] * (self.working - self.oven.sensor)
        if mode == "OFF":
            self._heat(0.0, max(time, self.oven.time))
        self.mode = mode

    def power(self, time: float, *, on: bool) -> None:
        """Switch the controller itself on or off; it comes back with its heater off."""
        self.advance(time)
        self.powered = on
        self.mode = "OFF"
        self.watchdog = 0.0
        self._heat(0.0, max(time, self.oven.time))

    def _heat(self, output: float, time: float) -> None:
        self.output = min(max(output, 0.0), 100.0)
        self.oven.set(0.0 if self.heater_broken else self.output * self.strength, time)

    def _regulate(self) -> None:
        if self.broken:
            self._heat(0.0, self.oven.time)
            self._last = None
            return
        if self.ramp:
            reach = self.ramp / 60 * LONGEST_STEP
            self.working += math.copysign(min(reach, abs(self.setpoint - self.working)), self.setpoint - self.working)
        kp, ki, kd = self.gains
        measured = self.oven.sensor
        rate = 0.0 if self._last is None else (measured - self._last) / LONGEST_STEP
        self._last = measured
        error = self.working - measured
        wanted = kp * error + self._integral + ki * error * LONGEST_STEP - kd * rate
        if 0.0 < wanted < 100.0:
            self._integral += ki * error * LONGEST_STEP
        self._heat(wanted, self.oven.time)
