"""A table on three legs as height, pitch and roll."""

from __future__ import annotations

import numpy as np
from pydantic import model_validator

from ronda.devices.pseudo.contract import Calculation, CalculationParameters, Positions
from ronda.framework.config.parameters import parameter


class TableParameters(CalculationParameters):
    """A table on three legs: one at one end, `front`, and two at the other, `left` and `right` seen along the beam."""

    length: float = parameter("From the front leg to the line between the other two, along the beam", unit="mm", gt=0)
    width: float = parameter("From the left leg to the right one", unit="mm", gt=0)
    centre: float = parameter(
        "Where, behind the front leg, the height is told: the point that tilts leave where it is", 0.0, unit="mm"
    )

    @model_validator(mode="after")
    def _on_the_table(self) -> TableParameters:
        if not 0 <= self.centre <= self.length:
            raise ValueError(
                f"centre {self.centre} mm must lie on the table, between 0 and its length {self.length} mm"
            )
        return self


class Table(Calculation):
    """Rigid plane through the tops of three legs (mm): `height` (mm), `pitch` and `roll` (mrad).

    Pitch is positive when the front is lower than the back, roll when the left side is lower than the right one.
    """

    Parameters = TableParameters
    real = ("front", "left", "right")
    pseudo = ("height", "pitch", "roll")

    def to_pseudo(self, real: Positions) -> Positions:
        """Height at the centre, and the two tilts."""
        size = self.parameters
        back = (real["left"] + real["right"]) / 2
        slope = (back - real["front"]) / size.length
        return {
            "height": real["front"] + slope * size.centre,
            "pitch": 1e3 * np.arctan(slope),
            "roll": 1e3 * np.arctan((real["right"] - real["left"]) / size.width),
        }

    def to_real(self, pseudo: Positions, real: Positions) -> Positions:
        """The lengths of the legs."""
        size = self.parameters
        slope = np.tan(pseudo["pitch"] / 1e3)
        back = pseudo["height"] + slope * (size.length - size.centre)
        half = np.tan(pseudo["roll"] / 1e3) * size.width / 2
        return {"front": pseudo["height"] - slope * size.centre, "left": back - half, "right": back + half}
