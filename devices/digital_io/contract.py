"""What a driver of a unit with digital inputs and outputs provides: which of them are on."""

from __future__ import annotations

from typing import ClassVar

from ronda.devices.signals import SignalParameters, SignalUnit, SignalUnitParameters
from ronda.framework.config.parameters import parameter


class DigitalIoParameters(SignalUnitParameters):
    """A unit with digital inputs and outputs. A driver adds the keys that it needs, such as `address`."""


class DigitalSignalParameters(SignalParameters):
    """One digital signal. A driver that needs more keys derives its own `SignalParameters` from this."""

    inverted: bool = parameter("Whether true stands for off", False)


class DigitalIo(SignalUnit):
    """One unit with digital inputs and outputs: `read` returns whether each is on, `write` takes the same."""

    Parameters: ClassVar[type[DigitalIoParameters]] = DigitalIoParameters
    SignalParameters: ClassVar[type[DigitalSignalParameters]] = DigitalSignalParameters
