"""The Tango device of a unit with digital inputs and outputs."""

from __future__ import annotations

from ronda.devices.digital_io.contract import DigitalIo
from ronda.devices.signal_unit import SignalUnitDevice


class DigitalIoDevice(SignalUnitDevice):
    """A unit with digital inputs and outputs."""

    kind = "digital_io"
    contract = DigitalIo
    dtype = bool
    nothing = False

    def from_hardware(self, name: str, raw: bool) -> bool:
        """On is true, unless the signal is inverted."""
        return bool(raw) != bool(self._driver.signals[name].inverted)

    def to_hardware(self, name: str, value: bool) -> bool:
        """The same backwards."""
        return bool(value) != bool(self._driver.signals[name].inverted)
