"""What of a Gaussian spot passes the sample holder."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.simulators.physics import holder, pattern

TEN_KEV = np.array([10.0])


def brute_force(y: float, z: float) -> float:
    """The integral of the spot's density over the pinhole, on a fine square grid."""
    step = holder.PINHOLE_RADIUS / 400
    grid = (np.arange(-400, 400) + 0.5) * step
    on_y, on_z = np.meshgrid(grid, grid)
    inside = on_y**2 + on_z**2 <= holder.PINHOLE_RADIUS**2
    sigma_y, sigma_z = 0.30 / 2.3548200450309493, 0.10 / 2.3548200450309493
    density = np.exp(-(((y - on_y) / sigma_y) ** 2 + ((z - on_z) / sigma_z) ** 2) / 2)
    return float(density[inside].sum() * step**2 / (2 * math.pi * sigma_y * sigma_z))


@pytest.mark.parametrize(("y", "z"), [(0, 0), (0.1, 0), (0, 0.05), (-0.2, 0.08), (0.05, -0.03)])
def test_the_pinhole_passes_the_spots_integral_over_its_disk(y: float, z: float) -> None:
    passed = holder.through_pinhole(np.array([y]), np.array([z]))[0]
    assert passed == pytest.approx(brute_force(y, z), rel=1e-3, abs=1e-7)


def test_the_centred_pinhole_lets_a_diode_count_44000_of_800000() -> None:
    passed = holder.transmission(np.array([0.137]), np.array([-0.082]), TEN_KEV)[0]
    assert 8e5 * passed == pytest.approx(4.4e4, rel=0.01)


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_a_transmission_is_between_nothing_and_all(y: float, z: float) -> None:
    assert 0.0 <= holder.transmission(np.array([y]), np.array([z]), TEN_KEV)[0] <= 1.0


def test_beside_the_plate_the_beam_is_free_on_it_dark_and_on_its_edge_halved() -> None:
    passed = holder.transmission(np.array([-6.0, 0.0, -3.0, 2.0]), np.array([0.0, 2.0, 0.0, -2.0]), TEN_KEV)
    assert passed == pytest.approx([1.0, 0.0, 0.5, 0.0], abs=1e-9)


def test_each_metal_of_the_pattern_is_where_it_should_be_and_has_its_edge() -> None:
    for metal, (y, z, edge) in {
        "Fe": (0.5, 0.5, 7.112),
        "Ni": (-0.5, 0.5, 8.333),
        "Cu": (0.5, -0.5, 8.979),
        "Zn": (-0.5, -0.5, 9.659),
    }.items():
        spot = np.array([y]), np.array([z])
        covered = pattern.coverage(*spot, holder.WIDTH, holder.HEIGHT)
        assert max(covered, key=lambda each: float(covered[each][0])) == metal
        assert covered[metal] > 0.99
        before, behind = (
            holder.transmission(spot[0] + 12.0, spot[1], np.array([edge + offset]))[0] for offset in (-0.02, 0.02)
        )
        assert 0.1 < before - behind < 0.3


def test_the_spot_meets_the_pattern_nowhere_else() -> None:
    y, z = np.array([10.0, 14.0, 12.0, 12.0]), np.array([0.0, 0.0, 1.5, -1.5])
    assert holder.transmission(y, z, TEN_KEV) == pytest.approx(1.0, abs=1e-6)
