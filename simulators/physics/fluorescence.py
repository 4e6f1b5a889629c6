"""Fluorescence of what is on the sample holder, as a spectrum analyser with an energy-dispersive detector sees it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ronda.simulators.physics import copper_foil, holder, pattern
from ronda.simulators.physics.beam import Beam
from ronda.simulators.physics.gaussian import FWHM, between

CHANNELS = 4096

CHANNEL_WIDTH = 0.005
"""In keV."""

RESOLUTION = (0.130, 5.9)
"""Full width at half maximum (keV) of a line at an energy (keV)."""

FANO, PAIR_ENERGY = 0.115, 0.00366
"""Fano factor of silicon, and the energy for a pair of charges, in keV.

A line's variance is noise² + FANO × PAIR_ENERGY × energy: G. F. Knoll, Radiation Detection and Measurement, 4th edition
(2010), section 11.
"""

DEAD_TIME = 0.8e-6
"""Dead time after each photon, in s, paralysable: rate out = rate in × exp(−rate in × DEAD_TIME), Knoll section 4."""

PILE_UP_TIME = 0.1e-6
"""Time within which two photons are taken for one with the sum of their energies, in s."""

EFFICIENCY = 3e6
"""Photons that reach the detector, in 1/s, of 1 emitted for each photon of the full beam."""

LINES: Mapping[str, tuple[float, float, float]] = {
    "Fe": (6.40, 7.06, 0.340),
    "Ni": (7.48, 8.26, 0.406),
    "Cu": (8.05, 8.91, 0.440),
    "Zn": (8.64, 9.57, 0.474),
}
"""Energies of Kα and Kβ (keV), and the part of the vacancies in the K shell that give a photon.

Yields: M. O. Krause, J. Phys. Chem. Ref. Data 8, 307 (1979).
"""

BETA = 0.12
"""Part of the K photons that are Kβ."""

SCATTERED = 4e-4
"""Part of the beam that is scattered elastically into the detector, relative to `EFFICIENCY`."""

COMPTON = (6e-4, 0.975, 0.25)
"""The same for inelastic scattering; its energy as a part of the beam's; its width in keV."""

MOST_GROUPS = 16
"""Into how many parts a measurement is divided, in each of which the rates are taken as constant."""


@dataclass
class Collected:
    """What the analyser has collected since its start.

    Attributes:
        spectrum: counts of each channel, shape (4096,).
        real, live: time since the start, and the part of it in which it was ready for a photon, in s.
        triggers: photons that came; events: those that were counted.
    """

    spectrum: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(CHANNELS, np.uint32))
    real: float = 0.0
    live: float = 0.0
    triggers: int = 0
    events: int = 0


