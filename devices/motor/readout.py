"""The Tango device of an axis, its passive part: where the axis is, and how it is."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import tango

from ronda.devices.awaited import AwaitedDevice
from ronda.devices.device import attribute
from ronda.devices.motor.contract import AxisParameters, AxisReading, MotorController
from ronda.devices.motor.course import Course
from ronda.devices.motor.encoder import Encoder
from ronda.devices.motor.motion import Motion
from ronda.devices.motor.parameters import DiscrepancyPolicy
from ronda.devices.motor.rates import Rates
from ronda.devices.motor.record import Record
from ronda.devices.motor.scale import Scale
from ronda.devices.owned import OwnedDevice
from ronda.framework.config.kinds import load_driver
from ronda.framework.errors import CommunicationFailed, HardwareFault, NotAllowed, NotReady, RondaError, TimedOut
from ronda.framework.host.entries import LAST_POSITION
from ronda.framework.tango.names import AxisAttribute

EVENT_PERIOD = 0.06
"""Seconds between two position events while moving; rule 7 of the Tango interface."""

Value = tuple[Any, float, tango.AttrQuality]


class AxisReadout(AwaitedDevice, OwnedDevice):
    """What the controller says of an axis, as attributes, events, State and Status."""

    place = frozenset({"controller", "driver"})

    # -- life

    def model(self, configuration: Mapping[str, Any]) -> type[AxisParameters]:
        """What this driver's axes are configured with."""
        driver = load_driver("motor", str(configuration.get("driver")), MotorController)
        found: type[AxisParameters] = driver.AxisParameters
        return found

    @property
    def parameters(self) -> AxisParameters:
        """What it goes by."""
        if self.settings is None:
            raise NotReady(self.get_status())
        found: AxisParameters = self.settings.values
        return found

    def opened(self) -> None:
        """Join the controller's motion."""
        super().opened()
        parameters, stored, device = self.parameters, self.process.stored, self.get_name()
        self._reading: AxisReading | None = None
        self._when = time.time()
        self._error: RondaError = NotReady(f"{self.label}: its controller has not answered yet")
        self._refusal = self._trouble = self._astray = ""
        self._target: float | None = None
        self._direction = 0
        self._pushed: tuple[float, float] | None = None
        self._pushed_at = 0.0
        self._switches: tuple[bool, bool, bool] | None = None
        self._rates = Rates(self.label, parameters)
        self._record = Record(
            stored.read(device, LAST_POSITION), lambda note: stored.note(device, LAST_POSITION, note), self.tolerance()
        )
        self._encoder = Encoder.of(parameters.encoder, self._record.encoder_offset)
        self._scale = Scale.of(parameters)
        self._show_limits()
        self._velocities_shown = self._rates.velocities
        self.show(tango.DevState.UNKNOWN, str(self._error))
        self._motion = self.process.share(Motion, str(self.configuration["controller"]))
        self._motion.add(self)

    def closing(self) -> None:
        """Leave the controller's motion."""
        self._motion.remove(self)

    def remarks(self) -> list[str]:
        """What else is to be said in Status."""
        return [*(sentence for sentence in (self._refusal, self._motion.silence()) if sentence), *super().remarks()]

    def rest_position(self) -> float:
        """User position."""
        return self._scale.user(self._dial())

    # -- what the motion tells and asks, in the worker's thread

    def configure(self, driver: MotorController) -> None:
        """Give the controller velocity and acceleration; what it refuses stands in Status."""
        self._refusal = ""
        parameters, rates = self.parameters, self._rates
        try:
            rates.learn_velocities(driver, parameters)
            if self._motion.offers("set_velocity"):
                self._set_velocity(driver, parameters.velocity)
            rates.learn_times(driver, parameters)
            if self._motion.offers("set_acceleration_time"):
                self._set_acceleration_time(driver, parameters.acceleration_time)
        except (CommunicationFailed, TimedOut):
            raise
        except RondaError as error:
            sentence = str(error)
            self._refusal = sentence if sentence.startswith(f"{self.label}: ") else f"{self.label}: {sentence}"
            self.log.warning(self._refusal)
        if rates.velocities != self._velocities_shown:
            self._velocities_shown = rates.velocities
            self.process.stored.later(lambda: self.show_limits(AxisAttribute.VELOCITY, *rates.velocities))

    def restore_velocity(self, driver: MotorController) -> None:
        """Give the controller the velocity that the axis is set to; what it refuses stands in Status."""
        try:
            driver.set_velocity(self.parameters.channel, self._scale.steps(self.parameters.velocity))
        except (HardwareFault, NotAllowed) as error:
            self._refusal = f"{self.label}: does not have its velocity again after the move before: {error}"
            self.log.warning(self._refusal)

    def started(self, course: Course) -> None:
        """A course has begun: MOVING before the client hears that it was taken."""
        self._target = course.target
        self._trouble = self._astray = ""
        self._record.moves()
        if course.forgets_home:
            self._record.redefine(homed=False, encoder_offset=self._record.encoder_offset)
            self.publish(AxisAttribute.HOMED, False)
        if self._reading is not None:
            self._reading = replace(self._reading, moving=True)
        self.take_state(tango.DevState.MOVING, f"{self.label}: {course.doing}")

    def tell_started(self) -> None:
        """Send the events of a course that has begun."""
        self.tell_state()
        if self.moved_by:
            self.note_change(AxisAttribute.POSITION, self.moved_by)
        if self._target is not None:
            self.publish(AxisAttribute.TARGET, self._target)

    def ended(self, course: Course) -> None:
        """A course has ended: remember what went wrong, and the direction of its last motion."""
        self._trouble = course.trouble
        self._direction = 0 if course.cut else course.direction
        if course.trouble:
            self.log.warning(course.trouble)

    def take(self, reading: AxisReading, when: float) -> None:
        """Take a reading. At the end of a move the final position goes out before the state."""
        was_moving = self._reading is not None and self._reading.moving
        try:
            dial = self.dial_of(reading)
        except HardwareFault as error:
            self.lost(error)
            return
        self._reading, self._when = reading, when
        position = (self._scale.user(dial), dial)
        now = time.monotonic()
        if reading.moving:
            if not self._astray:
                self._record.moves()
            if self.get_state() != tango.DevState.MOVING:
                self.show(tango.DevState.MOVING, f"{self.label}: moving")
            due = now - self._pushed_at >= EVENT_PERIOD
        else:
            self._look_for_discrepancy(dial)
            due = was_moving or self.get_state() == tango.DevState.MOVING
        if not reading.moving:
            self.moved_by = ""  # before the state, so that nobody who waited for the end reads of a motion
            self.take_state(*self._judge(reading))
            self.give_way()
        if due or (position != self._pushed and not reading.moving):
            self._pushed, self._pushed_at = position, now
            quality = self._quality(reading)
            if self._encoder is not None and reading.encoder is not None:
                encoder = self._scale.user(self._encoder.dial(reading.encoder))
                self.publish(AxisAttribute.ENCODER_POSITION, encoder, when, quality)
            self.publish(AxisAttribute.DIAL_POSITION, dial, when, quality)
            self.publish(AxisAttribute.POSITION, position[0], when, quality)
        self._tell_switches(reading)
        if not reading.moving:
            self.tell_state()
        self.tell_owner()

    def lost(self, error: RondaError) -> None:
        """Nothing is known about the axis."""
        self._reading, self._error = None, error
        waiting = isinstance(error, NotReady)
        self.show(tango.DevState.UNKNOWN if waiting else tango.DevState.FAULT, f"{self.label}: {error}")

    def dial_of(self, reading: AxisReading) -> float:
        """Dial position in a reading, of the encoder if the loop is closed.

        Raises:
            HardwareFault: the loop is closed, and the controller says nothing of the encoder.
        """
        if self._encoder is None or self.parameters.closed_loop is None:
            return self._scale.from_steps(reading.position)
        if reading.encoder is None:
            raise HardwareFault("its loop is closed by an encoder, of which its controller says nothing")
        return self._encoder.dial(reading.encoder)

    def velocity_range(self) -> tuple[float, float]:
        """Lowest and highest velocity that may be set, in steps/s."""
        low, high = self._rates.velocities
        return self._scale.steps(low), self._scale.steps(high)

    def where(self, dial: float) -> str:
        """A dial position in user units, for messages; with the dial position if that is another number."""
        digits = self.parameters.digits
        user, dial = round(self._scale.user(dial), digits), round(dial, digits)
        return self._text(user) if user == dial else f"{self._text(user)} (dial {dial})"

    def switches(self, reading: AxisReading) -> str:
        """The active limit switches in words, on both scales; empty if none is."""
        low, high = self._user_switches(reading)
        if low and high:
            return "the low and the high limit switch"
        if not low and not high:
            return ""
        names = ("low", "high") if low else ("high", "low")
        return f"the {names[0]} limit switch" + (f" ({names[1]} on the dial)" if self._scale.sign < 0 else "")

    def slipping(self, reading: AxisReading) -> str:
        """What is wrong if encoder and controller are too far apart; empty if they are not."""
        encoder = self._encoder
        if encoder is None or encoder.tolerance is None or self.parameters.closed_loop is not None:
            return ""
        if reading.encoder is None:
            return "its controller says nothing of its encoder"
        shown, counted = encoder.dial(reading.encoder), self._scale.from_steps(reading.position)
        if abs(shown - counted) <= encoder.tolerance:
            return ""
        return (
            f"its encoder says {self.where(shown)}, its controller {self.where(counted)}: "
            f"{self._text(round(abs(shown - counted), self.parameters.digits))} apart, more than "
            f"{self._text(encoder.tolerance)}; it lost steps, or the encoder is wrong. "
            "Sync sets the controller to the encoder"
        )

    # -- attributes

    @attribute(name=AxisAttribute.DIAL_POSITION, dtype=float, unit="mm", format="%.4f")
    def dial_position(self) -> Value:
        """Position on the axis's own scale: steps divided by steps per unit; of the encoder if the loop is closed."""
        return self._dial(), self._when, self._quality(self._known())

    @attribute(name=AxisAttribute.ENCODER_POSITION, dtype=float, unit="mm", format="%.4f")
    def encoder_position(self) -> Value:
        """User position by the encoder; INVALID if the axis has none."""
        reading = self._known()
        if self._encoder is None or reading.encoder is None:
            return math.nan, self._when, tango.AttrQuality.ATTR_INVALID
        return self._scale.user(self._encoder.dial(reading.encoder)), self._when, self._quality(reading)

    @attribute(name=AxisAttribute.TARGET, dtype=float, unit="mm", format="%.4f")
    def target(self) -> float:
        """Where the latest move went to; where it stands before the first one, and after a jog or a search."""
        return self._scale.user(self._dial()) if self._target is None else self._target

    @attribute(name=AxisAttribute.STEPS_PER_UNIT, dtype=float, unit="1/mm", format="%.10g", events=False)
    def steps_per_unit(self) -> float:
        """Steps of the controller for one unit."""
        return self._scale.steps_per_unit

    @attribute(name=AxisAttribute.CONTROLLER, dtype=str, events=False)
    def controller(self) -> str:
        """Name of its controller, whose command MoveTogether moves it together with others."""
        return str(self.configuration["controller"])

    @attribute(name=AxisAttribute.LOW_LIMIT_SWITCH, dtype=bool)
    def low_limit_switch(self) -> bool:
        """Whether the switch at the low end of the user scale is active."""
        return self._user_switches(self._known())[0]

    @attribute(name=AxisAttribute.HIGH_LIMIT_SWITCH, dtype=bool)
    def high_limit_switch(self) -> bool:
        """Whether the switch at the high end of the user scale is active."""
        return self._user_switches(self._known())[1]

    @attribute(name=AxisAttribute.HOME_SWITCH, dtype=bool)
    def home_switch(self) -> bool:
        """Whether the home switch is active."""
        return self._known().home

    @attribute(name=AxisAttribute.HOMED, dtype=bool)
    def homed(self) -> bool:
        """Whether its dial comes from its reference mark, and has not been lost or redefined since."""
        return self._record.homed

    # -- tools

    def tolerance(self) -> float:
        """By how much it may stand beside a place and yet be there, in units."""
        parameters = self.parameters
        given = parameters.discrepancy.tolerance
        return 10.0 ** (1 - parameters.digits) if given is None else given

    def _look_for_discrepancy(self, dial: float) -> None:
        record, before = self._record, self._astray
        expected = record.expected
        if record.rests(dial) or expected is None:
            self._astray = ""
            return
        sentence = f"{self.label}: stands at {self.where(dial)}, but was last seen at {self.where(expected)}"
        if self.parameters.discrepancy.policy is DiscrepancyPolicy.ACCEPT:
            self.log.warning(f"{sentence}; its configuration says to accept this")
            record.accept(dial)
            return
        self._astray = (
            f"{sentence}: it was moved by hand, or its controller lost count. Sync accepts where it stands; "
            "DefineDialPosition or Home make the dial right"
        )
        if not before:
            self.log.warning(self._astray)
            record.homed = False
            self.publish(AxisAttribute.HOMED, False)

    def _judge(self, reading: AxisReading) -> tuple[tango.DevState, str]:
        """State of an axis that stands, and a sentence about it."""
        if reading.fault:
            return tango.DevState.FAULT, f"{self.label}: {reading.fault}"
        if not reading.powered:
            return tango.DevState.OFF, f"{self.label}: power is off"
        switches, slipping = self.switches(reading), self.slipping(reading)
        if switches:
            switches = f"{self.label}: stands on its{switches.removeprefix('the')}"
        worries = [
            self._astray,
            self._trouble,
            switches,
            f"{self.label}: has not been homed yet; Home does it" if self.unhomed() else "",
            f"{self.label}: {slipping}" if slipping else "",
            self._refusal,
        ]
        for worry in worries:
            if worry:
                return tango.DevState.ALARM, worry
        return tango.DevState.ON, f"{self.label}: stands"

    def unhomed(self) -> bool:
        """Whether it must be homed before it may move."""
        homing = self.parameters.homing
        return homing is not None and homing.required and not self._record.homed

    def _show_limits(self) -> None:
        limits = self._scale.limits() if self._scale.modulo is None else (-math.inf, math.inf)
        self.show_limits(AxisAttribute.POSITION, *limits)

    def _set_velocity(self, driver: MotorController, velocity: float) -> None:
        self._rates.check_velocity(velocity, self._scale.unit)
        steps = driver.set_velocity(self.parameters.channel, self._scale.steps(velocity))
        self._rates.velocity = self._scale.from_steps(steps)
        self.publish(AxisAttribute.VELOCITY, self._rates.velocity)
        self.publish(AxisAttribute.ACCELERATION, self._rates.acceleration)

    def _set_acceleration_time(self, driver: MotorController, duration: float) -> None:
        self._rates.check_time(duration)
        self._rates.acceleration_time = driver.set_acceleration_time(self.parameters.channel, duration)
        self.publish(AxisAttribute.ACCELERATION_TIME, self._rates.acceleration_time)
        self.publish(AxisAttribute.ACCELERATION, self._rates.acceleration)

    def _known(self, what: str = "be read") -> AxisReading:
        reading = self._reading
        if reading is None:
            raise type(self._error)(f"{self.label}: cannot {what}: {self._error}")
        return reading

    def _dial(self) -> float:
        return self.dial_of(self._known())

    def _quality(self, reading: AxisReading) -> tango.AttrQuality:
        return tango.AttrQuality.ATTR_CHANGING if reading.moving else tango.AttrQuality.ATTR_VALID

    def _user_switches(self, reading: AxisReading) -> tuple[bool, bool]:
        switches = (reading.low_limit, reading.high_limit)
        return switches if self._scale.sign > 0 else (switches[1], switches[0])

    def _tell_switches(self, reading: AxisReading) -> None:
        switches = (*self._user_switches(reading), reading.home)
        if switches != self._switches:
            self._switches = switches
            self.publish(AxisAttribute.LOW_LIMIT_SWITCH, switches[0])
            self.publish(AxisAttribute.HIGH_LIMIT_SWITCH, switches[1])
            self.publish(AxisAttribute.HOME_SWITCH, switches[2])

    def _text(self, position: float) -> str:
        return f"{position} {self._scale.unit}"
