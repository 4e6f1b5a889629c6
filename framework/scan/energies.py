"""Energies of an absorption spectrum: regions in eV around the edge, in keV, or in the photoelectron's wave number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from ronda.framework.errors import BadValue
from ronda.framework.scan.arguments import a_number, above_zero, exposure_time

HBAR2_2M = 1.054571817e-34**2 / (2 * 9.1093837139e-31 * 1.602176634e-19) * 1e20
"""ħ² / 2 mₑ = 3.80998 eV Å² (CODATA 2022)."""

SAME = 1e-7
"""Energies in keV that are nearer than this are one point: regions may share their ends."""

MOST_POINTS = 100_000
"""A spectrum of more points is a slip of the hand."""

UNITS = ("eV", "keV", "k")


class Region(NamedTuple):
    """A part of a spectrum.

    Attributes:
        start, stop: in eV from the edge, in keV, or in 1/Å.
        step: in eV, keV or 1/Å; changed a little so that whole steps lead from start to stop.
        time: exposure time in s; at its start if there is a weight.
        unit: `eV`, `keV` or `k`.
        weight: in k, the exposure time grows as (k / start)^weight.
    """

    start: float
    stop: float
    step: float
    time: float
    unit: Literal["eV", "keV", "k"] = "eV"
    weight: float = 0.0


class Spectrum(NamedTuple):
    """The points of a spectrum.

    Attributes:
        energies: in keV, ascending.
        wave_numbers: k of each in 1/Å; NaN below the edge.
        times: exposure time of each in s.
    """

    energies: tuple[float, ...]
    wave_numbers: tuple[float, ...]
    times: tuple[float, ...]


def wave_number(energy: float, edge: float) -> float:
    """k = √(2 mₑ (E − E₀)) / ħ in 1/Å, of energies in keV; NaN below the edge.

    B. K. Teo, EXAFS: Basic Principles and Data Analysis (1986), eq. 2.2.
    """
    above = 1000 * (energy - edge)
    return math.sqrt(above / HBAR2_2M) if above >= 0 else math.nan


def energy_of(wave_number: float, edge: float) -> float:
    """E = E₀ + ħ² k² / 2 mₑ in keV, of k in 1/Å and E₀ in keV."""
    return edge + HBAR2_2M * wave_number**2 / 1000


def spectrum(who: str, edge: float, regions: Sequence[Any]) -> Spectrum:
    """The points of regions, one after the other.

    Args:
        who: name of the scan, for messages.
        edge: E₀ in keV.
        regions: Region, or its values in a row, in ascending order; ends that two regions share are measured once.

    Raises:
        BadValue: a region means nothing, or does not lie above the one before.
    """
    if isinstance(regions, str) or not isinstance(regions, Sequence) or not regions:
        raise BadValue(f"{who}: regions should be a list such as [(-50, 50, 1, 0.5), (3, 12, 0.05, 1, 'k')]")
    energies: list[float] = []
    times: list[float] = []
    for number, given in enumerate(regions, 1):
        region = _region(f"{who}: region {number}", given)
        for energy, time in _points(f"{who}: region {number}", region, edge):
            if energies and energy <= energies[-1] + SAME:
                if energy < energies[-1] - SAME:
                    raise BadValue(
                        f"{who}: region {number} begins at {energy:.6g} keV, below {energies[-1]:.6g} keV where the "
                        "one before ends"
                    )
                continue
            energies.append(energy)
            times.append(time)
    return Spectrum(tuple(energies), tuple(wave_number(one, edge) for one in energies), tuple(times))


def _region(who: str, given: Any) -> Region:
    least, most = 4, len(Region._fields)
    if isinstance(given, str) or not isinstance(given, Sequence) or not least <= len(given) <= most:
        raise BadValue(f"{who} should be (start, stop, step, time, unit, weight), the last two optional; not {given!r}")
    region = Region(*given)
    if region.unit not in UNITS:
        raise BadValue(f"{who}: the unit should be one of {', '.join(UNITS)}, not {region.unit!r}")
    for name in ("start", "stop", "weight"):
        a_number(who, name, getattr(region, name))
    above_zero(who, "step", region.step)
    exposure_time(who, region.time)
    if not region.start < region.stop:
        raise BadValue(f"{who}: start {region.start:g} should be below stop {region.stop:g}")
    if region.unit == "k" and region.start < 0:
        raise BadValue(f"{who}: k begins at 0, not at {region.start:g}")
    if region.weight and (region.unit != "k" or region.start <= 0):
        raise BadValue(f"{who}: only a region in k that begins above 0 can have a weight")
    if (region.stop - region.start) / region.step > MOST_POINTS:
        raise BadValue(f"{who}: has more than {MOST_POINTS} points; make the step larger")
    return region


def _points(who: str, region: Region, edge: float) -> list[tuple[float, float]]:
    """Energy in keV and exposure time in s of each point."""
    intervals = max(round((region.stop - region.start) / region.step), 1)
    found = []
    for place in range(intervals + 1):
        at = region.start + (region.stop - region.start) * place / intervals
        energy = {"eV": edge + at / 1000, "keV": at, "k": energy_of(at, edge)}[region.unit]
        if energy <= 0:
            raise BadValue(f"{who}: {at:g} eV from the edge is no energy")
        found.append((energy, region.time * (at / region.start) ** region.weight if region.weight else region.time))
    return found
