"""The Tango device of a shutter."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import tango

from ronda.devices.device import attribute, command
from ronda.devices.instrument import InstrumentDevice
from ronda.devices.shutter.contract import Shutter, ShutterPosition, ShutterReading
from ronda.devices.shutter.way import Doing, Way
from ronda.framework.errors import BadValue, NotAllowed
from ronda.framework.tango.names import ShutterAttribute, ShutterCommand

ORDERS = (ShutterPosition.OPEN, ShutterPosition.CLOSED)
"""Where it can be told to go."""

STATES = {
    Doing.STANDS: tango.DevState.ON,
    Doing.MOVES: tango.DevState.MOVING,
    Doing.LATE: tango.DevState.FAULT,
}

Value = tuple[Any, float, tango.AttrQuality]


class ShutterDevice(InstrumentDevice):
    """A shutter. Open and Close return at once, with State MOVING until it has arrived, or ought to have."""

    kind = "shutter"
    contract = Shutter

    # -- what the link asks for

    def opened(self) -> None:
        """Make the driver and let it connect."""
        self._way = Way()
        super().opened()

    def forget(self) -> None:
        """The hardware does not answer: where the shutter is, is unknown."""
        self._reading: ShutterReading | None = None
        self._told: tuple[ShutterPosition, tango.DevState, str] | None = None

    def poll(self) -> float:
        """Look at the shutter; returns the seconds until the next look."""
        self._take(self._driver.read())
        moving = self.get_state() == tango.DevState.MOVING
        parameters = self._driver.parameters
        return float(parameters.poll_period if moving else parameters.idle_poll_period)

    # -- attributes and commands

    @attribute(name=ShutterAttribute.POSITION, dtype=str)
    def position(self) -> Value:
        """Where it is: `open`, `closed` or `between`. Writing `open` or `closed` moves it."""
        reading = self._reading
        if reading is None:
            return "", self._when, tango.AttrQuality.ATTR_INVALID
        return str(reading.position), self._when, self._quality()

    @position.write
    def write_position(self, value: str) -> None:
        """Move it."""
        if value not in ORDERS:
            raise BadValue(f"{self.label}: cannot go to {value!r}; it goes to {' or '.join(ORDERS)}")
        self._go(ShutterPosition(value))

    @attribute(name=ShutterAttribute.FORBIDDEN, dtype=str)
    def forbidden(self) -> Value:
        """Why it may not be opened; empty if it may."""
        reading = self._reading
        if reading is None:
            return "", self._when, tango.AttrQuality.ATTR_INVALID
        return reading.forbidden, self._when, tango.AttrQuality.ATTR_VALID

    @command(ShutterCommand.OPEN)
    def open(self) -> None:
        """Open it."""
        self._go(ShutterPosition.OPEN)

    @command(ShutterCommand.CLOSE)
    def close(self) -> None:
        """Close it."""
        self._go(ShutterPosition.CLOSED)

    # -- tools

    def _go(self, target: ShutterPosition) -> None:
        opening = target is ShutterPosition.OPEN

        def order() -> None:
            reading = self._driver.read()
            if opening and reading.forbidden:
                self._take(reading)
                raise NotAllowed(f"{self.label}: cannot be opened: {reading.forbidden}")
            (self._driver.open if opening else self._driver.close)()
            self._way.order(target, time.monotonic())
            self._take(reading)
            self._link.poll_within(self._driver.parameters.poll_period)

        what = "open" if opening else "close"
        # to close is what makes safe: it goes before everything else, and is made up for when the hardware is back
        run: Callable[[str, str, Callable[[], None]], None] = self._link.run if opening else self._link.run_first
        self.wait(lambda: run(self.label, what, order))

    def _take(self, reading: ShutterReading) -> None:
        """Take what the hardware says; worker's thread. At the end of a way the position goes out before State."""
        self._reading, self._when = reading, time.time()
        doing, clause = self._way.look(reading, time.monotonic(), self._driver.parameters.time_limit)
        told, now_told = self._told, (reading.position, STATES[doing], reading.forbidden)
        self._told = now_told
        self.take_state(STATES[doing], f"{self.label}: {clause}")
        if told is None or told[:2] != now_told[:2]:
            self.publish(ShutterAttribute.POSITION, str(reading.position), self._when, self._quality())
        if told is None or told[2] != reading.forbidden:
            self.publish(ShutterAttribute.FORBIDDEN, reading.forbidden, self._when)
        self.tell_state()

    def _quality(self) -> tango.AttrQuality:
        moving = self.get_state() == tango.DevState.MOVING
        return tango.AttrQuality.ATTR_CHANGING if moving else tango.AttrQuality.ATTR_VALID
