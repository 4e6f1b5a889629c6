"""The datasets of a file in which the points of a mesh lie where they belong: filled as far as the scan is."""

from __future__ import annotations

from collections.abc import Mapping

import h5py
import numpy as np

from ronda.framework.stream.grid import on_grid
from ronda.framework.stream.layout import GridNode


class FilledGrid:
    """One of them, whose file was built with it: it is written in place, the file does not grow by it.

    Args:
        grid: the dataset, shape (rows, points of a row).
        datasets: of the channels, by the names of device and channel.
        node: says how they belong together.
    """

    def __init__(
        self, grid: h5py.Dataset, datasets: Mapping[tuple[str, str | None], h5py.Dataset], node: GridNode
    ) -> None:
        self._grid = grid
        self._points = datasets[node.device.name, node.channel.name]
        self._node = node
        self._filled = 0
        self._devices = [node.device.name]
        self._flags: list[h5py.Dataset] = []
        if node.planned is not None:
            device, *channels = node.planned
            self._devices.append(device.name)
            self._flags = [datasets[device.name, channel.name] for channel in channels]

    def fill(self, positions: Mapping[str, int]) -> None:
        """Lay out the points that all devices have reached; those laid out before stay, but for the row in hand.

        Args:
            positions: by device, the index up to which all points are written.

        Raises:
            OSError: the disk failed; do it again.
        """
        reached = min(positions[device] for device in self._devices)
        if not self._flags:
            self._fill_rows(reached)
        elif reached > self._filled:  # entries may belong anywhere
            planned, valid = (each[:reached] for each in self._flags)
            values = np.where(valid != 0, self._points[:reached], np.nan)
            node = self._node
            self._grid[...] = on_grid(values, node.shape, backnforth=node.backnforth, places=planned)
            self._filled = reached

    def _fill_rows(self, reached: int) -> None:
        width = self._node.shape[1]
        reached = min(reached, width * self._node.shape[0], len(self._points))
        if reached <= self._filled:
            return
        first, stop = self._filled // width, -(-reached // width)
        values = self._points[first * width : reached]
        self._grid[first:stop] = on_grid(
            values, (stop - first, width), backnforth=self._node.backnforth, first_row=first
        )
        self._filled = reached
