"""The Tango device of the machine that makes the beam."""

from __future__ import annotations

import math
import time
from typing import Any

import tango

from ronda.devices.device import attribute
from ronda.devices.instrument import InstrumentDevice
from ronda.devices.machine.contract import Machine, MachineReading
from ronda.framework.tango.names import MachineAttribute

Value = tuple[Any, float, tango.AttrQuality]


class MachineDevice(InstrumentDevice):
    """Current, front end and top-up, and whether there is beam. Its State says whether the machine's server answers."""

    kind = "machine"
    contract = Machine

    # -- what the link asks for

    def forget(self) -> None:
        """Its server does not answer."""
        self._reading: MachineReading | None = None
        self._told: dict[str, Any] = {}

    def poll(self) -> float:
        """Ask how it runs; returns the seconds until the next look."""
        self._reading, self._when = self._driver.read(), time.time()
        values = self._values(self._reading)
        for name, value in values.items():
            if name not in self._told or _differ(self._told[name], value):
                self.publish(name, value, self._when)
        self._told = values
        missing = self._missing(self._reading)
        self.show(tango.DevState.ON, f"{self.label}: no beam: {missing}" if missing else f"{self.label}: beam")
        return float(self._driver.parameters.poll_period)

    # -- attributes

    @attribute(name=MachineAttribute.RING_CURRENT, dtype=float, unit="mA", format="%.3f")
    def ring_current(self) -> Value:
        """Current stored in the ring."""
        return self._answer(MachineAttribute.RING_CURRENT, math.nan)

    @attribute(name=MachineAttribute.FRONT_END_OPEN, dtype=bool)
    def front_end_open(self) -> Value:
        """Whether the front end lets the beam through to the beamline."""
        return self._answer(MachineAttribute.FRONT_END_OPEN, False)

    @attribute(name=MachineAttribute.SECONDS_TO_TOP_UP, dtype=float, unit="s", format="%.1f")
    def seconds_to_top_up(self) -> Value:
        """Seconds until the next injection, 0 during one; not a number when none is planned."""
        return self._answer(MachineAttribute.SECONDS_TO_TOP_UP, math.nan)

    @attribute(name=MachineAttribute.BEAM, dtype=bool)
    def beam(self) -> Value:
        """Whether there is beam to measure with: the front end is open and the current not too low."""
        return self._answer(MachineAttribute.BEAM, False)

    # -- tools

    def _values(self, reading: MachineReading) -> dict[str, Any]:
        seconds = reading.seconds_to_top_up
        return {
            MachineAttribute.RING_CURRENT: reading.current,
            MachineAttribute.FRONT_END_OPEN: reading.front_end_open,
            MachineAttribute.SECONDS_TO_TOP_UP: math.nan if seconds is None else seconds,
            MachineAttribute.BEAM: not self._missing(reading),
        }

    def _missing(self, reading: MachineReading) -> str:
        """Why there is no beam, as a clause; empty if there is."""
        lowest = self._driver.parameters.lowest_current
        if not reading.front_end_open:
            return "the front end is closed"
        return f"the current is {reading.current:g} mA, below {lowest:g} mA" if reading.current < lowest else ""

    def _answer(self, name: MachineAttribute, nothing: Any) -> Value:
        reading = self._reading
        if reading is None:
            return nothing, self._when, tango.AttrQuality.ATTR_INVALID
        return self._values(reading)[name], self._when, tango.AttrQuality.ATTR_VALID


def _differ(one: Any, other: Any) -> bool:
    """Whether two values differ; what is not a number equals itself."""
    return bool(one != other) and not (one != one and other != other)
