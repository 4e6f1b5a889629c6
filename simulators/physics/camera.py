"""The beam viewer: a camera that looks at a screen in the beam, just before the sample or just behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ronda.simulators.physics import rods
from ronda.simulators.physics.beam import Beam
from ronda.simulators.physics.gaussian import bell
from ronda.simulators.physics.holder import HEIGHT, WIDTH

SIZE = 1024
"""Pixels in each direction."""

PIXEL = 0.005
"""Side of a pixel on the screen, in mm."""

FOCUS = 0.35
"""Where the objective, the stage `camf`, shows the screen sharply, in mm."""

BLUR = 0.1
"""How much wider a point becomes, at half maximum, for each mm beside the focus, in mm on the screen."""

LARGEST = 4095
"""Largest value of a pixel, of 12 bit, in ADU."""

OFFSET = 100
"""Value of a pixel without light, in ADU."""

READ_NOISE = 3.0
"""Noise of the read-out, rms, in ADU."""

ELECTRONS = 5.0
"""Electrons for one ADU; they have the statistics of Poisson."""

PEAK = 300_000.0
"""In the middle of the full beam's spot, in ADU/s: 3000 ADU in 10 ms."""

HOT = 20
"""Number of pixels with a dark current of their own."""

HOTTEST = 5000.0
"""Highest of these dark currents, in ADU/s."""

REACH = 4.0
"""How far from its middle the spot is computed, in full widths at half maximum; at 2 there is 1.5e-5 of the peak."""

MOST_PLACES = 16
"""At how many places a spot that moves during the exposure is computed."""


@dataclass(frozen=True, slots=True)
class Region:
    """What is read of the sensor, in its pixels.

    Attributes:
        x, y: its first column and row; row 0 is at the top, column 0 left, seen along the beam.
        width, height: number of columns and rows.
        binning: side of the squares of pixels that are read as one.
    """

    x: int = 0
    y: int = 0
    width: int = SIZE
    height: int = SIZE
    binning: int = 1


@dataclass(frozen=True, slots=True)
class Light:
    """What fell on the sensor in an exposure.

    Attributes:
        seconds: how long it was exposed.
        places: middle of the spot on the sensor (column, row), in pixels.
        charges: light in the middle of the spot, in ADU, at each of these places.
        turns: how the sample stands at each of them: column of the rotation's axis in pixels, angle in deg; None
            before the sample.
        blur: full width at half maximum of what the objective makes of a point, in mm; the sample's shadows stay sharp.
    """

    seconds: float
    places: NDArray[np.float64]
    charges: NDArray[np.float64]
    turns: NDArray[np.float64] | None = None
    blur: float = 0.0


def collect(beam: Beam, start: float, end: float, *, behind: bool = False) -> Light:
    """What falls on the sensor between two times, before the sample or behind it."""
    times, weights = beam.samples(start, end)
    charges = PEAK * beam.intensity(times) * weights
    y, z = beam.spot(times)
    columns = (SIZE - 1) / 2 + np.broadcast_to(y, times.shape) / PIXEL
    rows = (SIZE - 1) / 2 - np.broadcast_to(z, times.shape) / PIXEL
    axis = angle = np.zeros(times.size)
    if behind:
        charges = charges * beam.sample_transmission(times)
        y, angle = beam.turning(times)
        axis = (SIZE - 1) / 2 + (rods.MIDDLE - y) / PIXEL
    rests = _rests(columns, rows) and _rests(axis, angle)
    groups = np.array_split(np.arange(times.size), 1 if rests else min(MOST_PLACES, times.size))
    places = [(columns[group].mean(), rows[group].mean()) for group in groups]
    turns = np.array([(axis[group].mean(), angle[group].mean()) for group in groups]) if behind else None
    blur = BLUR * float(np.mean(np.abs(beam.objective(times, FOCUS) - FOCUS)))
    return Light(end - start, np.array(places), np.array([charges[group].sum() for group in groups]), turns, blur)


