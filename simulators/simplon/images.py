"""Compressed images with the noise of each: drawn one by one, or fast, put together from many drawn blocks.

Pixels are independent and so are the compressed blocks of an image. A pool holds many noisy versions of each block at
two intensities; an image takes any version of each, the brighter one as often as its own intensity asks for. Mean and
variance are then those of Poisson to 1 part in 1000, and no two images of a series are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ronda.simulators.physics.powder import COLUMNS, ROWS, Detector, Light
from ronda.simulators.simplon import codec

VERSIONS = 16
"""Of each block at each of the two intensities."""

SPREAD = 0.015
"""How far the two intensities of a pool lie from its own, as a fraction."""

HIGHEST = 65535


@dataclass(frozen=True)
class Pool:
    """Blocks for images of one exposure time.

    Attributes:
        light: to which it belongs.
        seconds: exposure time.
        dim, bright: versions of an image, each as its blocks.
        heading: of each compressed image.
    """

    light: Light
    seconds: float
    dim: list[list[bytes]]
    bright: list[list[bytes]]
    heading: bytes

    def fits(self, light: Light, seconds: float) -> bool:
        """Whether images in this light can be made of it."""
        near = abs(light.intensity - self.light.intensity) <= SPREAD * self.light.intensity
        same = light.share == self.light.share and abs(light.energy - self.light.energy) < 5e-4
        return near and same and seconds == self.seconds

    def image(self, light: Light, chance: np.random.Generator) -> bytes:
        """A compressed image."""
        middle = self.light.intensity
        bright = 0.5 if middle == 0 else 0.5 + (light.intensity / middle - 1) / (2 * SPREAD)
        versions = [*self.bright, *self.dim]
        number = len(self.dim[0])
        chosen = chance.integers(0, VERSIONS, number) + VERSIONS * (chance.random(number) >= bright)
        return self.heading + b"".join([versions[version][place] for place, version in enumerate(chosen.tolist())])


class Images:
    """Makes the images of a detector; for one thread.

    Args:
        chance: random numbers for the statistics.
    """

    def __init__(self, chance: np.random.Generator) -> None:
        self._chance = chance
        self._detector = Detector(chance)
        self._pool: Pool | None = None

    def fill_pool(self, light: Light, seconds: float) -> None:
        """Get ready for many images in this light; takes about a second."""
        if self._pool is not None and self._pool.fits(light, seconds):
            return
        levels = [replace(light, intensity=light.intensity * (1 + sign * SPREAD)) for sign in (-1, 1)]
        drawn = [[codec.bslz4(self._draw(level, seconds)) for _ in range(VERSIONS)] for level in levels]
        dim, bright = ([codec.blocks(chunk) for chunk in chunks] for chunks in drawn)
        self._pool = Pool(light, seconds, dim, bright, drawn[0][0][: codec.HEADING.size])

    def image(self, light: Light, seconds: float, compression: str) -> bytes:
        """An image of 16 bit, shape (ROWS, COLUMNS), compressed as asked for."""
        if compression == "bslz4":
            if self._pool is not None and self._pool.fits(light, seconds):
                return self._pool.image(light, self._chance)
            return codec.bslz4(self._draw(light, seconds))
        drawn = self._draw(light, seconds)
        return codec.lz4(drawn) if compression == "lz4" else drawn.tobytes()

    def _draw(self, light: Light, seconds: float) -> NDArray[np.uint16]:
        counts = self._detector.frame(light, seconds)
        return np.minimum(counts, HIGHEST).astype("<u2").reshape(ROWS, COLUMNS)
