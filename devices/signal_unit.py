"""The Tango device of a unit with input and output signals: an attribute for each of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

import tango

from ronda.devices.device import attribute
from ronda.devices.instrument import InstrumentDevice
from ronda.devices.signals import entry_model
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.tango.names import channel_attribute

Value = tuple[Any, float, tango.AttrQuality]


class SignalUnitDevice(InstrumentDevice):
    """A unit whose signals are attributes, those of outputs writable. Subclasses say of which type.

    Attributes:
        dtype: of its signals.
        nothing: value of a signal that is not known; its quality is INVALID then.
    """

    dtype: ClassVar[type]
    nothing: ClassVar[Any]

    # -- for subclasses

    def from_hardware(self, name: str, raw: Any) -> Any:
        """The value of a signal, from what the driver says."""
        raise NotImplementedError

    def to_hardware(self, name: str, value: Any) -> Any:
        """What the driver is to be told for the value of an output.

        Raises:
            OutOfRange: it is not allowed.
        """
        raise NotImplementedError

    # -- life

    def model(self, configuration: Mapping[str, Any]) -> type[DeviceParameters]:
        """The driver's keys and its signals."""
        return entry_model(self.driver_class(configuration))  # type: ignore[arg-type]  # a class is hashable

    def forget(self) -> None:
        """The unit does not answer: what its signals are at, is unknown."""
        self._values: dict[str, Any] = {}

    def initialize_dynamic_attributes(self) -> None:
        """One attribute for each signal."""
        if self.is_open:
            for name, signal in self._driver.signals.items():
                self.add_attribute(self._signal_attribute(name, signal))
                self.set_change_event(channel_attribute(name), True, False)
                self.set_archive_event(channel_attribute(name), True, True)

    # -- what the link asks for

    def poll(self) -> float:
        """Look at all signals; returns the seconds until the next look."""
        raw = self._driver.read()
        self._when = time.time()
        values = {name: self.from_hardware(name, raw[name]) for name in self._driver.signals}
        told, self._values = self._values, values
        for name, value in values.items():
            if name not in told or told[name] != value:
                self.publish(channel_attribute(name), value, self._when)
        self.show(tango.DevState.ON, f"{self.label}: ready")
        return float(self._driver.parameters.poll_period)

    # -- tools

    def _signal_attribute(self, name: str, signal: Any) -> Any:
        def value(device: SignalUnitDevice, _: Any) -> Value:
            try:
                return device._values[name], device._when, tango.AttrQuality.ATTR_VALID
            except KeyError:
                return device.nothing, device._when, tango.AttrQuality.ATTR_INVALID

        made = attribute(fget=value, name=channel_attribute(name), dtype=self.dtype, doc=signal.description)
        if signal.direction == "input":
            return made

        def write(device: SignalUnitDevice, attr: Any) -> None:
            wanted = attr.get_write_value()
            raw = device.to_hardware(name, wanted)

            def order() -> None:
                device._driver.write(name, raw)
                device._link.poll_within(0.0)

            device.wait(lambda: device._link.run(device.label, f"set {name} to {wanted}", order))

        return made.setter(write)
