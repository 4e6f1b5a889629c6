"""Two blades as a gap and its centre."""

from __future__ import annotations

from ronda.devices.pseudo.contract import Calculation, Positions


class Slits(Calculation):
    """A pair of blades, each positive outward: gap = plus + minus, offset = (plus − minus) / 2.

    `plus` is the blade on the side of growing user positions: the upper one, or the left one seen with the beam.
    """

    real = ("plus", "minus")
    pseudo = ("gap", "offset")

    def to_pseudo(self, real: Positions) -> Positions:
        """Gap and centre of the blades' edges."""
        return {"gap": real["plus"] + real["minus"], "offset": (real["plus"] - real["minus"]) / 2}

    def to_real(self, pseudo: Positions, real: Positions) -> Positions:
        """Where the blades' edges are."""
        return {"plus": pseudo["gap"] / 2 + pseudo["offset"], "minus": pseudo["gap"] / 2 - pseudo["offset"]}
