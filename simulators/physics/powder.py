"""BaTiO3 powder in the beam, seen by a counting 2-D detector behind it: expected rates, and frames with their noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ronda.simulators.physics.beam import Beam
from ronda.simulators.physics.gaussian import between
from ronda.simulators.physics.holder import HEIGHT, WIDTH

ROWS, COLUMNS = 1062, 1028
"""Pixels of the detector; the direct beam falls on its middle."""

PIXEL = 0.075
"""Side of a pixel, in mm."""

DISTANCE = 100.0
"""From the sample to the detector, in mm."""

ENERGY = 17.0
"""For which the radii hold, in keV; at others the rings follow Bragg's law."""

RINGS = {
    "100": (246.0, 600.0),
    "110": (352.0, 2400.0),
    "111": (436.0, 900.0),
    "002": (507.0, 500.0),
    "200": (513.0, 900.0),
}
"""Radius in pixels and highest rate in full beam, in count/s/pixel."""

RING_SIGMA = 2.0
"""Width of a ring, in pixels."""

BACKGROUND = 20.0
"""Scattered by air in full beam, in count/s/pixel."""

POWDER = (18.0, 0.0)
"""Middle of the powder on the sample holder (y, z), in mm."""

POWDER_HALF = 2.0
"""Half of the side of its square, in mm."""

STRIP = 64
"""Rows whose noise is drawn at a time, so that other threads get their turn."""


@dataclass(frozen=True, slots=True)
class Light:
    """What lights the detector in an exposure.

    Attributes:
        intensity: before the sample, as a fraction of the full beam, mean over the exposure.
        share: part of the beam that falls on the powder.
        energy: in keV.
    """

    intensity: float
    share: float
    energy: float


def collect(beam: Beam, start: float, end: float) -> Light:
    """The light between two times."""
    times, weights = beam.samples(start, end)
    weights = weights / weights.sum()
    intensity = np.broadcast_to(beam.intensity(times), times.shape)
    energy = np.broadcast_to(beam.energy(times), times.shape)
    place = beam.on_holder(times)
    share = np.zeros_like(times)
    if place is not None:
        y, z = place[0] - POWDER[0], place[1] - POWDER[1]
        share = np.broadcast_to(
            between(-POWDER_HALF - y, POWDER_HALF - y, WIDTH) * between(-POWDER_HALF - z, POWDER_HALF - z, HEIGHT),
            times.shape,
        )
    total = float(intensity @ weights)
    on_powder = float((intensity * share) @ weights) / total if total > 0 else 0.0
    return Light(total, round(on_powder, 3), float(energy @ weights))


class Detector:
    """Draws frames of counts.

    Args:
        chance: random numbers for the statistics.
    """

    def __init__(self, chance: np.random.Generator) -> None:
        self._chance = chance
        self._rings: tuple[float, NDArray[np.float32]] | None = None

    def rates(self, light: Light) -> NDArray[np.float32]:
        """Expected rate of each pixel, shape (ROWS, COLUMNS), in count/s."""
        found: NDArray[np.float32] = light.intensity * (BACKGROUND + light.share * self._of_rings(light.energy))
        return found

    def frame(self, light: Light, seconds: float) -> NDArray[np.uint32]:
        """The counts of an exposure."""
        expected = self.rates(light) * seconds
        frame = np.empty(expected.shape, np.uint32)
        for row in range(0, ROWS, STRIP):
            frame[row : row + STRIP] = self._chance.poisson(expected[row : row + STRIP])
        return frame

    def _of_rings(self, energy: float) -> NDArray[np.float32]:
        energy = round(energy, 3)
        if self._rings is None or self._rings[0] != energy:
            y, x = np.ogrid[:ROWS, :COLUMNS]
            radii = np.hypot(y - (ROWS - 1) / 2, x - (COLUMNS - 1) / 2).astype(np.float32)
            found = np.zeros((ROWS, COLUMNS), np.float32)
            for radius, rate in RINGS.values():
                at = radius_at(radius, energy)
                if at is not None:
                    found += rate * np.exp(-0.5 * ((radii - at) / RING_SIGMA) ** 2)
            self._rings = (energy, found)
        return self._rings[1]


def radius_at(radius: float, energy: float) -> float | None:
    """Radius of a ring in pixels at an energy in keV, from that at 17 keV; None if it is not scattered forwards."""
    sine = math.sin(math.atan(radius * PIXEL / DISTANCE) / 2) * ENERGY / energy
    if sine >= math.sqrt(0.5):
        return None
    return math.tan(2 * math.asin(sine)) * DISTANCE / PIXEL
