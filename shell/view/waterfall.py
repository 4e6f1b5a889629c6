"""The spectra of a scan as an image: a row for each point, in a bounded memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ROWS = 512
"""Rows at most; of more points every second, fourth … one is kept."""

COLUMNS = 1024
"""Columns at most; of longer spectra neighbouring channels are averaged."""


class Waterfall:
    """Spectra one below the other.

    Attributes:
        every: a row stands for the first of so many points.
        merged: a column is the mean of so many channels.
    """

    def __init__(self, channels: int) -> None:
        self.merged = -(-channels // COLUMNS)
        self.every = 1
        self._columns = -(-channels // self.merged)
        self._rows: dict[int, npt.NDArray[np.float32]] = {}

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return len(self._rows) * self._columns * 4

    def put(self, first: int, spectra: npt.NDArray[np.generic]) -> None:
        """Take the spectra of consecutive points.

        Args:
            first: index of the first of them.
            spectra: shape (points, channels).
        """
        for index in range(first + -first % self.every, first + len(spectra), self.every):
            if index % self.every:
                continue  # rows were thinned out meanwhile
            self._rows[index] = self._row(np.asarray(spectra[index - first], np.float64))
            if len(self._rows) > ROWS:
                self.every *= 2
                self._rows = {at: row for at, row in self._rows.items() if at % self.every == 0}

    def image(self) -> npt.NDArray[np.float32]:
        """What there is, shape (rows, columns); NaN where no spectrum came."""
        count = max(self._rows, default=-1) // self.every + 1
        image = np.full((count, self._columns), np.nan, np.float32)
        for index, row in self._rows.items():
            image[index // self.every] = row
        return image

    def _row(self, spectrum: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        if self.merged == 1:
            return spectrum.astype(np.float32)
        starts = np.arange(0, len(spectrum), self.merged)
        counts = np.minimum(self.merged, len(spectrum) - starts)
        return np.asarray(np.add.reduceat(spectrum, starts) / counts, np.float32)
