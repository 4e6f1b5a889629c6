"""What a calculation provides: from the positions of real axes to those of pseudo axes, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ronda.devices.pseudo.parameters import CalculationParameters, PseudoAxisParameters, Role

__all__ = ["Calculation", "CalculationParameters", "Positions", "PseudoAxisParameters", "Role"]

Positions = Mapping[Role, npt.NDArray[np.float64]]
"""Positions by role: arrays of float64 of one length, in the unit of each axis."""


class Calculation:
    """Computes pseudo positions from real ones and back; plain arithmetic on arrays, which knows nothing of Tango.

    Whatever has no answer is NaN: the move is then refused, with the axis and the position in the sentence.

    Attributes:
        Parameters: model of its entry in YAML.
        real: roles of the real axes; each must be given in the YAML.
        pseudo: roles that pseudo axes may have.
        name: of the entry, for messages.
        parameters: the checked entry.
    """

    Parameters: ClassVar[type[CalculationParameters]] = CalculationParameters
    real: ClassVar[tuple[Role, ...]]
    pseudo: ClassVar[tuple[Role, ...]]

    def __init__(self, name: str, parameters: Any) -> None:
        """Keep the parameters."""
        self.name = name
        self.parameters = parameters

    @classmethod
    def roles(cls, parameters: Any) -> tuple[tuple[Role, ...], tuple[Role, ...]]:
        """The roles of real and of pseudo axes; those of the class, unless the parameters say others."""
        del parameters
        return cls.real, cls.pseudo

    def to_pseudo(self, real: Positions) -> Positions:
        """The pseudo positions, by role, that belong to real positions."""
        raise NotImplementedError

    def to_real(self, pseudo: Positions, real: Positions) -> Positions:
        """The real positions, by role, for which the pseudo axes are at these positions.

        Args:
            pseudo: all pseudo roles.
            real: where the real axes are now, for calculations that have more real axes than pseudo ones.
        """
        raise NotImplementedError