class Analyser:
    """The spectrum analyser behind its detector.

    Args:
        beam: what excites the sample.
        chance: random numbers for the statistics.
    """

    def __init__(self, beam: Beam, chance: np.random.Generator) -> None:
        self._beam = beam
        self._chance = chance

    def rates(self, times: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Photons that reach the detector of each origin at each of rising times, in 1/s.

        Origins are the metals, and `scattered` and `compton`.
        """
        flux = EFFICIENCY * np.broadcast_to(self._beam.intensity(times), times.shape)
        energy = np.broadcast_to(self._beam.energy(times), times.shape)
        found = {"scattered": SCATTERED * flux, "compton": COMPTON[0] * flux}
        for metal, part in self._excited(times, energy).items():
            found[metal] = LINES[metal][2] * part * flux
        return found

    def collect(self, into: Collected, start: float, end: float, live_left: float = math.inf) -> float:
        """Add what comes between two times.

        Args:
            into: what was collected before.
            live_left: live time after which it stops.

        Returns:
            When it stopped, or `end`.
        """
        times, weights = self._beam.samples(start, end)
        rates = self.rates(times)
        energies = np.broadcast_to(self._beam.energy(times), times.shape)
        now = start
        for group in np.array_split(np.arange(times.size), min(MOST_GROUPS, times.size)):
            seconds = float(weights[group].sum())
            mean = {origin: float(rate[group].mean()) for origin, rate in rates.items()}
            arriving = sum(mean.values())
            alive = math.exp(-arriving * DEAD_TIME)
            stopped = alive * seconds >= live_left
            if stopped:
                seconds = live_left / alive
            self._add(into, mean, float(energies[group].mean()), seconds, alive)
            live_left -= alive * seconds
            now += seconds
            if stopped:
                return min(now, end)
        return end

    def shape(self, rates: Mapping[str, float], energy: float) -> NDArray[np.float64]:
        """Part of the photons in each channel, without pile-up.

        Args:
            rates: of each origin, in any unit.
            energy: of the beam, in keV.
        """
        total = sum(rates.values())
        found = np.zeros(CHANNELS)
        for origin, rate in rates.items():
            if origin == "scattered":
                found += rate * _line(energy, width_at(energy))
            elif origin == "compton":
                found += rate * _line(COMPTON[1] * energy, math.hypot(COMPTON[2], width_at(energy)))
            else:
                alpha, beta, _ = LINES[origin]
                found += rate * ((1 - BETA) * _line(alpha, width_at(alpha)) + BETA * _line(beta, width_at(beta)))
        return found / total if total > 0 else found

    def _add(self, into: Collected, rates: Mapping[str, float], energy: float, seconds: float, alive: float) -> None:
        arriving = sum(rates.values())
        into.real += seconds
        into.live += alive * seconds
        into.triggers += int(self._chance.poisson(arriving * seconds))
        single = self.shape(rates, energy)
        doubled = 1.0 - math.exp(-arriving * PILE_UP_TIME)
        pairs = np.fft.irfft(np.fft.rfft(single, 2 * CHANNELS) ** 2, 2 * CHANNELS)[:CHANNELS]
        expected = arriving * alive * seconds * ((1.0 - doubled) * single + doubled * np.maximum(pairs, 0.0))
        counts = self._chance.poisson(expected)
        into.spectrum += counts.astype(np.uint32)
        into.events += int(counts.sum())

    def _excited(self, times: NDArray[np.float64], energy: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """The part of the beam that makes vacancies in the K shell of each metal."""
        place = self._beam.on_holder(times)
        if place is None:
            return {}
        y, z = (np.broadcast_to(each, times.shape) for each in place)
        covered = pattern.coverage(y - pattern.MIDDLE[0], z - pattern.MIDDLE[1], holder.WIDTH, holder.HEIGHT)
        found = {}
        for metal, part in covered.items():
            square = pattern.SQUARES[metal]
            shell = square.absorption(energy) - (square.edge / energy) ** pattern.EXPONENT * square.before
            found[metal] = part * -np.expm1(-shell)
        y_foil, z_foil = y - holder.COPPER[0], z - holder.COPPER[1]
        foil = between(-holder.COPPER_HALF - y_foil, holder.COPPER_HALF - y_foil, holder.WIDTH) * between(
            -holder.COPPER_HALF - z_foil, holder.COPPER_HALF - z_foil, holder.HEIGHT
        )
        above = energy > pattern.SQUARES["Cu"].edge
        found["Cu"] = found["Cu"] + np.where(above, foil * (1.0 - copper_foil.transmission(energy)), 0.0)
        return found


def width_at(energy: float) -> float:
    """Full width at half maximum of a line at an energy, both in keV."""
    noise = (RESOLUTION[0] / FWHM) ** 2 - FANO * PAIR_ENERGY * RESOLUTION[1]
    return FWHM * math.sqrt(noise + FANO * PAIR_ENERGY * energy)


def _line(energy: float, width: float) -> NDArray[np.float64]:
    """Part of a line in each channel; channel c holds energies around c × CHANNEL_WIDTH."""
    found = np.zeros(CHANNELS)
    first = max(int((energy - 3 * width) / CHANNEL_WIDTH), 0)
    last = min(int((energy + 3 * width) / CHANNEL_WIDTH) + 2, CHANNELS)
    edges: NDArray[np.float64] = (np.arange(first, last + 1, dtype=np.float64) - 0.5) * CHANNEL_WIDTH - energy
    found[first:last] = between(edges[:-1], edges[1:], width)
    return found
