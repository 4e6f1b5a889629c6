"""Element maps: counts in regions of fluorescence spectra, corrected for dead time, summed over the elements of a
detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np

from ronda.framework.analysis.stage import Input, Output, Points, Setting, Stage
from ronda.framework.config.parameters import Parameters, parameter
from ronda.framework.errors import BadValue
from ronda.framework.kernels.fluorescence import RegionSums, live_time_factor
from ronda.framework.stream.description import Channel

RegionName = Annotated[
    str, parameter("Name of a region, of an element's line for example", pattern="^[a-z][a-z0-9_]*$")
]


class MapParameters(Parameters):
    """Regions of the spectra."""

    regions: dict[RegionName, tuple[float, float]] = parameter(
        "Regions by name: lowest and highest energy, of the middles of channels", unit="keV", min_length=1
    )


class ElementMap(Stage):
    """Σ over detectors of real time / live time · counts in a region; a number for each region and point.

    `spectra` are one or several spectra, `real_time` and `live_time` as many in the same order; without times there is
    no correction. A detector without live time is left out, and the sum scaled up for it.
    """

    parameters_model = MapParameters
    point_wise = True
    inputs = (
        Input("spectra", dimensions=1, many=True),
        Input("real_time", dimensions=0, many=True, optional=True),
        Input("live_time", dimensions=0, many=True, optional=True),
    )

    def prepare(self, setting: Setting) -> Sequence[Output]:
        """Find the channels of the regions, and compile.

        Raises:
            BadValue: the spectra differ, have no energies, or no channel lies in a region.
        """
        spectra = [each for each in setting.inputs.values() if len(each.shape) == 1]
        first = spectra[0]
        for each in spectra[1:]:
            if (each.shape, each.dtype) != (first.shape, first.dtype):
                raise BadValue(f"element map: {each.name} has other channels than {first.name}; map them apart")
        self._sums = []
        for each in spectra:  # each may have a calibration of its own
            energy, parts = _energies(each), []
            for name, (low, high) in self.parameters.regions.items():
                inside = np.flatnonzero((energy >= low) & (energy <= high))
                if not inside.size:
                    raise BadValue(
                        f"element map: no channel of {each.name} lies in {name}, {low:g} to {high:g} keV; it has "
                        f"{energy.min():g} to {energy.max():g} keV"
                    )
                parts.append((int(inside[0]), int(inside[-1]) + 1))
            self._sums.append(RegionSums(1, first.shape[0], first.dtype, parts))
        return [
            Output(
                name,
                unit="count",
                attributes={"description": f"counts from {low:g} to {high:g} keV, corrected for dead time"},
            )
            for name, (low, high) in self.parameters.regions.items()
        ]

    def process(self, points: Points) -> Mapping[str, Any]:
        """The counts of a block of points."""
        spectra = list(points.data["spectra"].values())
        real, live = (list(points.data.get(name, {}).values()) for name in ("real_time", "live_time"))
        if not len(real) == len(live) in (0, len(spectra)):
            raise BadValue(
                f"element map: {len(spectra)} spectra have {len(real)} real and {len(live)} live times; give as many"
            )
        factors = (
            live_time_factor(np.stack(real, axis=1), np.stack(live, axis=1))
            if real
            else np.ones((points.count, len(spectra)))
        )
        counted = np.isfinite(factors)
        total = np.zeros((points.count, len(self.parameters.regions)))
        for place, (sums, spectrum) in enumerate(zip(self._sums, spectra, strict=True)):
            factor = np.where(counted[:, place], factors[:, place], 0.0)
            total += sums(spectrum[:, None, :], factor[:, None])
        taken = counted.sum(axis=1)
        scale = np.divide(len(spectra), taken, out=np.full(points.count, np.nan), where=taken > 0)
        return dict(zip(self.parameters.regions, (total * scale[:, None]).T, strict=True))


def _energies(channel: Channel) -> Any:
    """Energy of each channel of a spectrum, in keV.

    Raises:
        BadValue: it is not told.
    """
    told = dict(channel.attributes.get("fields") or {}).get("energy")
    if not told or told.get("unit") != "keV":
        raise BadValue(f"element map: {channel.name} does not tell the energies of its channels in keV; calibrate it")
    if "value" in told:
        return np.asarray(told["value"], np.float64)
    return np.polynomial.polynomial.polyval(np.arange(channel.shape[0], dtype=np.float64), told["polynomial"])
