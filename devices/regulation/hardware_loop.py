"""The Tango device of a loop that a controller runs itself."""

from __future__ import annotations

import math
import time
from typing import Any

import tango

from ronda.devices.regulation.algorithm.deadband import Deadband
from ronda.devices.regulation.algorithm.ramp import Ramp
from ronda.devices.regulation.contract import Gains, LoopReading, Reading
from ronda.devices.regulation.controller_link import ControllerLink
from ronda.devices.regulation.endpoints import Endpoints
from ronda.devices.regulation.loop import LoopDevice
from ronda.devices.regulation.loop_state import LoopState
from ronda.devices.regulation.part import PartDevice
from ronda.framework.errors import BadValue, NotAllowed, NotReady, RondaError
from ronda.framework.tango.regulation import LoopAttribute

HOOKS = {
    "hold": "hold",
    "gains": "write_gains",
    "ramp": "write_ramp_rate",
    "mode": "write_mode",
    "tuning": "start_tuning",
}
"""What a driver may offer, with the hook that does it."""


class HardwareLoopDevice(PartDevice, LoopDevice):
    """The controller's PID does the work; ramps are ours if the controller has none."""

    what = "loops"
    keys_of_driver = "LoopParameters"

    def opened(self) -> None:
        """Join the controller."""
        super().opened()
        self._reading = LoopReading(math.nan, regulating=False)
        self._gains: Gains | None = None
        self._mode = ""
        self._tuning = ""
        self._ramp = Ramp(math.nan)
        self._deadband = Deadband(self.keys.deadband, self.keys.deadband_time)
        self._new_target = False
        self._taken_at = time.monotonic()
        self._controller = self.process.share(ControllerLink, str(self.configuration["controller"]))
        self.join()

    def closing(self) -> None:
        """Leave; the controller goes on regulating."""
        self.leave()

    # -- what people ask for

    def go(self, setpoint: float) -> None:
        """Go to a setpoint, with the controller's ramp or with ours."""

        def order(driver: Any) -> None:
            if not self._reading.regulating:
                driver.regulate(self.label, True)
            if self._controller.offers("write_ramp_rate") or not self.keys.ramp_rate:
                driver.write_setpoint(self.label, setpoint)
                self._ramp.rate = 0.0
                self._ramp.go(setpoint)
                return
            self._ramp.rate = self.keys.ramp_rate
            measured = self._measured()
            start = self._ramp.working if self._reading.regulating and not math.isnan(self._ramp.working) else measured
            self._ramp.go(setpoint, start if not math.isnan(start) else setpoint)
            driver.write_setpoint(self.label, self._ramp.working)

        self._run(f"go to {setpoint:g} {self.keys.unit}", order)
        self._claim(True)
        self._deadband.leave()
        self._new_target = True
        self._reading = LoopReading(setpoint, self._reading.working_setpoint, self._reading.output, regulating=True)
        self.took(self._state(self._reading))
        self._controller.poll_within(0.0)

    def begin(self) -> None:
        """Let the controller regulate."""
        self._run("start", lambda driver: driver.regulate(self.label, True))
        self._claim(True)
        self._new_target = True
        self._deadband.leave()
        self._controller.poll_within(0.0)

    def hold(self) -> None:
        """End a ramp where it is."""

        def order(driver: Any) -> None:
            if self._ramp.running:
                self._ramp.hold()
                driver.write_setpoint(self.label, self._ramp.working)
            elif self._controller.offers("hold"):
                driver.hold(self.label)
            else:
                reading: LoopReading = driver.read_loops([self.label])[self.label]
                working = reading.working_setpoint
                if not math.isnan(working) and working != reading.setpoint:
                    driver.write_setpoint(self.label, working)

        if self._reading.regulating:
            self._controller.run_first(self.label, "stop", order)
        self._new_target = False
        self._controller.poll_within(0.0)

    def cut(self) -> None:
        """Let the controller switch it off; first of all, and as soon as it answers if it does not now."""
        self._ramp.hold()
        self._new_target = False
        self._controller.run_first(self.label, "be switched off", lambda driver: driver.regulate(self.label, False))
        self._controller.poll_within(0.0)

    def gain(self, which: str) -> float:
        """As the controller has it."""
        if self._gains is None:
            raise NotReady(
                f"{self.label}: the gains are not known; its controller does not tell them or does not answer"
            )
        return float(getattr(self._gains, which))

    def tunables_changed(self) -> None:
        """Give the controller what has changed."""
        self._deadband.width, self._deadband.time = self.keys.deadband, self.keys.deadband_time
        self._run("take its parameters", self._configure)

    def shown_mode(self) -> str:
        """As the controller has it."""
        return self._mode

    def switch_mode(self, mode: str) -> None:
        """One of the controller's modes."""
        found = self._controller.driver_class
        modes = found.modes if found is not None else ()
        if mode not in modes:
            allowed = f"it has {', '.join(modes)}" if modes else "its controller has no modes"
            raise BadValue(f"{self.label}: has no mode {mode!r}; {allowed}")

        def order(driver: Any) -> None:
            driver.write_mode(self.label, mode)
            self._mode = driver.read_mode(self.label)

        self._run(f"go to the mode {mode}", order)

    def begin_tuning(self) -> None:
        """The controller's own auto-tuning."""
        if not self._controller.offers("start_tuning"):
            raise NotAllowed(f"{self.label}: its controller does not tune itself")
        self._run("tune itself", lambda driver: driver.start_tuning(self.label))

    def shown_tuning(self) -> str:
        """What the controller tells."""
        return self._tuning

    def capabilities(self) -> list[str]:
        """What its driver offers."""
        return [word for word, hook in HOOKS.items() if self._controller.offers(hook)]

    # -- what the controller tells, in the worker's thread

    def connected(self, driver: Any) -> None:
        """Give the controller what YAML and users say."""
        try:
            self._configure(driver)
            if self.keys.mode is not None and self._controller.offers("write_mode"):
                driver.write_mode(self.label, self.keys.mode)
            if self._controller.offers("read_mode"):
                self._mode = driver.read_mode(self.label)
        except (NotAllowed, BadValue) as error:
            self.log.warning(str(error))

    def _configure(self, driver: Any) -> None:
        keys, offers = self.keys, self._controller.offers
        if offers("read_gains"):
            has = driver.read_gains(self.label)
            wanted = Gains(
                *(
                    getattr(has, gain) if getattr(keys, gain) is None else getattr(keys, gain)
                    for gain in ("kp", "ki", "kd")
                )
            )
            if wanted != has and offers("write_gains"):
                driver.write_gains(self.label, wanted)
                has = driver.read_gains(self.label)
            self._gains = has
        if offers("write_ramp_rate"):
            driver.write_ramp_rate(self.label, keys.ramp_rate)
        elif self._ramp.running:
            self._ramp.rate = keys.ramp_rate
            self._ramp.step(0.0)

    def take(self, reading: LoopReading) -> None:
        """What the loop does; the step of our ramp if the controller has none."""
        now = time.monotonic()
        seconds, self._taken_at = now - self._taken_at, now
        self._claim(reading.regulating)
        self._reading = reading
        if self._ramp.running and reading.regulating:
            working = self._ramp.step(seconds)
            self._controller.inside(lambda driver: driver.write_setpoint(self.label, working))
        state = self._state(reading)
        self._deadband.step(state.error, seconds)
        if self._new_target and not state.ramping:
            self._new_target = self.keys.wait_mode == "deadband" and not self._deadband.settled
        if self._controller.offers("tuning"):
            self._tuning = self._controller.inside(lambda driver: driver.tuning(self.label))
        self.took(self._state(reading))

    def _claim(self, regulating: bool) -> None:
        """Tell the output whether this loop drives it, before anybody is told that it regulates."""
        output = self.process.share(Endpoints, "regulation").output(self.keys.output)
        if hasattr(output, "driven"):
            output.driven(self.label if regulating else "")

    def lost(self, error: RondaError) -> None:
        """Nobody knows what it does."""
        self.loop_state = LoopState()
        waiting = isinstance(error, NotReady)
        self.publish(LoopAttribute.INPUT, *self._number(math.nan))
        self.show(tango.DevState.UNKNOWN if waiting else tango.DevState.FAULT, f"{error}; trying again")

    def _measured(self) -> float:
        reading = self._controller.readings.get(self.keys.input)
        return reading.value if isinstance(reading, Reading) and not reading.fault else math.nan

    def _state(self, reading: LoopReading) -> LoopState:
        ours = self._ramp.running
        setpoint = self._ramp.target if ours else reading.setpoint
        working = self._ramp.working if ours else reading.working_setpoint
        working = setpoint if math.isnan(working) else working
        ramping = ours or (working != setpoint if reading.ramping is None else reading.ramping)
        fed = self._controller.readings.get(self.keys.input)
        fault = reading.fault or (fed.fault if isinstance(fed, Reading) and reading.regulating else "")
        return LoopState(
            setpoint,
            working,
            self._measured(),
            reading.output,
            self._deadband.inside,
            ramping and reading.regulating,
            reading.regulating,
            self._new_target and reading.regulating,
            fault,
        )

    def _run(self, what: str, call: Any) -> None:
        self._controller.run(self.label, what, call)
