"""The Tango device of one axis, its active part: what makes it move."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

from ronda.devices.device import attribute, command
from ronda.devices.motor.adjustment import AxisAdjustment
from ronda.devices.motor.closed_loop import ClosedLoop
from ronda.devices.motor.contract import AxisReading, MotorController
from ronda.devices.motor.course import Course
from ronda.devices.motor.homing import Homing, LimitSearch
from ronda.devices.motor.jog import Jog
from ronda.devices.motor.journey import Journey, legs
from ronda.devices.motor.parameters import DiscrepancyPolicy
from ronda.devices.motor.readout import Value
from ronda.framework.errors import BadValue, HardwareFault, NotAllowed, NotReady, OutOfRange
from ronda.framework.tango.names import AxisAttribute, AxisCommand

HALF_STEP = 0.5 + 1e-6
"""How far, in steps, a controller that counts whole ones stands beside a target at most."""


class AxisDevice(AxisAdjustment):
    """One axis of a motor controller. Positions are user positions in the axis's unit if nothing else is said."""

    @attribute(name=AxisAttribute.POSITION, dtype=float, unit="mm", format="%.4f")
    def position(self) -> Value:
        """User position. Writing it starts a move and returns when the hardware has taken it."""
        value = self._scale.user(self._dial())
        low, high = self._scale.limits()
        if self._target is None and (low <= value <= high or self._scale.modulo is not None):
            # before the first move, the set point that clients see is where the axis stands; Tango takes none that
            # may not be written
            self.get_device_attr().get_w_attr_by_name(AxisAttribute.POSITION).set_write_value(value)
        return value, self._when, self._quality(self._known())

    @position.write
    def write_position(self, target: float) -> None:
        """Move."""
        self._go(self.plan(target))

    # -- commands

    @command(
        AxisCommand.CHECK_TARGETS,
        dtype_in=(float,),
        doc_in="User positions; an error says which of them a write of Position would refuse, nothing moves",
    )
    def check_targets(self, targets: Sequence[float]) -> None:
        """Refuse positions that the axis may not be moved to."""
        for target in map(float, targets):
            what = f"move to {self._text(target)}"
            self._aim(what, target, self._dial() if self._reading is not None else 0.0)
            self.permit(what)

    @command(AxisCommand.STOP)
    def stop(self) -> None:
        """Decelerate and stand still."""
        self.wait(lambda: self._motion.stop(self.label, [self.parameters.channel]))

    @command(AxisCommand.ABORT)
    def abort(self) -> None:
        """Stand still as fast as the hardware can."""
        self.wait(lambda: self._motion.stop(self.label, [self.parameters.channel], abort=True))

    @command(AxisCommand.JOG, dtype_in=float, doc_in="Velocity in units per second; its sign is the user direction")
    def jog(self, velocity: float) -> None:
        """Move until stopped, until the soft limit, or until a limit switch."""
        scale, unit = self._scale, self._scale.unit
        what = f"jog at {velocity:g} {unit}/s"
        if not math.isfinite(velocity) or velocity == 0:
            raise BadValue(f"{self.label}: cannot {what}; give a velocity other than 0 {unit}/s")
        self._rates.check_velocity(abs(velocity), unit, "the jog's velocity")
        reading = self._require_ready(what)
        direction = scale.sign if velocity > 0 else -scale.sign
        self._require_no_switch(what, reading, direction)
        end = scale.high if direction > 0 else scale.low
        way = (end - self._dial()) * direction
        if way <= 0:
            side = "high" if velocity > 0 else "low"
            raise OutOfRange(f"{self.label}: cannot {what}: it stands at {self.where(self._dial())}, its {side} limit")
        if not self._motion.offers("jog" if math.isinf(end) else "set_velocity"):
            raise NotAllowed(f"{self.label}: cannot {what}: its controller cannot jog")
        self._go(
            Jog(
                self,
                what,
                velocity=direction * scale.steps(abs(velocity)),
                way=scale.steps(way),
                end=reading.position + direction * scale.steps(way),
                acceleration_time=self._rates.acceleration_time,
            )
        )

    @command(AxisCommand.HOME)
    def home(self) -> None:
        """Search for the reference mark that the configuration names, and make the dial right there."""
        homing = self.parameters.homing
        if homing is None:
            raise NotAllowed(f"{self.label}: cannot home: its configuration has no `homing`")
        what = f"home on its {homing.mark.replace('_', ' ')}"
        self._require_power(what)
        if homing.mark not in self._motion.reference_marks():
            raise NotAllowed(f"{self.label}: cannot {what}: its controller cannot search for that")
        scale = self._scale

        def found(driver: MotorController, reading: AxisReading, steps: float) -> None:
            self._anchor(driver, reading, scale.from_steps(steps), homed=True)

        velocity = None if homing.velocity is None else scale.steps(homing.velocity)
        course = Homing(
            self,
            homing,
            steps=scale.steps(homing.position),
            near=scale.steps(self.tolerance()),
            velocity=velocity,
            done=found,
        )
        self._go(course)

    @command(AxisCommand.SEARCH_LOW_LIMIT)
    def search_low_limit(self) -> None:
        """Run onto the limit switch at the low end of the user scale, whatever the soft limits are."""
        self._search("low", -self._scale.sign)

    @command(AxisCommand.SEARCH_HIGH_LIMIT)
    def search_high_limit(self) -> None:
        """Run onto the limit switch at the high end of the user scale, whatever the soft limits are."""
        self._search("high", self._scale.sign)

    @command(AxisCommand.ENABLE)
    def enable(self) -> None:
        """Switch its power on; this also clears a fault, where the controller can."""
        self.wait(functools.partial(self._switch, on=True))

    @command(AxisCommand.DISABLE)
    def disable(self) -> None:
        """Switch its power off."""
        self.wait(functools.partial(self._switch, on=False))

    # -- what the motion asks, in a client's thread

    def plan(self, target: float) -> Journey:
        """The course to a user position.

        Raises:
            BadValue, OutOfRange: it is no place to go to.
            NotReady: without power, not homed, or not where it should be.
            NotAllowed: it stands on a limit switch in that direction.
        """
        what = f"move to {self._text(target)}"
        reading = self._require_ready(what, lambda: self._scale.check(self.label, target))
        scale, rates, parameters = self._scale, self._rates, self.parameters
        here = self._dial()
        places = self._aim(what, target, here)
        register = reading.position
        # by the encoder only the way is known, for the controller's own count may be another
        slip = 0.0 if parameters.closed_loop is None else register - scale.steps(here)
        steps = [scale.steps(place) + slip for place in places]
        self._require_no_switch(what, reading, (steps[0] > register) - (steps[0] < register))
        whole = self._motion.whole_steps()
        return Journey(
            self,
            what,
            target=target,
            dial=places[-1],
            here=register,
            legs=steps,
            speed=scale.steps(rates.velocity),
            acceleration_time=rates.acceleration_time,
            arrival=scale.steps(self.tolerance()) + (HALF_STEP if whole else 0.0),
            loop=None if parameters.closed_loop is None else ClosedLoop(parameters.closed_loop),
        )

    # -- tools

    def _go(self, course: Course) -> None:
        self.wait(lambda: self._motion.start(self.label, course.what, [course]))

    def _aim(self, what: str, target: float, here: float) -> list[float]:
        """Dial positions on the way to a target; all are within the limits."""
        scale, backlash = self._scale, self.parameters.backlash
        dial = scale.aim(self.label, target, here)
        places = legs(here, dial, backlash, play_taken_up=self._direction * backlash > 0)
        if not scale.low <= places[0] <= scale.high and len(places) > 1:
            low, high = scale.limits()
            raise OutOfRange(
                f"{self.label}: cannot {what}: to take up its backlash it must come from {self.where(places[0])}, "
                f"outside limits [{low}, {high}] {scale.unit}"
            )
        return places

    def _search(self, end: str, direction: int) -> None:
        what = f"find its {end} limit switch"
        self._require_power(what)
        homing = self.parameters.homing
        velocity = None if homing is None or homing.velocity is None else self._scale.steps(homing.velocity)
        self._go(LimitSearch(self, direction, end, velocity, self._scale.steps(self._rates.velocity)))

    def _switch(self, *, on: bool) -> None:
        what = f"switch its power {'on' if on else 'off'}"
        if not self._motion.offers("set_power"):
            raise NotAllowed(f"{self.label}: cannot {what}: its controller cannot")
        self.require_free(what)
        self._require_rest(what)
        self._motion.run(self.label, what, lambda driver: driver.set_power(self.parameters.channel, on))
        self._motion.refresh(self.label, self)

    def _require_power(self, what: str) -> AxisReading:
        reading = self._known(what)
        if not reading.powered:
            raise NotReady(f"{self.label}: cannot {what}, its power is off; Enable switches it on")
        if reading.fault:
            raise HardwareFault(f"{self.label}: cannot {what}: {reading.fault}; Enable may clear it")
        return reading

    def _require_ready(self, what: str, check: Callable[[], None] = lambda: None) -> AxisReading:
        """Refuse a motion for which the axis must know where it is."""
        check()
        reading = self._require_power(what)
        if self._astray and self.parameters.discrepancy.policy is DiscrepancyPolicy.REFUSE:
            raise NotReady(f"{self.label}: cannot {what}: it {self._astray.removeprefix(f'{self.label}: ')}")
        if self.unhomed():
            raise NotReady(f"{self.label}: cannot {what}: it has not been homed yet; Home does it")
        return reading

    def _require_no_switch(self, what: str, reading: AxisReading, direction: int) -> None:
        if (direction > 0 and reading.high_limit) or (direction < 0 and reading.low_limit):
            raise NotAllowed(
                f"{self.label}: cannot {what}: it stands on {self.switches(reading).replace('the', 'its', 1)} at "
                f"{self.where(self._dial())}; move it the other way"
            )
