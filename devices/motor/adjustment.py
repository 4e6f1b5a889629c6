"""The Tango device of an axis, what users set: offset, sign, limits, rates, and what the present place is called."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ronda.devices.device import attribute, command
from ronda.devices.motor.contract import AxisReading, MotorController
from ronda.devices.motor.encoder import Encoder
from ronda.devices.motor.readout import AxisReadout
from ronda.devices.motor.scale import Scale
from ronda.devices.settings import Settings
from ronda.framework.errors import BadValue, Busy, NotAllowed, RondaError
from ronda.framework.tango.names import AxisAttribute, AxisCommand


class AxisAdjustment(AxisReadout):
    """What users change; it is stored before it counts, and refused while the axis moves if it concerns positions."""

    def settings_changed(self) -> None:
        """Take a changed configuration; velocity and acceleration go to the hardware."""
        self._record.tolerance = self.tolerance()
        self._rescale()
        self._motion.run(self.label, "take the changed configuration", self.configure)

    # -- attributes

    @attribute(name=AxisAttribute.OFFSET, dtype=float, unit="mm", format="%.4f")
    def offset(self) -> float:
        """user position = sign × dial position + offset. Limits stay where they are on the dial."""
        return self._scale.offset

    @offset.write
    def write_offset(self, value: float) -> None:
        """Redefine the user position."""
        self.wait(lambda: self._redefine("change the offset", lambda: {"offset": value}))

    @attribute(name=AxisAttribute.SIGN, dtype=int)
    def sign(self) -> int:
        """Direction of the user position against the dial, 1 or -1. A change keeps the offset."""
        return self._scale.sign

    @sign.write
    def write_sign(self, value: int) -> None:
        """Turn the user direction."""
        self.wait(lambda: self._redefine("change the sign", lambda: {"sign": value}))

    @attribute(name=AxisAttribute.VELOCITY, dtype=float, unit="mm/s", format="%.6g")
    def velocity(self) -> float:
        """Velocity of a move; what the controller will really do."""
        return self._rates.velocity

    @velocity.write
    def write_velocity(self, value: float) -> None:
        """Set the velocity of later moves."""
        self.wait(lambda: self._set("velocity", value, self._set_velocity))

    @attribute(name=AxisAttribute.ACCELERATION_TIME, dtype=float, unit="s", format="%.6g", min_value="0")
    def acceleration_time(self) -> float:
        """Time from rest to full velocity; what the controller will really do."""
        return self._rates.acceleration_time

    @acceleration_time.write
    def write_acceleration_time(self, value: float) -> None:
        """Set the acceleration of later moves."""
        self.wait(lambda: self._set("acceleration_time", value, self._set_acceleration_time))

    @attribute(name=AxisAttribute.ACCELERATION, dtype=float, unit="mm/s^2", format="%.6g")
    def acceleration(self) -> float:
        """Velocity divided by acceleration time. Writing it sets the acceleration time."""
        return self._rates.acceleration

    @acceleration.write
    def write_acceleration(self, value: float) -> None:
        """Set the acceleration of later moves."""
        if not value > 0:
            raise BadValue(
                f"{self.label}: the acceleration must be greater than 0 {self._scale.unit}/s^2, not {value:g}"
            )
        duration = self._rates.velocity / value
        self.wait(lambda: self._set("acceleration_time", duration, self._set_acceleration_time))

    @attribute(name=AxisAttribute.BACKLASH, dtype=float, unit="mm", format="%.4f")
    def backlash(self) -> float:
        """Play to take up: moves end in the direction of its sign on the dial, after at least this way."""
        return self.parameters.backlash

    @backlash.write
    def write_backlash(self, value: float) -> None:
        """Set it for later moves."""

        def change() -> None:
            self.require_free("change the backlash")
            self.change_settings({"backlash": value})
            self.publish(AxisAttribute.BACKLASH, value)

        self.wait(change)

    @attribute(name=AxisAttribute.LOW_LIMIT, dtype=float, unit="mm", format="%.4f")
    def low_limit(self) -> float:
        """Lowest user position that may be moved to; -inf for none."""
        return self._scale.limits()[0]

    @low_limit.write
    def write_low_limit(self, value: float) -> None:
        """Set the low limit."""
        self.wait(lambda: self._set_limits(low=value))

    @attribute(name=AxisAttribute.HIGH_LIMIT, dtype=float, unit="mm", format="%.4f")
    def high_limit(self) -> float:
        """Highest user position that may be moved to; inf for none."""
        return self._scale.limits()[1]

    @high_limit.write
    def write_high_limit(self, value: float) -> None:
        """Set the high limit."""
        self.wait(lambda: self._set_limits(high=value))

    # -- commands

    @command(AxisCommand.DEFINE_POSITION, dtype_in=float, doc_in="What the present user position shall be called")
    def define_position(self, position: float) -> None:
        """Change the offset so that the axis stands at this user position."""

        def changes() -> dict[str, Any]:
            return {"offset": position - self._scale.sign * self._dial()}

        self.wait(lambda: self._redefine(f"be at {self._text(position)}", changes))

    @command(AxisCommand.DEFINE_DIAL_POSITION, dtype_in=float, doc_in="What the present dial position shall be called")
    def define_dial_position(self, dial: float) -> None:
        """Set the position of controller and encoder; the user position stays, or with a discrepancy the offset."""
        self.wait(lambda: self._redefine_dial(dial))

    @command(AxisCommand.SYNC)
    def sync(self) -> None:
        """Accept where the hardware is, after a move by hand; an encoder with a tolerance corrects the controller."""
        self.wait(self._sync)

    # -- tools, called without Tango's lock

    def _redefine(self, what: str, changes: Callable[[], Mapping[str, Any]]) -> None:
        self.require_free(what)
        with self.changing:
            self._require_rest(what)
            self.change_settings(changes())
            self._rescale()

    def _redefine_dial(self, dial: float) -> None:
        what = f"be at dial {self._text(dial)}"
        if not self._motion.offers("set_position"):
            raise NotAllowed(f"{self.label}: its controller cannot redefine the position")
        if not math.isfinite(dial):
            raise BadValue(f"{self.label}: cannot {what}; a position is a finite number")
        self.require_free(what)
        with self.changing:
            self._require_rest(what)
            before, homed = self._dial(), self._record.homed
            offset = self._scale.offset + self._scale.sign * (before - dial)
            if self._astray:  # the controller lost its count: the dial is put right, and the offset was right before
                offset = self._scale.offset
            self._set_dial(what, dial, homed=False)
            try:
                self.change_settings({"offset": offset})
            except RondaError:
                self._set_dial(what, before, homed=homed)
                raise
            self._rescale()

    def _set_dial(self, what: str, dial: float, *, homed: bool) -> None:
        channel, steps = self.parameters.channel, self._scale.steps(dial)

        def redefine(driver: MotorController) -> None:
            driver.set_position(channel, steps)
            self._anchor(driver, self._known(what), dial, homed=homed)

        self._motion.run(self.label, what, redefine)
        self._motion.refresh(self.label, self)

    def _anchor(self, driver: MotorController, reading: AxisReading, dial: float, *, homed: bool) -> None:
        """The dial has a new meaning, and the axis stands at this dial position: let the encoder say so too."""
        encoder, offset = self._encoder, self._record.encoder_offset
        if encoder is not None and reading.encoder is not None:
            if self._motion.offers("set_encoder"):
                driver.set_encoder(self.parameters.channel, encoder.counts(dial))
            else:
                offset = encoder.offset_for(reading.encoder, dial)
        self._record.redefine(homed=homed, encoder_offset=offset)
        self._encoder = Encoder.of(self.parameters.encoder, offset)
        self._trouble = ""
        self._direction = 0
        self.publish(AxisAttribute.HOMED, homed)

    def _sync(self) -> None:
        what = "take where the hardware is"
        self.require_free(what)
        with self.changing:
            self._require_rest(what)
            self._motion.run(self.label, what, self._synchronise)
            self._motion.refresh(self.label, self)

    def _synchronise(self, driver: MotorController) -> None:
        channel, before = self.parameters.channel, self._dial()
        driver.sync(channel)
        reading = driver.read([channel])[channel]
        if self.slipping(reading) and self._encoder is not None and reading.encoder is not None:
            driver.set_position(channel, self._scale.steps(self._encoder.dial(reading.encoder)))
            reading = driver.read([channel])[channel]
        now = self.dial_of(reading)
        self._record.accept(now)
        self._astray = self._trouble = ""
        self._direction = 0
        self.log.info("synchronised", stands=self.where(now), shown_before=self.where(before))

    def _set(self, key: str, value: float, apply: Callable[[MotorController, float], None]) -> None:
        """Store a setting and give it to the hardware; if that refuses, nothing has changed."""
        words = key.replace("_", " ")
        if not self._motion.offers(f"set_{key}"):
            raise NotAllowed(f"{self.label}: its controller cannot set the {words}")
        what = f"set the {words} to {value:g}"
        self.require_free(what)
        with self.changing:
            self._known(what)
            if key == "velocity":
                self._rates.check_velocity(value, self._scale.unit)
            else:
                self._rates.check_time(value)
            before = self.settings
            self.change_settings({key: value})
            try:
                self._motion.run(self.label, what, lambda driver: apply(driver, value))
            except RondaError:
                self._go_back(before)
                raise

    def _go_back(self, settings: Settings[Any] | None) -> None:
        if settings is not None:
            self.settings = settings
            self.process.stored.write_settings(self.label, self.get_name(), settings.runtime, settings.runtime)

    def _set_limits(self, low: float | None = None, high: float | None = None) -> None:
        self.require_free("change its limits")
        with self.changing:
            old_low, old_high = self._scale.limits()
            limits = self._scale.dial_limits(
                self.label, old_low if low is None else low, old_high if high is None else high
            )
            self.change_settings({"limits": limits})
            self._rescale()

    def _rescale(self) -> None:
        """Go by changed settings, and tell everybody."""
        self._scale = Scale.of(self.parameters)
        self._target = None
        low, high = self._scale.limits()
        self.publish(AxisAttribute.OFFSET, self._scale.offset)
        self.publish(AxisAttribute.SIGN, self._scale.sign)
        self.publish(AxisAttribute.LOW_LIMIT, low)
        self.publish(AxisAttribute.HIGH_LIMIT, high)
        self._show_limits()
        reading = self._reading
        if reading is not None:
            self.take(reading, self._when)

    def _require_rest(self, what: str) -> None:
        self._motion.refresh(self.label, self)
        if self._known(what).moving:
            raise Busy(f"{self.label}: cannot {what}: it is moving; stop it first")
