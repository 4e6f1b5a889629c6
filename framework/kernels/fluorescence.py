"""Spectra of energy-dispersive detectors: dead time, and sums of regions over elements of a detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue
from ronda.framework.kernels.compiling import REASSOCIATE, kernel
from ronda.framework.kernels.frames import Array, Floats, told

DTYPES = ("uint16", "uint32", "float32")
"""What spectra may consist of."""


def live_time_factor(real_time: Any, live_time: Any) -> Floats:
    """What counts are multiplied by for the time in which the detector was dead: real time / live time.

    Args:
        real_time: in s, of any shape.
        live_time: in s, of the same shape.

    Returns:
        float64 of that shape; NaN where the live time is not above 0.
    """
    real, live = np.broadcast_arrays(np.asarray(real_time, np.float64), np.asarray(live_time, np.float64))
    found: Floats = np.divide(real, live, out=np.full(real.shape, np.nan), where=live > 0)
    return found


def rate_in(rate_out: Any, dead_time: float, *, paralysable: bool) -> Floats:
    """The rate of photons that came, from that of those counted.

    Each event is followed by a dead time τ. Not paralysable: n = m / (1 − m τ). Paralysable, where events in the dead
    time prolong it: m = n exp(−n τ), so n = −W₀(−m τ) / τ = m exp(−W₀(−m τ)), the lower of the two rates that give m
    (G. F. Knoll, Radiation Detection and Measurement, 4th ed., ch. 4.VII).

    Args:
        rate_out: m, in 1/s, of any shape.
        dead_time: τ, in s.
        paralysable: which of the two.

    Returns:
        n in 1/s, float64; NaN where no rate gives m.

    Raises:
        BadValue: the dead time is below 0.
    """
    measured = np.asarray(rate_out, np.float64)
    if not dead_time >= 0:
        raise BadValue(f"dead time: is {dead_time:g} s, it must not be below 0")
    if dead_time == 0:
        return measured.copy()
    lost = measured * dead_time
    if paralysable:
        from scipy.special import lambertw

        possible = (lost >= 0) & (lost <= np.exp(-1))
        found = measured * np.exp(-lambertw(np.where(possible, -lost, 0.0)).real)  # = -W/τ, also for the shortest τ
    else:
        possible = (lost >= 0) & (lost < 1)
        found = measured / (1 - np.where(possible, lost, 0.0))
    return np.where(possible, found, np.nan)


class RegionSums:
    """Sums of regions of spectra, corrected and summed over the detector's elements; may serve several threads.

    For each point and region: Σ over elements of factor · Σ over channels of the counts. A factor that is not finite
    leaves its element out, and the sum is then scaled by elements / elements taken.
    """

    def __init__(self, elements: int, channels: int, dtype: npt.DTypeLike, regions: Sequence[tuple[int, int]]) -> None:
        """Prepare and compile.

        Args:
            elements: of the detector.
            channels: of a spectrum.
            dtype: of the spectra: one of DTYPES.
            regions: first channel of each, and that behind its last.

        Raises:
            BadValue: a wrong dtype, or a region that does not lie on the spectrum.
        """
        self.shape = (int(elements), int(channels))
        self.dtype = np.dtype(dtype)
        if self.dtype.name not in DTYPES:
            raise BadValue(
                f"regions of spectra: does not compute with {self.dtype}; convert to one of {', '.join(DTYPES)}"
            )
        for first, behind in regions:
            if not 0 <= first <= behind <= channels:
                raise BadValue(
                    f"regions of spectra: channels {first} to {behind} (not included) do not lie on a spectrum "
                    f"of {channels}"
                )
        self._regions = np.array(regions, np.int64).reshape(-1, 2)
        self(np.zeros((0, *self.shape), self.dtype))

    def __call__(self, spectra: Any, factors: Any | None = None) -> Floats:
        """The sums of a block of points.

        Args:
            spectra: shape (points, elements, channels), of the prepared dtype, in counts.
            factors: shape (points, elements): of the dead time, see `live_time_factor`; None: 1.

        Returns:
            float64, shape (points, regions); NaN where all elements were left out.

        Raises:
            BadValue: a wrong shape or dtype.
        """
        given = np.asarray(spectra)
        if given.ndim != 3 or given.shape[1:] != self.shape or given.dtype.newbyteorder("=") != self.dtype:
            raise BadValue(
                f"regions of spectra: a block is {self.dtype} of points x {told(self.shape)}, not {given.dtype} of "
                f"{told(given.shape)}"
            )
        weights = np.ones(given.shape[:2]) if factors is None else np.ascontiguousarray(factors, np.float64)
        if weights.shape != given.shape[:2]:
            raise BadValue(
                f"regions of spectra: the factors are {told(weights.shape)}, for these spectra they must be "
                f"{told(given.shape[:2])}"
            )
        view = np.require(given, self.dtype, ["C", "A"]).view()
        view.flags.writeable = False
        out = np.empty((len(given), len(self._regions)))
        zero = np.float64(0) if self.dtype.kind == "f" else np.int64(0)
        _sums(view, weights, self._regions, zero, out)
        return out


@kernel(fastmath=REASSOCIATE)
def _sums(spectra: Array, factors: Array, regions: Array, zero: Any, out: Array) -> None:
    points, elements, _ = spectra.shape
    for point in range(points):
        for region in range(regions.shape[0]):
            total = 0.0
            taken = 0
            for element in range(elements):
                if not np.isfinite(factors[point, element]):
                    continue
                counts = zero
                part = spectra[point, element, regions[region, 0] : regions[region, 1]]
                for channel in range(part.size):
                    counts += part[channel]
                total += factors[point, element] * counts
                taken += 1
            out[point, region] = total * (elements / taken) if taken else np.nan
