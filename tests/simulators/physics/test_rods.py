"""The rods that turn before the camera: their projections, and what the camera sees of them."""

from __future__ import annotations

import numpy as np
import pytest

from ronda.simulators.physics.camera import ELECTRONS, OFFSET, PIXEL, SIZE, Light, Region, Sensor
from ronda.simulators.physics.rods import REACH, RODS, absorbed

MIDDLE = (SIZE - 1) / 2

X = (np.arange(SIZE) - MIDDLE) * PIXEL
"""Places of the sensor's columns from the rotation's axis, in mm."""


@pytest.mark.parametrize("angle", [0.0, 37.0, 90.0, 211.0])
def test_at_each_angle_all_of_the_rods_is_in_the_projection(angle: float) -> None:
    x = np.linspace(-REACH, REACH, 200_001)
    whole = np.trapezoid(absorbed(x, angle), x)
    assert whole == pytest.approx(sum(rod.absorption * np.pi * rod.radius**2 for rod in RODS), rel=1e-4)
    assert not absorbed(np.array([-REACH, REACH]), angle).any()


def test_half_a_turn_later_the_projection_is_the_mirror_image() -> None:
    assert absorbed(X, 20.0 + 180.0) == pytest.approx(absorbed(-X, 20.0))


def test_the_middle_of_a_rod_on_the_axis_is_seen_through_its_diameter() -> None:
    (on_axis,) = (rod for rod in RODS if rod.place == (0.0, 0.0))
    assert absorbed(np.zeros(1), 0.0) == pytest.approx([2 * on_axis.radius * on_axis.absorption])


def test_the_camera_behind_sees_the_projection_within_its_noise() -> None:
    angle, columns = 30.0, slice(470, 554)  # where the spot is bright
    region = Region(0, 502, SIZE, 20)
    seen = []
    for turns in (None, np.array([[MIDDLE, angle]])):
        light = Light(0.01, np.array([[MIDDLE, MIDDLE]]), np.array([3000.0]), turns)
        image = Sensor(np.random.default_rng(7)).read(light, region).astype(float) - OFFSET
        seen.append(np.median(image, axis=0)[columns])  # of 20 rows, so that no hot pixel counts
    ratio, expected = seen[1] / seen[0], np.exp(-absorbed(X, angle))[columns]
    sigma = np.sqrt(2 / (ELECTRONS * seen[1]))  # of one pixel; the median of 20 has less
    assert expected.min() < 0.7
    assert (np.abs(ratio - expected) < 6 * sigma).all()
