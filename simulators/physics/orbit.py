"""Where the source of the beam stands: it stays, unless a test lets it drift up or down."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ronda.simulators.physics.stage import REMEMBERED_MOVES


@dataclass(frozen=True, slots=True)
class _Leg:
    """How it drifts from a time on: where the spot is then, in mm, and how fast it rises, in mm/s."""

    start: float
    height: float
    rate: float

    def at(self, time: float) -> float:
        return self.height + self.rate * (time - self.start)


class Orbit:
    """The electron beam in the source, as the spot at the sample shows it."""

    def __init__(self) -> None:
        self._legs = deque([_Leg(0.0, 0.0, 0.0)], REMEMBERED_MOVES)

    @property
    def latest(self) -> object:
        """What happened to it latest: another object for each."""
        return self._legs[-1]

    def drift(self, time: float, rate: float) -> None:
        """From a time on, lift the spot by so many mm/s; 0 leaves it where it is then."""
        self._legs.append(_Leg(time, self._legs[-1].at(time), rate))

    def lift(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far it has moved the spot up, in mm, at each of rising times."""
        legs = list(self._legs)
        if len(legs) == 1:
            return np.full(1, legs[0].height)
        which = np.maximum(np.searchsorted([leg.start for leg in legs], times, side="right") - 1, 0)
        return np.array([legs[number].at(time) for number, time in zip(which, times, strict=True)])
