"""Peaks are those of plain numpy and of scipy's labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from ronda.framework.errors import BadValue
from ronda.framework.kernels.background import RadialBackground, rings_around
from ronda.framework.kernels.peaks import PeakFinder
from tests.framework.kernels.frames import Case, cases


@given(cases(), st.floats(2, 8), st.sampled_from([(1, 1000), (2, 6)]), st.integers(0, 8))
def test_peaks_are_those_of_plain_numpy(case: Case, snr: float, sizes: tuple[int, int], spots: int) -> None:
    rows, columns = case.frame.shape
    if rows > 8 and columns > 8:
        rng = np.random.default_rng(case.seed)
        image = np.array(case.frame)
        for row, column in rng.integers(0, [rows - 2, columns - 2], (spots, 2)):
            image[row : row + 2, column : column + 2] = 30000 + rng.integers(0, 30000, (2, 2))
        case.frame = image
    rings = rings_around(case.frame.shape, columns / 2, rows / 2, 5.0)
    background = RadialBackground(rings, case.frame.dtype, mask=case.mask, limits=case.limits)
    found = PeakFinder(background, snr=snr, threshold=4, pixels=sizes)(case.frame)
    mean, deviation = background.image(found.background.mean), background.image(found.background.deviation)
    above = np.where(case.good, case.values - mean, -1)
    with np.errstate(invalid="ignore"):
        standing = case.good & (case.values > mean + np.maximum(snr * deviation, 4))
    labels, number = ndimage.label(standing, np.ones((3, 3)))
    size = np.bincount(labels.ravel(), minlength=number + 1)[1:]
    chosen = [label for label in range(1, number + 1) if sizes[0] <= size[label - 1] <= sizes[1]]
    assert len(found) == len(chosen)
    for label, *peak in zip(
        chosen, found.x, found.y, found.intensity, found.sigma, found.peak, found.pixels, strict=True
    ):
        place = labels == label
        weight = above[place]
        y, x = np.nonzero(place)
        exact = [
            (weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum(), weight.sum(),
            np.sqrt((deviation[place] ** 2).sum()), weight.max(), place.sum(),
        ]  # fmt: skip
        assert peak == pytest.approx(exact, rel=1e-6)


def test_bragg_peaks_are_found_where_they_were_put() -> None:
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:400, :500]
    radius = np.hypot(rows - 200, columns - 250)
    level = 40 * np.exp(-radius / 150) + 5 + 30 * np.exp(-(((radius - 90) / 8) ** 2))
    places = np.array([(y, x) for y in range(30, 400, 60) for x in range(30, 500, 60)]) + rng.uniform(-5, 5, (56, 2))
    for y, x in places:
        level += 400 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 2)
    frame = rng.poisson(level).astype("u2")
    frame[::97, ::89] = 65535  # hot pixels: too few to be peaks, and outside of the limits
    background = RadialBackground(rings_around(frame.shape, 250, 200), "u2", limits=(0, 65534))
    found = PeakFinder(background, snr=7, pixels=(3, 60))(frame)
    away = np.hypot(found.x[:, None] - places[:, 1], found.y[:, None] - places[:, 0])
    assert len(found) == len(places)
    assert away.min(axis=0).max() < 0.5
    assert (found.intensity / found.sigma > 10).all()


def test_a_whole_ring_of_bright_pixels_is_one_group() -> None:
    frame = np.zeros((50, 50), "u2")
    frame[10:40, 10:40] = 100
    frame[12:38, 12:38] = 0
    background = RadialBackground(np.zeros((50, 50), int), "u2")
    found = PeakFinder(background, snr=1, pixels=(1, 10_000))(frame)
    assert found.pixels.tolist() == [30 * 30 - 26 * 26]


def test_wrong_numbers_are_refused() -> None:
    background = RadialBackground(np.zeros((5, 5), int), "u2")
    with pytest.raises(BadValue, match="snr -1 and threshold 0 must not be below 0"):
        PeakFinder(background, snr=-1)
    with pytest.raises(BadValue, match="from 3 to 2 pixels is no range; give the lower one first"):
        PeakFinder(background, pixels=(3, 2))
    with pytest.raises(BadValue, match="is prepared for uint16 of 5 x 5"):
        PeakFinder(background)(np.zeros((5, 6), "u2"))
