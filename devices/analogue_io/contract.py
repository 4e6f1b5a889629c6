"""What a driver of a unit with analogue inputs and outputs provides: their voltages."""

from __future__ import annotations

from typing import ClassVar

from pydantic import model_validator

from ronda.devices.attributes import ArchiveParameters
from ronda.devices.signals import SignalParameters, SignalUnit, SignalUnitParameters
from ronda.framework.config.parameters import parameter


class AnalogueIoParameters(SignalUnitParameters):
    """A unit with analogue inputs and outputs. A driver adds the keys that it needs, such as `address`."""


class AnalogueSignalParameters(SignalParameters):
    """One analogue signal. A driver that needs more keys derives its own `SignalParameters` from this."""

    unit: str = parameter("What its values are in", "V", min_length=1)
    digits: int = parameter("Digits shown after the decimal point", 4, ge=0, le=12)
    factor: float = parameter("value = factor × what the hardware says (V) + offset; not 0", 1.0, unit="{unit}/V")
    offset: float = parameter("See factor", 0.0, unit="{unit}")
    limits: tuple[float, float] | None = parameter(
        "Lowest and highest value that an output may be set to", None, unit="{unit}"
    )
    archive: ArchiveParameters | None = parameter("When an archiver stores the value", None)

    @model_validator(mode="after")
    def _sensible(self) -> AnalogueSignalParameters:
        if self.factor == 0:
            raise ValueError("factor must not be 0")
        if self.limits is not None and self.limits[0] >= self.limits[1]:
            raise ValueError(
                f"the low limit {self.limits[0]} must be below the high limit {self.limits[1]} {self.unit}"
            )
        if self.limits is not None and self.direction == "input":
            raise ValueError("limits are for an output; an input is not set")
        return self


class AnalogueIo(SignalUnit):
    """One unit with analogue inputs and outputs: `read` returns volts, `write` takes the same."""

    Parameters: ClassVar[type[AnalogueIoParameters]] = AnalogueIoParameters
    SignalParameters: ClassVar[type[AnalogueSignalParameters]] = AnalogueSignalParameters
