"""The Tango device of one pseudo axis: the same face as that of an axis, as far as it makes sense."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import tango

from ronda.devices.awaited import AwaitedDevice
from ronda.devices.device import attribute, command
from ronda.devices.owned import OwnedDevice
from ronda.devices.pseudo.assembly import Assembly
from ronda.devices.pseudo.limits import check_target, limits_of
from ronda.devices.pseudo.parameters import PseudoAxisParameters
from ronda.framework.errors import BadValue, NotReady, RondaError
from ronda.framework.tango.names import NO_LIMIT, AxisAttribute, AxisCommand

EVENT_PERIOD = 0.06
"""Seconds between two position events while moving; rule 7 of the Tango interface."""

Value = tuple[Any, float, tango.AttrQuality]


class PseudoAxisDevice(AwaitedDevice, OwnedDevice):
    """One pseudo axis. Its position is what the calculation says; its dial is the same, it has no offset of its own."""

    place = frozenset({"calculation"})

    def model(self, configuration: Mapping[str, Any]) -> type[PseudoAxisParameters]:
        """What pseudo axes are configured with."""
        del configuration
        return PseudoAxisParameters

    @property
    def parameters(self) -> PseudoAxisParameters:
        """What it goes by."""
        if self.settings is None:
            raise NotReady(self.get_status())
        found: PseudoAxisParameters = self.settings.values
        return found

    def opened(self) -> None:
        """Join the calculation."""
        super().opened()
        self._position: float | None = None
        self._moving = False
        self._when = time.time()
        self._error: RondaError = NotReady(f"{self.label}: its real axes have not answered yet")
        self._target: float | None = None
        self._pushed: float | None = None
        self._pushed_at = 0.0
        self._show_limits()
        self.show(tango.DevState.UNKNOWN, str(self._error))
        self._assembly = self.process.share(Assembly, str(self.configuration["calculation"]))
        self._assembly.add(self)

    def closing(self) -> None:
        """Leave the calculation."""
        self._assembly.remove(self)

    def settings_changed(self) -> None:
        """Take changed limits."""
        self._tell_limits()

    def remarks(self) -> list[str]:
        """What else is to be said in Status."""
        return [*(sentence for sentence in (self._assembly.silence(),) if sentence), *super().remarks()]

    def rest_position(self) -> float:
        """Computed position."""
        return self._known()

    # -- what the assembly tells, in the worker's thread

    def started(self, target: float) -> None:
        """A move has begun: MOVING before the client hears that it was taken."""
        self._target, self._moving = target, True
        self.show(tango.DevState.MOVING, f"{self.label}: moving to {self._text(target)}")
        self.publish(AxisAttribute.TARGET, target)

    def take(self, position: float, moving: bool, complaint: tuple[str, str] | None, when: float) -> None:
        """Take where it is. At the end of a move the final position goes out before the state."""
        was_moving = self._moving or self.get_state() == tango.DevState.MOVING
        self._position, self._moving, self._when = position, moving, when
        now = time.monotonic()
        if moving:
            if not was_moving:
                self.show(tango.DevState.MOVING, f"{self.label}: moving")
            due = now - self._pushed_at >= EVENT_PERIOD
        else:
            due = was_moving or position != self._pushed
        if due:
            self._pushed, self._pushed_at = position, now
            quality = self._quality()
            self.publish(AxisAttribute.DIAL_POSITION, position, when, quality)
            self.publish(AxisAttribute.POSITION, position, when, quality)
        if not moving:
            self.moved_by = ""
            self.show(*self._judge(position, complaint))
        self.tell_owner()

    def lost(self, error: RondaError) -> None:
        """Nothing is known about it any more."""
        self._position, self._moving, self._error = None, False, error
        waiting = isinstance(error, NotReady)
        self.show(tango.DevState.UNKNOWN if waiting else tango.DevState.FAULT, f"{self.label}: {error}")

    # -- attributes

    @attribute(name=AxisAttribute.POSITION, dtype=float, unit="mm", format="%.4f")
    def position(self) -> Value:
        """Computed position. Writing it moves the real axes and returns when all of them have taken it."""
        value = self._known()
        if self._target is None:
            # before the first move, the set point that clients see is where the axis stands
            self.get_device_attr().get_w_attr_by_name(AxisAttribute.POSITION).set_write_value(value)
        return value, self._when, self._quality()

    @position.write
    def write_position(self, target: float) -> None:
        """Move."""
        check_target(self.label, self.parameters, target)
        what = f"move to {self._text(target)}"
        self._known(what)
        mover = self.permit(what)
        self.wait(lambda: self._assembly.move(self.label, what, {self.parameters.role: target}))
        if self._moving:
            self.moved_by = mover

    @attribute(name=AxisAttribute.DIAL_POSITION, dtype=float, unit="mm", format="%.4f")
    def dial_position(self) -> Value:
        """The same as Position."""
        return self._known(), self._when, self._quality()

    @attribute(name=AxisAttribute.TARGET, dtype=float, unit="mm", format="%.4f")
    def target(self) -> float:
        """Where the latest move went to; where it stands before the first one."""
        return self._known() if self._target is None else self._target

    @attribute(name=AxisAttribute.OFFSET, dtype=float, unit="mm", format="%.4f", events=False)
    def offset(self) -> float:
        """Always 0: DefinePosition changes the offsets of the real axes."""
        return 0.0

    @attribute(name=AxisAttribute.SIGN, dtype=int, events=False)
    def sign(self) -> int:
        """Always 1."""
        return 1

    @attribute(name=AxisAttribute.LOW_LIMIT, dtype=float, unit="mm", format="%.4f")
    def low_limit(self) -> float:
        """Lowest position that may be moved to, beside what the real axes allow; -inf for none."""
        return limits_of(self.parameters)[0]

    @low_limit.write
    def write_low_limit(self, value: float) -> None:
        """Set the low limit."""
        self.wait(lambda: self._set_limits(low=value))

    @attribute(name=AxisAttribute.HIGH_LIMIT, dtype=float, unit="mm", format="%.4f")
    def high_limit(self) -> float:
        """Highest position that may be moved to, beside what the real axes allow; inf for none."""
        return limits_of(self.parameters)[1]

    @high_limit.write
    def write_high_limit(self, value: float) -> None:
        """Set the high limit."""
        self.wait(lambda: self._set_limits(high=value))

    @attribute(name=AxisAttribute.CONTROLLER, dtype=str, events=False)
    def controller(self) -> str:
        """Name of its calculation, whose command MoveTogether moves it together with others."""
        return str(self.configuration["calculation"])

    # -- commands

    @command(
        AxisCommand.CHECK_TARGETS,
        dtype_in=(float,),
        doc_in="Positions; an error says which of them a write of Position would refuse, and why",
    )
    def check_targets(self, targets: Sequence[float]) -> None:
        """Refuse positions that the pseudo axis may not be moved to."""
        wanted = [float(target) for target in targets]
        for target in wanted:
            check_target(self.label, self.parameters, target)
            self.permit(f"move to {self._text(target)}")
        self.wait(lambda: self._assembly.check(self.label, self.parameters.role, wanted))

    @command(AxisCommand.STOP)
    def stop(self) -> None:
        """Decelerate all real axes."""
        self.wait(lambda: self._assembly.stop(self.label))

    @command(AxisCommand.ABORT)
    def abort(self) -> None:
        """Stop all real axes as fast as the hardware can."""
        self.wait(lambda: self._assembly.stop(self.label, abort=True))

    @command(AxisCommand.DEFINE_POSITION, dtype_in=float, doc_in="What the present position shall be called")
    def define_position(self, position: float) -> None:
        """Redefine the real axes so that the pseudo axis stands at this position; nothing moves."""
        what = f"be at {self._text(position)}"
        if not math.isfinite(position):
            raise BadValue(f"{self.label}: cannot {what}; a position is a finite number of {self.parameters.unit}")
        self.require_free(what)
        self.wait(lambda: self._assembly.define(self.label, what, self.parameters.role, position))

    # -- tools

    def _set_limits(self, low: float | None = None, high: float | None = None) -> None:
        self.require_free("change its limits")
        with self.changing:
            old = limits_of(self.parameters)
            bounds = (old[0] if low is None else low, old[1] if high is None else high)
            if not bounds[0] < bounds[1]:
                unit = self.parameters.unit
                raise BadValue(
                    f"{self.label}: the low limit {bounds[0]} {unit} must be below the high limit {bounds[1]} {unit}"
                )
            self.change_settings({"limits": tuple(None if abs(bound) >= NO_LIMIT else bound for bound in bounds)})
            self._tell_limits()

    def _tell_limits(self) -> None:
        low, high = limits_of(self.parameters)
        self.publish(AxisAttribute.LOW_LIMIT, low)
        self.publish(AxisAttribute.HIGH_LIMIT, high)
        self._show_limits()

    def _show_limits(self) -> None:
        self.show_limits(AxisAttribute.POSITION, *limits_of(self.parameters))

    def _known(self, what: str = "be read") -> float:
        position = self._position
        if position is None:
            raise type(self._error)(f"{self.label}: cannot {what}: {self._error}")
        return position

    def _quality(self) -> tango.AttrQuality:
        if self._moving:
            return tango.AttrQuality.ATTR_CHANGING
        if self._position is None or not math.isfinite(self._position):
            return tango.AttrQuality.ATTR_INVALID
        return tango.AttrQuality.ATTR_VALID

    def _judge(self, position: float, complaint: tuple[str, str] | None) -> tuple[tango.DevState, str]:
        """State of a pseudo axis that stands, and a sentence about it."""
        if complaint is not None:
            return getattr(tango.DevState, complaint[0]), f"{self.label}: {complaint[1]}"
        if not math.isfinite(position):
            return tango.DevState.ALARM, f"{self.label}: where its real axes stand it has no position"
        return tango.DevState.ON, f"{self.label}: stands"

    def _text(self, position: float) -> str:
        return f"{position} {self.parameters.unit}"
