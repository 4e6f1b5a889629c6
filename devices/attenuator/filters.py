"""The filters that foils on several wheels make together, and what they let through."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ronda.devices.attenuator.parameters import FoilParameters
from ronda.framework.errors import BadValue, ConfigurationError, OutOfRange

REFERENCE_ENERGY = 10.0
"""Energy in keV at which filters are put in order, so that a number always means the same foils."""

ENERGIES = (1.0, 800.0)
"""Energies in keV for which absorption is tabulated (Elam, Ravel, Sieber 2002)."""


@dataclass(frozen=True)
class Foil:
    """A material of some thickness.

    Attributes:
        material: formula or name that xraydb knows.
        thickness: in µm.
        density: in g/cm³; None for the one that xraydb knows.
    """

    material: str
    thickness: float
    density: float | None = None

    def absorption(self, energy: float) -> float:
        """Absorbance µt at an energy in keV.

        Source: W. T. Elam, B. D. Ravel, J. R. Sieber, Radiat. Phys. Chem. 63 (2002) 121, by the package xraydb.

        Raises:
            OutOfRange: the energy is outside the tables.
            ConfigurationError: the material is not known.
        """
        lowest, highest = ENERGIES
        if not lowest <= energy <= highest:
            raise OutOfRange(f"absorption is known from {lowest:g} to {highest:g} keV, not at {energy:g} keV")
        return _per_cm(self.material, energy, self.density) * 1e-4 * self.thickness

    def __str__(self) -> str:
        return f"{self.material} {self.thickness:g} µm"


@dataclass(frozen=True)
class Filter:
    """One place of each wheel.

    Attributes:
        places: where each axis stands, in its unit.
        foils: what is in the beam.
        order: absorbance at the reference energy, by which filters are told apart and put in order.
    """

    places: Mapping[str, float]
    foils: tuple[Foil, ...]
    order: float

    def absorption(self, energy: float) -> float:
        """Absorbance of all its foils at an energy in keV."""
        return math.fsum(foil.absorption(energy) for foil in self.foils)

    def transmission(self, energy: float) -> float:
        """Part of the photons of an energy (keV) that passes."""
        return math.exp(-self.absorption(energy))

    def __str__(self) -> str:
        return " + ".join(str(foil) for foil in self.foils) or "none"


@functools.lru_cache(1000)  # a look into the tables takes milliseconds, and the foils of wheels share materials
def _per_cm(material: str, energy: float, density: float | None) -> float:
    import xraydb  # takes half a second; only this needs it

    try:
        return float(xraydb.material_mu(material, 1e3 * energy, density=density))
    except Exception as error:  # it raises whatever its parser of formulas does
        raise ConfigurationError(
            f"the material {material!r} is not known, give its formula and density: {error}"
        ) from error


def filters_of(wheels: Mapping[str, Sequence[FoilParameters]]) -> list[Filter]:
    """All filters that wheels can make, from the most transparent to the darkest at 10 keV.

    Of those that absorb the same, the one with the fewest foils stands for all.

    Raises:
        ConfigurationError: a material is not known.
    """
    alone = {
        foil: foil.absorption(REFERENCE_ENERGY) for places in wheels.values() for foil in map(foil_of, places) if foil
    }
    found: dict[float, Filter] = {}
    for chosen in itertools.product(*wheels.values()):
        foils = tuple(foil for foil in map(foil_of, chosen) if foil)
        order = round(math.fsum(alone[foil] for foil in foils), 9)
        if order not in found or len(foils) < len(found[order].foils):
            places = {axis: place.at for axis, place in zip(wheels, chosen, strict=True)}
            found[order] = Filter(places, foils, order)
    return [found[order] for order in sorted(found)]


def foil_of(place: FoilParameters) -> Foil | None:
    """What stands at a place of a wheel; None if it is empty."""
    return None if place.material is None else Foil(place.material, place.thickness, place.density)


def nearest_filter(filters: Sequence[Filter], transmission: float, energy: float) -> int:
    """Number of the filter whose transmission at an energy (keV) is nearest, as a ratio.

    Raises:
        BadValue: the transmission is not above 0 and at most 1.
    """
    if not 0 < transmission <= 1:
        raise BadValue(f"a transmission is above 0 and at most 1, not {transmission:g}")
    wanted = -math.log(transmission)
    return min(range(len(filters)), key=lambda number: abs(filters[number].absorption(energy) - wanted))


def filter_at(filters: Sequence[Filter], foils: Sequence[Foil]) -> int:
    """Number of the filter that absorbs as these foils do.

    Args:
        filters: all that their wheels can make.
        foils: one or none of each wheel.
    """
    absorption = math.fsum(foil.absorption(REFERENCE_ENERGY) for foil in foils)
    return min(range(len(filters)), key=lambda number: abs(filters[number].order - absorption))
