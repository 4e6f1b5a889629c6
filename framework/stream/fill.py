"""What stands where nothing was measured."""

from __future__ import annotations

from typing import Any

import numpy as np


def fill_value(dtype: np.dtype[Any]) -> Any:
    """What stands where nothing was written: NaN, the smallest signed or largest unsigned integer; else zero bytes."""
    if dtype.kind == "f":
        return np.nan
    if dtype.kind == "c":
        return complex(np.nan, np.nan)
    if dtype.kind == "i":
        return np.iinfo(dtype).min
    if dtype.kind == "u":
        return np.iinfo(dtype).max
    return None
