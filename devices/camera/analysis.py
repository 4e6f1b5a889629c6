"""What is computed from a frame: statistics of regions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.devices.camera.contract import RoiParameters
from ronda.framework.kernels.frames import DTYPES
from ronda.framework.kernels.regions import Box, Regions

STATISTICS = ("sum", "avg", "std", "min", "max")
"""Numbers of each region: sum, mean, standard deviation of the population, least and largest value."""


class RegionStatistics:
    """Statistics of regions by name; the kernel is prepared anew where frames or regions have changed."""

    def __init__(self) -> None:
        self._prepared: tuple[Any, Regions] | None = None

    def prepare(self, dtype: npt.DTypeLike) -> None:
        """Compile for frames of this dtype, so that no measurement waits for the compiler."""
        native = _computed(np.dtype(dtype))
        if self._prepared is None or self._prepared[1].frames.dtype != native:
            self._regions((1, 1), native, ())

    def __call__(self, frame: npt.NDArray[Any], rois: Mapping[str, RoiParameters]) -> dict[str, float]:
        """The numbers `REGION_STATISTIC` of a frame.

        Args:
            frame: shape (rows, columns), numbers.
            rois: the regions, by name.

        Raises:
            OutOfRange: a region does not lie on the frame.
        """
        boxes = tuple(Box(roi.x, roi.y, roi.width, roi.height) for roi in rois.values())
        dtype = _computed(frame.dtype)
        _, *columns = self._regions(frame.shape, dtype, boxes)(frame.astype(dtype, copy=False)).T
        return {
            f"{name}_{statistic}": float(values[place])
            for statistic, values in zip(STATISTICS, columns, strict=True)
            for place, name in enumerate(rois)
        }

    def _regions(self, shape: tuple[int, ...], dtype: np.dtype[Any], boxes: tuple[Box, ...]) -> Regions:
        """The kernel for such frames and regions; that of the call before if they are the same."""
        wanted, prepared = (shape, dtype, boxes), self._prepared
        if prepared is None or prepared[0] != wanted:
            self._prepared = prepared = wanted, Regions(shape, dtype, boxes)
        return prepared[1]


def _computed(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What values of a dtype are computed as: of a kind that the kernel does not know, as float64."""
    native = dtype.newbyteorder("=")
    return native if native.name in DTYPES else np.dtype(np.float64)
