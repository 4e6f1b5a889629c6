"""Scans of the photon energy: absorption spectra in several regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from ronda.framework.clients.axis import Axis
from ronda.framework.errors import BadValue
from ronda.framework.nexus.definitions.nxxas import xas
from ronda.framework.scan.arguments import above_zero, an_axis
from ronda.framework.scan.energies import Region, spectrum
from ronda.framework.scan.making import Maker, Options
from ronda.framework.scan.measured import Measured
from ronda.framework.scan.own import OwnScan

PER_KEV = {"keV": 1.0, "eV": 1000.0}
"""By the unit of an energy axis: how much one keV is."""

WAVE_NUMBER = "k"
"""Channel of the photoelectron's wave number."""


class SpectrumScans(Maker):
    """Spectra; see `Scans`."""

    def xas_scan(
        self,
        energy: Axis | str,
        e0: float,
        regions: Sequence[Region | tuple[Any, ...]],
        *counters: Measured,
        incoming: Measured | None = None,
        transmitted: Measured | None = None,
        fluorescence: Measured | None = None,
        sample: str = "",
        element: str = "",
        edge: str = "",
        **options: Unpack[Options],
    ) -> OwnScan:
        """Absorption in regions: xas_scan(energy, 8.979, [(-50, 40, 1, 0.2), (3.3, 12, 0.05, 0.5, "k", 1)], i0, diode).

        Args:
            energy: axis of the photon energy, in keV or eV.
            e0: energy of the edge, in the unit of that axis.
            regions: each (start, stop, step, time) in eV from the edge; a fifth value says "keV" for photon energies in
                keV, or "k" for 1/Å, with E = e0 + 3.80998 eV Å² k²; a sixth, for k alone, lets the time grow
                as (k / start)^weight. In ascending order; ends that two regions share are measured once.
            counters: what to measure.
            incoming: the counter before the sample; with one of the next two the file follows NXxas.
            transmitted, fluorescence: the counter behind or beside the sample.
            sample, element, edge: names for the file: `Cu foil`, `Cu`, `K`.
            options: see `Options`.
        """
        name = "xas_scan"
        axis = an_axis(self.beamline, name, energy)
        scale = PER_KEV.get(axis.unit)
        if scale is None:
            raise BadValue(f"{name}: {axis.name} is in {axis.unit}; the energy should be an axis in keV or eV")
        at = above_zero(name, "the energy of the edge", e0, axis.unit) / scale
        found = spectrum(name, at, regions)
        played = [one for one in (incoming, transmitted, fluorescence) if one is not None]
        definition = options.get("definition")
        if played and definition is None:
            if incoming is None or len(played) < 2:
                raise BadValue(f"{name}: a file after NXxas needs incoming=, and transmitted= or fluorescence=")
            definition = xas(
                axis,
                incoming,
                transmitted=transmitted,
                fluorescence=fluorescence,
                sample=sample,
                element=element,
                edge=edge,
            )
        chosen = [*counters, *(one for one in played if one not in counters)]
        return self.make(
            name,
            [axis, e0, [tuple(region) for region in regions]],
            found.times,
            chosen,
            {**options, "definition": definition},
            axes=[axis],
            targets=[(scale * one,) for one in found.energies],
            channels={WAVE_NUMBER: ("1/angstrom", found.wave_numbers)},
        )
