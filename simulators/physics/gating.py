"""Counters gated by triggers: what each counts from one trigger to the next, worked out for whole blocks."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ronda.simulators.physics.beam import Beam, PointDetector
from ronda.simulators.physics.counting import OWN_NOISE

FEWEST, MOST = 3, 200
"""Samples of the beam for one interval."""


def count_between(
    beam: Beam,
    detectors: list[PointDetector | None],
    edges: NDArray[np.float64],
    chance: np.random.Generator,
) -> NDArray[np.int64]:
    """What each counter counts between successive rising times, with the statistics of photons.

    Args:
        beam: what the detectors see.
        detectors: what is connected to each counter; None for nothing.
        edges: n + 1 times, in s.
        chance: random numbers.

    Returns:
        Counts of n intervals by counter.
    """
    lengths = np.diff(edges)
    counts = np.zeros((len(lengths), len(detectors)), dtype=np.int64)
    if not len(lengths):
        return counts
    wanted = math.ceil(len(beam.samples(float(edges[0]), float(edges[-1]))[0]) / len(lengths))
    number = min(max(wanted, FEWEST), MOST)
    places = (np.arange(number) + 0.5) / number
    times = (edges[:-1, None] + lengths[:, None] * places).ravel()
    connected = {channel: detector for channel, detector in enumerate(detectors) if detector is not None}
    rates = beam.rates([*connected.values()], times)
    noise = OWN_NOISE / np.sqrt(np.maximum(lengths, 1e-9))
    for (channel, detector), rate in zip(connected.items(), rates, strict=True):
        expected = np.broadcast_to(rate, times.shape).reshape(-1, number).mean(axis=1) * lengths
        expected = expected * (1.0 + noise * chance.standard_normal(len(lengths)))
        drawn = chance.poisson(np.maximum(expected, 0.0))
        counts[:, channel] = np.minimum(drawn, np.floor(detector.saturation * lengths).astype(np.int64))
    return counts
