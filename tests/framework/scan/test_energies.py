"""Regions of absorption spectra: energies, wave numbers and exposure times."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.framework.errors import BadValue
from ronda.framework.scan.energies import energy_of, spectrum, wave_number

edges = st.floats(2, 30)


@given(edges, st.floats(0, 25))
def test_k_and_energy_belong_together_by_the_mass_of_the_electron(edge, k):
    """k² · 3.80998 eV Å² is the energy above the edge; 0.2624683 is the inverse in every book."""
    energy = energy_of(k, edge)

    assert 0.2624683 * 1000 * (energy - edge) == pytest.approx(k**2, rel=1e-5, abs=1e-9)
    assert wave_number(energy, edge) == pytest.approx(k, rel=1e-6, abs=1e-4)
    assert math.isnan(wave_number(edge - 0.001, edge))


@given(edges, st.integers(2, 20), st.floats(0.5, 3), st.floats(0.02, 0.5), st.sampled_from([0, 1, 2]))
def test_regions_follow_one_another_and_share_their_ends(edge, steps, k0, dk, weight):
    shared = 1000 * (energy_of(k0, edge) - edge)
    found = spectrum("x", edge, [(-50, shared, 2, 0.1), (k0, k0 + steps * dk, dk, 0.5, "k", weight)])
    energies, wave_numbers, times = map(np.array, found)

    assert (np.diff(energies) > 0).all()
    assert energies[0] == pytest.approx(edge - 0.05)
    in_k = wave_numbers[-steps:]
    assert in_k == pytest.approx(k0 + dk * np.arange(1, steps + 1), abs=1e-6)
    assert times[-steps:] == pytest.approx(0.5 * (in_k / k0) ** weight, rel=1e-5)
    assert set(times[:-steps]) == {0.1}
    assert len(energies) - steps == max(round((shared + 50) / 2), 1) + 1


def test_absolute_energies_may_be_given():
    found = spectrum("x", 8.979, [(8.9, 9.0, 0.05, 0.1, "keV")])

    assert found.energies == pytest.approx([8.9, 8.95, 9.0])


@pytest.mark.parametrize(
    ("regions", "complaint"),
    [
        ([], "x: regions should be a list such as"),
        ([(1, 2, 3)], r"x: region 1 should be \(start, stop, step, time, unit, weight\)"),
        ([(1, 2, 1, 0.1, "Hz")], "x: region 1: the unit should be one of eV, keV, k, not 'Hz'"),
        ([(2, 1, 1, 0.1)], "x: region 1: start 2 should be below stop 1"),
        ([(0, 10, 1, 0.1), (5, 20, 1, 0.1)], "x: region 2 begins at 8.984 keV, below 8.989 keV where the"),
        ([(0, 10, 0, 0.1)], "x: region 1: step should be above 0"),
        ([(0, 10, 1, 0)], "x: region 1: the exposure time should be a number of seconds above 0"),
        ([(0, 10, 1, 0.1, "k", 1)], "x: region 1: only a region in k that begins above 0 can have a weight"),
        ([(-1, 10, 1, 0.1, "k")], "x: region 1: k begins at 0, not at -1"),
        ([(-9000, 10, 1, 0.1)], "x: region 1: -9000 eV from the edge is no energy"),
        ([(0, 1, 1e-9, 0.1)], "x: region 1: has more than 100000 points"),
    ],
)
def test_regions_that_mean_nothing_are_refused(regions, complaint):
    with pytest.raises(BadValue, match=complaint):
        spectrum("x", 8.979, regions)
