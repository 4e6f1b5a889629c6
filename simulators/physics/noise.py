"""Random functions of time that are the same in each run with the same seed."""

from __future__ import annotations

import math
import random
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


class Wander:
    """A smooth random function of time: normally distributed around 0, with the same rms at each moment.

    Values more than two knots apart are independent, and an average over many knots is quieter. It needs no memory
    of what was asked before: the value at a time follows from the seed alone.

    Args:
        seed: what tells this function from others.
        rms: its standard deviation, in the unit of what it disturbs.
        knot: time between two independent random numbers, in s.
    """

    def __init__(self, seed: str, rms: float, knot: float) -> None:
        self._rms = rms
        self._knot = knot
        self._number = lru_cache(maxsize=4096)(lambda index: random.Random(f"{seed} {index}").gauss(0.0, 1.0))  # noqa: S311 - noise, no secret

    def __call__(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Its value at each time, in s."""
        phase = times / self._knot
        index = np.floor(phase).astype(int)
        before = np.array([self._number(knot) for knot in index.tolist()])
        after = np.array([self._number(knot + 1) for knot in index.tolist()])
        angle = (phase - index) * (math.pi / 2)
        # cos² + sin² = 1 keeps the rms the same between the knots; a straight line would dip there.
        value: NDArray[np.float64] = self._rms * (np.cos(angle) * before + np.sin(angle) * after)
        return value
