"""What is computed from a frame: statistics of regions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[Any]


def region_statistics(region: Frame) -> dict[str, float]:
    """Sum, mean (`avg`), standard deviation of the population (`std`), least and largest value of a region."""
    values = region.astype(np.float64).ravel()
    total = float(values.sum())
    mean = total / values.size
    values -= mean  # before squaring, so that a flat bright region keeps its digits
    return {
        "sum": total,
        "avg": mean,
        "std": math.sqrt(float(values @ values) / values.size),
        "min": float(region.min()),
        "max": float(region.max()),
    }
