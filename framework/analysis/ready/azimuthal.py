"""Azimuthal integration: a pattern of intensity by radius of each frame, with the geometry of a PONI file of pyFAI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ronda.framework.analysis.ready._frames import FrameParameters, found_beside, frame_of, limits, mask
from ronda.framework.analysis.stage import Input, Output, PointStage, Setting
from ronda.framework.config.parameters import parameter
from ronda.framework.errors import BadValue
from ronda.framework.kernels.azimuthal import Integrator, Splitting
from ronda.framework.kernels.geometry import Geometry, Unit
from ronda.framework.kernels.splitting import Grid

RADIAL: Mapping[Unit, tuple[str, str]] = {
    "q_nm^-1": ("q", "1/nm"),
    "q_A^-1": ("q", "1/angstrom"),
    "2th_deg": ("two_theta", "deg"),
    "2th_rad": ("two_theta", "rad"),
    "r_mm": ("r", "mm"),
}
"""Name and unit of the radial axis."""


class AzimuthalParameters(FrameParameters):
    """Where the detector stands, and how frames are integrated."""

    poni: str = parameter("PONI file of pyFAI")
    bins: int = parameter("Radial bins", 1000, ge=1)
    azimuthal_bins: int | None = parameter("Azimuthal bins; null for one pattern over all azimuths", None, ge=1)
    unit: Unit = parameter("What the radial axis is", "q_nm^-1")
    splitting: Splitting = parameter(
        "To which bins a pixel belongs: to that of its middle (no), by the box around its corners (bbox), or by area "
        "(full)",
        "no",
    )
    radial_range: tuple[float, float] | None = parameter("Lower and upper edge; null for all pixels", None)
    azimuthal_range: tuple[float, float] | None = parameter(
        "Lower and upper edge; null for all azimuths", None, unit="deg"
    )
    solid_angle: bool = parameter("Whether to correct for the solid angle of pixels", True)
    polarisation: float | None = parameter("Factor of polarisation to correct for; null for none", None, ge=-1, le=1)


class Azimuthal(PointStage):
    """The intensity by radius of each frame, its standard deviation, and all counts; patterns of a scan are a
    waterfall."""

    parameters_model = AzimuthalParameters
    inputs = (Input("frame", dimensions=2),)

    def prepare(self, setting: Setting) -> Sequence[Output]:
        """Make the table of bins and compile.

        Raises:
            BadValue: the PONI file cannot be read or is of another detector, or a range is none.
        """
        frame, told = frame_of(setting), self.parameters
        geometry = Geometry.from_poni(found_beside(told.poni), frame.shape)
        if geometry.shape != frame.shape:
            raise BadValue(f"{told.poni} is of a detector of {geometry.shape} pixels, {frame.name} has {frame.shape}")
        self._integrator = Integrator(
            geometry,
            frame.dtype,
            told.bins,
            told.azimuthal_bins,
            unit=told.unit,
            splitting=told.splitting,
            radial_range=told.radial_range,
            azimuthal_range=told.azimuthal_range,
            mask=mask(told),
            limits=limits(told),
            solid_angle=told.solid_angle,
            polarisation=told.polarisation,
        )
        name, unit = RADIAL[told.unit]
        fields = {name: _axis(self._integrator.radial, unit)}
        if told.azimuthal_bins is not None and self._integrator.azimuthal is not None:
            fields["azimuth"] = _axis(self._integrator.azimuthal, "deg")
        shape = self._integrator.shape
        return [
            Output(
                "pattern",
                shape=shape,
                unit=frame.unit,
                attributes={"fields": fields, "description": f"intensity of {frame.name} in a pixel, by {name}"},
            ),
            Output("pattern_sigma", shape=shape, unit=frame.unit, attributes={"description": "by counting statistics"}),
            Output("pattern_total", unit=frame.unit, attributes={"description": "all that was counted in the bins"}),
        ]

    def point(self, frame: Any) -> Mapping[str, Any]:  # type: ignore[override]
        """The pattern of one frame."""
        found = self._integrator(frame)
        return {"pattern": found.intensity, "pattern_sigma": found.sigma, "pattern_total": found.signal.sum()}


def _axis(grid: Grid, unit: str) -> dict[str, Any]:
    """The middles of bins as a field of the file."""
    width = (grid.high - grid.low) / grid.bins
    return {"polynomial": [grid.low + width / 2, width], "length": grid.bins, "unit": unit}
