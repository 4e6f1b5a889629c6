"""Points of a mesh laid out where they lie: rows of a lattice, with NaN where nothing is measured yet."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def on_grid(
    values: npt.NDArray[Any],
    shape: tuple[int, int],
    *,
    backnforth: bool = False,
    first_row: int = 0,
    places: npt.NDArray[Any] | None = None,
) -> npt.NDArray[np.float64]:
    """The values of consecutive points, laid out.

    Args:
        values: of the points from the beginning of a row on, shape (n,), n at most the number of places.
        places: the number of the point that each value is of, shape (n,), if some were measured again: the last one
            counts; then n may be larger. None if they are consecutive.
        shape: rows, and points of a row.
        backnforth: whether rows of odd number were measured from their end.
        first_row: number of the first row.

    Returns:
        float64 of that shape.
    """
    rows = np.full(shape[0] * shape[1], np.nan)
    if places is None:
        rows[: len(values)] = values
    else:
        rows[places] = values  # of several for one place the last
    rows = rows.reshape(shape)
    if backnforth:
        odd = rows[(first_row + 1) % 2 :: 2]
        odd[:] = odd[:, ::-1].copy()
    return rows
