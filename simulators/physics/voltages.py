"""What a fast digitiser's inputs see: currents of detectors as voltages, and the count of an encoder; in codes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ronda.simulators.physics.beam import Beam, PointDetector
from ronda.simulators.physics.counting import OWN_NOISE
from ronda.simulators.physics.stage import Stage

FULL_SCALE = 10.0
"""Voltage of the code 32768."""

VOLTS = 2.5e-6
"""Voltage of a detector's amplifier for 1 count/s of the same detector with a counter."""

INPUT_NOISE = 1.0
"""Noise of each input, rms, in codes."""

HIGHEST = 32767
"""Codes go from -32767 to this; -32768 is never given."""

GRID = 1e-3
"""Seconds between two moments for which the beam is worked out; between them it is interpolated."""


@dataclass(frozen=True)
class Stretch:
    """What the inputs see from one sample on, without noise; worked out at some moments.

    Attributes:
        places: moments, as numbers of samples from the first of the stretch; (g,).
        levels: by channel, the detector's signal in codes at each moment; (g,).
        counts: by channel, the encoder's count at each moment; (g,).
    """

    places: NDArray[np.float64]
    levels: Mapping[int, NDArray[np.float64]]
    counts: Mapping[int, NDArray[np.float64]]


class Voltages:
    """The inputs of one digitiser.

    Args:
        channels: how many inputs there are.
        detectors: detector at each input that has one.
        encoders: stage and counts per unit of its encoder at each input that has one.
        beam: what the detectors see.
    """

    def __init__(
        self,
        channels: int,
        detectors: Mapping[int, PointDetector],
        encoders: Mapping[int, tuple[Stage, float]],
        beam: Beam,
    ) -> None:
        self._channels = channels
        self._detectors = dict(detectors)
        self._encoders = dict(encoders)
        self._beam = beam

    def look(self, start: float, end: float, samples: int) -> Stretch:
        """What they see from one time of the world to another, in which so many samples are taken."""
        moments = np.linspace(start, end, max(math.ceil((end - start) / GRID), 1) + 1)
        rates = self._beam.rates([*self._detectors.values()], moments)
        code = 32768 * VOLTS / FULL_SCALE
        levels = {
            channel: np.broadcast_to(rate, moments.shape) * code
            for channel, rate in zip(self._detectors, rates, strict=True)
        }
        times: Sequence[float] = moments.tolist()
        counts = {
            channel: np.array([stage.position(time) for time in times]) * resolution
            for channel, (stage, resolution) in self._encoders.items()
        }
        return Stretch(np.linspace(0.0, samples, len(moments)), levels, counts)

    def digitise(self, stretch: Stretch, samples: int, rate: float, chance: np.random.Generator) -> NDArray[np.int16]:
        """The samples of a stretch; (samples, channels).

        Args:
            rate: samples in a second, on which the noise of each depends.
            chance: random numbers.
        """
        noise = chance.standard_normal((samples, self._channels), dtype=np.float32)
        if INPUT_NOISE != 1.0:
            noise *= INPUT_NOISE
        places = np.arange(samples, dtype=np.float64)
        own = OWN_NOISE * math.sqrt(rate)
        for channel, level in stretch.levels.items():
            signal = np.interp(places, stretch.places, level)
            noise[:, channel] = signal + noise[:, channel] * np.sqrt(INPUT_NOISE**2 + (own * signal) ** 2)
        np.rint(noise, out=noise)
        np.clip(noise, -HIGHEST, HIGHEST, out=noise)
        found = noise.astype("<i2")
        for channel, counts in stretch.counts.items():
            exact = np.floor(np.interp(places, stretch.places, counts)).astype(np.int64)
            found[:, channel] = exact.astype(np.uint16).view(np.int16)
        return found
