"""The encoder of an axis against its dial."""

from __future__ import annotations

from dataclasses import dataclass

from ronda.devices.motor.parameters import EncoderParameters


@dataclass(frozen=True, slots=True)
class Encoder:
    """dial position = count / steps_per_unit + offset.

    Attributes:
        steps_per_unit: counts for one unit; negative if it counts the other way.
        offset: in units.
        tolerance: how far apart from the controller's position it may be, in units; None for no check.
    """

    steps_per_unit: float
    offset: float
    tolerance: float | None

    @classmethod
    def of(cls, parameters: EncoderParameters | None, offset: float | None) -> Encoder | None:
        """The encoder that an axis is configured with, with its redefined offset if that is not None."""
        if parameters is None:
            return None
        return cls(parameters.steps_per_unit, parameters.offset if offset is None else offset, parameters.tolerance)

    def dial(self, counts: float) -> float:
        """Dial position of a count."""
        return counts / self.steps_per_unit + self.offset

    def counts(self, dial: float) -> float:
        """Count at a dial position."""
        return (dial - self.offset) * self.steps_per_unit

    def offset_for(self, counts: float, dial: float) -> float:
        """The offset with which this count is at this dial position."""
        return dial - counts / self.steps_per_unit
