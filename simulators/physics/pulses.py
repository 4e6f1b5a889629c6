"""The pulses of a machine such as a free-electron laser: when each one comes, its number, and how strong it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

MODES = 4.0
"""Independent modes of the light of one pulse: its energy has the statistics of a Gamma function of so many."""


@dataclass(frozen=True)
class PulseTrain:
    """Pulses at one rate, for ever.

    Attributes:
        began: when pulse `first` came, in s of the world's clock.
        rate: pulses in a second.
        first: its pulse id.
        seed: what makes the energies repeatable.
    """

    began: float
    rate: float
    first: int
    seed: int = 0

    def until(self, time: float) -> int:
        """Pulses that have come up to a time, in s of the world's clock."""
        return max(math.floor((time - self.began) * self.rate) + 1, 0)

    def time(self, number: int) -> float:
        """When a pulse comes, by its number from 0."""
        return self.began + number / self.rate

    def energy(self, number: int) -> float:
        """Energy of a pulse as a fraction of the mean; the same for all who see it."""
        return float(np.random.default_rng([self.seed, number]).gamma(MODES, 1.0 / MODES))