class Sensor:
    """The sensor, with the faults of its pixels.

    Args:
        chance: random numbers for faults and noise.
    """

    def __init__(self, chance: np.random.Generator) -> None:
        self._chance = chance
        self._hot = chance.integers(0, SIZE, (HOT, 2))
        self._dark = HOTTEST * chance.random(HOT) ** 2

    def read(self, light: Light, region: Region) -> NDArray[np.uint16]:
        """The image, shape (rows, columns), for light that fell on the sensor."""
        side = region.binning
        shape = (region.height // side, region.width // side)
        image = self._chance.standard_normal(shape, np.float32)
        image *= READ_NOISE
        image += OFFSET
        self._add_hot(image, light.seconds, region)
        for number, ((column, row), charge) in enumerate(zip(light.places, light.charges, strict=True)):
            turned = None if light.turns is None else light.turns[number]
            self._add_spot(image, column, row, charge, region, turned, light.blur)
        np.rint(image, out=image)
        np.clip(image, 0, LARGEST, out=image)
        return image.astype(np.uint16)

    def _add_hot(self, image: NDArray[np.float32], seconds: float, region: Region) -> None:
        for (row, column), dark in zip(self._hot, self._dark, strict=True):
            place = ((row - region.y) // region.binning, (column - region.x) // region.binning)
            if 0 <= place[0] < image.shape[0] and 0 <= place[1] < image.shape[1]:
                image[place] += self._chance.poisson(dark * seconds * ELECTRONS) / ELECTRONS

    def _add_spot(
        self,
        image: NDArray[np.float32],
        column: float,
        row: float,
        charge: float,
        region: Region,
        turned: NDArray[np.float64] | None,
        blur: float,
    ) -> None:
        width, height = math.hypot(WIDTH, blur), math.hypot(HEIGHT, blur)
        charge *= WIDTH / width * HEIGHT / height  # no light is lost
        across = _window(column, REACH / 2 * width / PIXEL, region.x, image.shape[1], region.binning)
        down = _window(row, REACH / 2 * height / PIXEL, region.y, image.shape[0], region.binning)
        if across.stop <= across.start or down.stop <= down.start or charge <= 0:
            return
        expected = np.outer(
            _profile(down, row, region.y, region.binning, height),
            _profile(across, column, region.x, region.binning, width, turned),
        )
        image[down, across] += self._chance.poisson(charge * expected * ELECTRONS) / ELECTRONS


def _rests(columns: NDArray[np.float64], rows: NDArray[np.float64]) -> bool:
    """Whether the spot moves so little that nobody sees it."""
    return bool(np.ptp(columns) < 0.1 and np.ptp(rows) < 0.1)


def _window(middle: float, reach: float, first: int, length: int, side: int) -> slice:
    """The part of an image's axis, in its own pixels, on which a spot is seen."""
    low, high = (middle - reach - first) / side, (middle + reach - first) / side
    return slice(max(int(low), 0), min(int(high) + 1, length))


def _profile(
    part: slice, middle: float, first: int, side: int, width: float, turned: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Light on each pixel of an image's axis, summed over the sensor's pixels that it stands for.

    Args:
        part: which pixels of the image.
        middle: of the spot, in pixels of the sensor.
        first: the region's first pixel on the sensor.
        side: pixels of the sensor for one of the image.
        width: full width of the spot at half maximum, in mm.
        turned: column of the rotation's axis in pixels and its angle in deg, if the sample is in the beam.
    """
    pixels = first + np.arange(part.start * side, part.stop * side)
    profile: NDArray[np.float64] = bell((pixels - middle) * PIXEL, width)
    if turned is not None:
        profile = profile * np.exp(-rods.absorbed((pixels - turned[0]) * PIXEL, float(turned[1])))
    summed: NDArray[np.float64] = profile.reshape(-1, side).sum(axis=1)
    return summed
