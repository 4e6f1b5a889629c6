"""What each loop has as a Tango device, whether the controller's PID does the work or ours."""

from __future__ import annotations

import math
import time
from typing import Any

import tango

from ronda.devices.device import RondaDevice, attribute, command
from ronda.devices.regulation.history import POINTS, History
from ronda.devices.regulation.loop_state import LoopState
from ronda.devices.regulation.parameters import finite
from ronda.framework.errors import BadValue, OutOfRange
from ronda.framework.tango.regulation import LoopAttribute, LoopCommand

TELL_PERIOD = 0.2
"""Least seconds between two events of a value that moves."""

Value = tuple[Any, float, tango.AttrQuality]


class LoopDevice(RondaDevice):
    """One loop. Writing `Setpoint` starts it and returns at once; the state is MOVING until the setpoint is reached.

    Subclasses fill the methods that are not implemented here, and call `took` with what the loop does.
    """

    # -- for subclasses

    def go(self, setpoint: float) -> None:
        """Regulate, and go to a setpoint that was checked."""
        raise NotImplementedError

    def begin(self) -> None:
        """Regulate, from where everything is."""
        raise NotImplementedError

    def hold(self) -> None:
        """End a ramp and regulate where the working setpoint is; harmless when off."""
        raise NotImplementedError

    def cut(self) -> None:
        """Regulate no more; the output goes to its safe value."""
        raise NotImplementedError

    def gain(self, which: str) -> float:
        """One of `kp`, `ki`, `kd`."""
        raise NotImplementedError

    def tunables_changed(self) -> None:
        """Keys marked as settings have changed: tell who regulates."""
        raise NotImplementedError

    def shown_mode(self) -> str:
        """In which mode it is."""
        raise NotImplementedError

    def switch_mode(self, mode: str) -> None:
        """Go to another mode."""
        raise NotImplementedError

    def begin_tuning(self) -> None:
        """Begin an auto-tuning."""
        raise NotImplementedError

    def shown_tuning(self) -> str:
        """What the auto-tuning does, in words."""
        raise NotImplementedError

    def capabilities(self) -> list[str]:
        """What it can do."""
        raise NotImplementedError

    # -- for subclasses to use

    def opened(self) -> None:
        """Nothing is known yet."""
        self.loop_state = LoopState()
        self._when = time.time()
        self._told_at = 0.0
        self._told = LoopState()
        self._history = History(float(getattr(self.keys, "history", 600.0)))
        self.show(tango.DevState.UNKNOWN, f"{self.label}: connecting")

    @property
    def keys(self) -> Any:
        """The parameters."""
        return self.settings and self.settings.values

    def settings_changed(self) -> None:
        """Take changed live keys."""
        self.tunables_changed()

    def took(self, now: LoopState) -> None:
        """Take what the loop does; tell subscribers, not too often."""
        before, self.loop_state = self.loop_state, now
        self._when = time.time()
        self._history.add(self._when, now.measured, now.working, now.output)
        calm = (now.fault, now.moving, now.regulating, now.doing, now.setpoint, now.in_deadband, now.ramping)
        was = (before.fault, before.moving, before.regulating, before.doing, before.setpoint)
        if calm == (*was, before.in_deadband, before.ramping) and self._when - self._told_at < TELL_PERIOD:
            return
        self._told_at = self._when
        told, self._told = self._told, now
        for name, value, old in (
            (LoopAttribute.SETPOINT, now.setpoint, told.setpoint),
            (LoopAttribute.WORKING_SETPOINT, now.working, told.working),
            (LoopAttribute.INPUT, now.measured, told.measured),
            (LoopAttribute.POSITION, now.measured, told.measured),
            (LoopAttribute.OUTPUT, now.output, told.output),
            (LoopAttribute.ERROR, now.error, told.error),
        ):
            if value != old and not (math.isnan(value) and math.isnan(old)):
                self.publish(name, *self._number(value))
        for flag, is_so, was_so in (
            (LoopAttribute.IS_IN_DEADBAND, now.in_deadband, told.in_deadband),
            (LoopAttribute.IS_RAMPING, now.ramping, told.ramping),
            (LoopAttribute.IS_REGULATING, now.regulating, told.regulating),
        ):
            if is_so != was_so:
                self.publish(flag, is_so)
        self.show_loop()

    def show_loop(self) -> None:
        """State and Status from what the loop does."""
        now, unit, digits = self.loop_state, self.keys.unit, min(self.keys.digits, 3)
        if now.fault:
            self.show(tango.DevState.ALARM, f"{self.label}: {now.fault}")
        elif not now.regulating:
            self.show(tango.DevState.OFF, f"{self.label}: {now.doing or 'off'}")
        elif now.doing:
            self.show(tango.DevState.MOVING if now.moving else tango.DevState.ON, f"{self.label}: {now.doing}")
        elif now.ramping:
            rate = self.keys.ramp_rate
            self.show(
                tango.DevState.MOVING if now.moving else tango.DevState.ON,
                f"{self.label}: ramping to {now.setpoint:.{digits}f} {unit} at {rate:g} {unit}/min",
            )
        elif now.moving:
            self.show(tango.DevState.MOVING, f"{self.label}: settling at {now.setpoint:.{digits}f} {unit}")
        else:
            self.show(tango.DevState.ON, f"{self.label}: regulating at {now.setpoint:.{digits}f} {unit}")

    def check_setpoint(self, setpoint: float) -> None:
        """Refuse a setpoint that is not allowed.

        Raises:
            BadValue: it is no finite number.
            OutOfRange: it is outside the limits.
        """
        low, high = finite(self.keys.limits)
        unit = self.keys.unit
        if not math.isfinite(setpoint):
            raise BadValue(f"{self.label}: cannot go to {setpoint}; a setpoint is a finite number of {unit}")
        if not low <= setpoint <= high:
            raise OutOfRange(
                f"{self.label}: cannot go to {setpoint:g} {unit}, outside limits [{low:g}, {high:g}] {unit}"
            )

    def _number(self, value: float) -> Value:
        quality = tango.AttrQuality.ATTR_INVALID if math.isnan(value) else tango.AttrQuality.ATTR_VALID
        return value, self._when, quality

    def _change(self, **changes: Any) -> None:
        self.change_settings(changes)
        self.wait(self.tunables_changed)
        for name in changes:
            self.log.info("tuned", key=name)

    # -- attributes

    @attribute(name=LoopAttribute.POSITION, dtype=float)
    def position(self) -> Value:
        """The input: for clients that know axes only. Writing is the same as writing Setpoint."""
        return self._number(self.loop_state.measured)

    @position.write
    def write_position(self, setpoint: float) -> None:
        """Regulate, and go there."""
        self.check_setpoint(setpoint)
        self.wait(lambda: self.go(setpoint))

    @attribute(name=LoopAttribute.TARGET, dtype=float)
    def target(self) -> Value:
        """The setpoint: for clients that know axes only."""
        return self._number(self.loop_state.setpoint)

    @attribute(name=LoopAttribute.SETPOINT, dtype=float)
    def setpoint(self) -> Value:
        """Where it goes, or is held. Writing regulates, and goes there with the ramp rate."""
        return self._number(self.loop_state.setpoint)

    @setpoint.write
    def write_setpoint(self, setpoint: float) -> None:
        """Regulate, and go there."""
        self.check_setpoint(setpoint)
        self.wait(lambda: self.go(setpoint))

    @attribute(name=LoopAttribute.WORKING_SETPOINT, dtype=float)
    def working_setpoint(self) -> Value:
        """Where the ramp is now; the same as the setpoint at its end."""
        return self._number(self.loop_state.working)

    @attribute(name=LoopAttribute.INPUT, dtype=float)
    def input_value(self) -> Value:
        """What the input measures; INVALID while it has a fault."""
        return self._number(self.loop_state.measured)

    @attribute(name=LoopAttribute.OUTPUT, dtype=float)
    def output_value(self) -> Value:
        """Where the output is."""
        return self._number(self.loop_state.output)

    @attribute(name=LoopAttribute.ERROR, dtype=float)
    def error(self) -> Value:
        """Working setpoint minus input."""
        return self._number(self.loop_state.error)

    @attribute(name=LoopAttribute.KP, dtype=float, events=False)
    def kp(self) -> float:
        """Proportional gain: output for one unit of error."""
        return self.gain("kp")

    @kp.write
    def write_kp(self, gain: float) -> None:
        """Set it, without a jump of the output."""
        self._change(kp=gain)

    @attribute(name=LoopAttribute.KI, dtype=float, events=False)
    def ki(self) -> float:
        """Integral gain: output per second for one unit of error."""
        return self.gain("ki")

    @ki.write
    def write_ki(self, gain: float) -> None:
        """Set it, without a jump of the output."""
        self._change(ki=gain)

    @attribute(name=LoopAttribute.KD, dtype=float, events=False)
    def kd(self) -> float:
        """Derivative gain: output for an input that changes by one unit per second."""
        return self.gain("kd")

    @kd.write
    def write_kd(self, gain: float) -> None:
        """Set it, without a jump of the output."""
        self._change(kd=gain)

    @attribute(name=LoopAttribute.RAMP_RATE, dtype=float, events=False)
    def ramp_rate(self) -> float:
        """How fast the working setpoint goes to a new setpoint, per minute; 0: at once."""
        return float(self.keys.ramp_rate)

    @ramp_rate.write
    def write_ramp_rate(self, rate: float) -> None:
        """Set it; a ramp that runs goes on with it."""
        self._change(ramp_rate=rate)

    @attribute(name=LoopAttribute.DEADBAND, dtype=float, events=False)
    def deadband(self) -> float:
        """The setpoint is reached while the input is within ± this around it."""
        return float(self.keys.deadband)

    @deadband.write
    def write_deadband(self, width: float) -> None:
        """Set it; it counts from the next cycle on."""
        self._change(deadband=width)

    @attribute(name=LoopAttribute.DEADBAND_TIME, dtype=float, events=False)
    def deadband_time(self) -> float:
        """How long the input must stay in the deadband before the setpoint counts as reached."""
        return float(self.keys.deadband_time)

    @deadband_time.write
    def write_deadband_time(self, duration: float) -> None:
        """Set it; it counts from the next cycle on."""
        self._change(deadband_time=duration)

    @attribute(name=LoopAttribute.WAIT_MODE, dtype=str, events=False)
    def wait_mode(self) -> str:
        """When a new setpoint counts as reached: `ramp` (at its end), or `deadband` (after deadband_time in it)."""
        return str(self.keys.wait_mode)

    @wait_mode.write
    def write_wait_mode(self, mode: str) -> None:
        """Set it; it counts from the next cycle on."""
        self._change(wait_mode=mode)

    @attribute(name=LoopAttribute.IS_IN_DEADBAND, dtype=bool)
    def is_in_deadband(self) -> bool:
        """Whether the input is within the deadband around the working setpoint."""
        return self.loop_state.in_deadband

    @attribute(name=LoopAttribute.IS_RAMPING, dtype=bool)
    def is_ramping(self) -> bool:
        """Whether the working setpoint is on its way, or a program runs."""
        return self.loop_state.ramping

    @attribute(name=LoopAttribute.IS_REGULATING, dtype=bool)
    def is_regulating(self) -> bool:
        """Whether it drives its output."""
        return self.loop_state.regulating

    @attribute(name=LoopAttribute.LOW_LIMIT, dtype=float, events=False)
    def low_limit(self) -> float:
        """Lowest setpoint; -inf for none."""
        return finite(self.keys.limits)[0]

    @attribute(name=LoopAttribute.HIGH_LIMIT, dtype=float, events=False)
    def high_limit(self) -> float:
        """Highest setpoint; inf for none."""
        return finite(self.keys.limits)[1]

    @attribute(name=LoopAttribute.MODE, dtype=str, events=False)
    def mode(self) -> str:
        """In which mode it is: `pid`, `on_off` or `manual`, or one of its controller's."""
        return self.shown_mode()

    @mode.write
    def write_mode(self, mode: str) -> None:
        """Go to another mode, without a jump of the output."""
        self.wait(lambda: self.switch_mode(mode))

    @attribute(name=LoopAttribute.TUNING, dtype=str, events=False)
    def tuning(self) -> str:
        """What the auto-tuning does or did, in words; empty if there was none."""
        return self.shown_tuning()

    @attribute(name=LoopAttribute.HISTORY_TIME, dtype=(float,), max_dim_x=POINTS, events=False)
    def history_time(self) -> list[float]:
        """When the rows of the history were taken, in s since 1970."""
        return self._history.column(0)

    @attribute(name=LoopAttribute.HISTORY_INPUT, dtype=(float,), max_dim_x=POINTS, events=False)
    def history_input(self) -> list[float]:
        """Input of late."""
        return self._history.column(1)

    @attribute(name=LoopAttribute.HISTORY_SETPOINT, dtype=(float,), max_dim_x=POINTS, events=False)
    def history_setpoint(self) -> list[float]:
        """Working setpoint of late."""
        return self._history.column(2)

    @attribute(name=LoopAttribute.HISTORY_OUTPUT, dtype=(float,), max_dim_x=POINTS, events=False)
    def history_output(self) -> list[float]:
        """Output of late."""
        return self._history.column(3)

    @attribute(name=LoopAttribute.CAPABILITIES, dtype=(str,), max_dim_x=20, events=False)
    def shown_capabilities(self) -> list[str]:
        """What it can do: ramp, hold, gains, mode, tuning, program …"""
        return self.capabilities()

    # -- commands

    @command(LoopCommand.START)
    def start(self) -> None:
        """Regulate, without a jump of the output; without a setpoint so far, the input is held where it is."""
        self.wait(self.begin)

    @command(LoopCommand.STOP)
    def stop(self) -> None:
        """End a ramp, a program or an auto-tuning, and hold the working setpoint. The output is not cut."""
        self.wait(self.hold)

    @command(LoopCommand.ABORT)
    def abort(self) -> None:
        """The same as Stop."""
        self.wait(self.hold)

    @command(LoopCommand.OFF)
    def off(self) -> None:
        """Regulate no more; the output goes to its safe value."""
        self.wait(self.cut)

    @command(LoopCommand.START_TUNING)
    def start_tuning(self) -> None:
        """Begin to find gains; they are proposed, not taken. See `Tuning`."""
        self.wait(self.begin_tuning)
