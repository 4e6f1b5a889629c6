"""An array that grows at its end, as a scan does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FIRST_ROOM = 256
"""Values for which there is room at once."""


class Growing:
    """Numbers of a channel so far, as float64; NaN where a value is not known."""

    def __init__(self) -> None:
        self._room = np.empty(FIRST_ROOM)
        self.length = 0

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return self._room.nbytes

    def put(self, first: int, values: npt.NDArray[np.float64]) -> None:
        """Put values at their place; points between the end so far and the first of them are NaN."""
        end = first + len(values)
        if end > len(self._room):
            room = np.empty(max(end, 2 * len(self._room)))
            room[: self.length] = self._room[: self.length]
            self._room = room
        if first > self.length:
            self._room[self.length : first] = np.nan
        self._room[first:end] = values
        self.length = max(self.length, end)

    def part(self, first: int, end: int) -> npt.NDArray[np.float64]:
        """A copy of the values from `first` to before `end`."""
        return self._room[first : min(end, self.length)].copy()
