"""The keys of attenuators in YAML."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import model_validator

from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import Parameters, parameter, reference

AxisName = Annotated[str, reference("axis")]


class FoilParameters(Parameters):
    """One place of a wheel or slide."""

    at: float = parameter("Where the axis stands when this is in the beam, in the axis's unit")
    material: str | None = parameter(
        "Chemical formula of the foil (Al, Cu, SiO2), or a material's name; none for an empty place", None
    )
    thickness: float = parameter("Thickness of the foil", 0.0, unit="um", ge=0)
    density: float | None = parameter(
        "Density, if it is not that of the pure element or known material", None, unit="g/cm^3", gt=0
    )

    @model_validator(mode="after")
    def _whole(self) -> FoilParameters:
        if (self.material is None) != (self.thickness == 0):
            raise ValueError("a foil has a material and a thickness; an empty place has neither")
        return self


class AttenuatorParameters(DeviceParameters):
    """Foils on one or more axes, and the energy at which they are used."""

    energy: float | AxisName = parameter("Photon energy: the axis that tells it in keV, or a number", unit="keV")
    wheels: dict[AxisName, list[FoilParameters]] = parameter("The foils on each axis", min_length=1)
    tolerance: float = parameter("By how much an axis may miss a foil and yet be there, in the axis's unit", gt=0)
    idle_poll_period: float = parameter(
        "Time between two looks while nothing moves, in case that an event was lost", 5.0, unit="s", ge=0.5, le=60
    )

    @model_validator(mode="after")
    def _apart(self) -> AttenuatorParameters:
        for axis, foils in self.wheels.items():
            if not foils:
                raise ValueError(f"the wheel on {axis} has no places; give at least one")
            places = sorted(foil.at for foil in foils)
            for first, second in pairwise(places):
                if second - first <= self.tolerance:
                    raise ValueError(f"the places {first} and {second} of {axis} are within the tolerance")
        return self
