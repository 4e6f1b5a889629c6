"""The Tango device of a unit with analogue inputs and outputs."""

from __future__ import annotations

import math

from ronda.devices.analogue_io.contract import AnalogueIo
from ronda.devices.signal_unit import SignalUnitDevice
from ronda.framework.errors import OutOfRange


class AnalogueIoDevice(SignalUnitDevice):
    """A unit with analogue inputs and outputs, in the units that its signals stand for."""

    kind = "analogue_io"
    contract = AnalogueIo
    dtype = float
    nothing = math.nan

    def from_hardware(self, name: str, raw: float) -> float:
        """The value that a voltage stands for."""
        signal = self._driver.signals[name]
        return float(signal.factor * raw + signal.offset)

    def to_hardware(self, name: str, value: float) -> float:
        """The voltage that stands for a value."""
        signal = self._driver.signals[name]
        if signal.limits is not None and not signal.limits[0] <= value <= signal.limits[1]:
            low, high = signal.limits
            raise OutOfRange(
                f"{self.label}: cannot set {name} to {value} {signal.unit}, "
                f"outside limits [{low}, {high}] {signal.unit}"
            )
        return float((value - signal.offset) / signal.factor)
