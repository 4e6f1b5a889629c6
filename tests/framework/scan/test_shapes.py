"""Where the points of each shape lie, against the formulas in the docstrings, worked out in another way."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.framework.errors import BadValue
from ronda.framework.scan.shapes import line, logarithmic, mesh, spiral, spiral_fermat

places = st.floats(-1e3, 1e3)
sizes = st.floats(0.1, 10)


@given(places, places, st.integers(1, 500))
def test_a_line_has_one_point_more_than_intervals_and_even_steps(start, stop, intervals):
    points = np.array(line(start, stop, intervals))

    assert len(points) == intervals + 1
    assert (points[0], points[-1]) == (start, stop)
    assert np.diff(points) == pytest.approx((stop - start) / intervals, abs=1e-9)


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.integers(1, 200), st.sampled_from([1, -1]))
def test_logarithmic_steps_have_one_factor_and_exact_ends(start, stop, intervals, sign):
    points = np.array(logarithmic(sign * start, sign * stop, intervals))

    assert (points[0], points[-1]) == (sign * start, sign * stop)
    assert np.diff(np.log(np.abs(points))) == pytest.approx(math.log(stop / start) / intervals, abs=1e-9)


@pytest.mark.parametrize("ends", [(0, 1), (1, 0), (-1, 1)])
def test_no_factor_leads_across_zero(ends):
    with pytest.raises(BadValue, match="both ends should be above 0, or both below"):
        logarithmic(*ends, 5)


@given(st.lists(places, min_size=1, max_size=8), st.lists(places, min_size=1, max_size=8), st.booleans())
def test_a_mesh_visits_each_place_once_and_the_last_axis_is_the_fast_one(slow, fast, backnforth):
    points = list(mesh([slow, fast], backnforth=backnforth))
    rows = np.array(points).reshape(len(slow), len(fast), 2)

    assert np.array_equal(rows[:, :, 0], np.repeat(np.array(slow)[:, None], len(fast), axis=1))
    for number, row in enumerate(rows[:, :, 1]):
        assert row.tolist() == (fast[::-1] if backnforth and number % 2 else fast)


@given(sizes, sizes, st.floats(0.05, 1), st.integers(1, 12))
def test_a_spiral_is_rings_of_evenly_spaced_points(width, height, dr, nth):
    points = np.array(list(spiral(width, height, dr, nth)))
    radii = np.hypot(*points.T)

    assert points[0].tolist() == [0, 0]
    assert (np.abs(points) <= np.array([width, height]) / 2 * (1 + 1e-9)).all()
    assert radii / dr == pytest.approx(np.round(radii / dr), abs=1e-6)
    for ring in range(1, int(min(width, height) / 2 / dr * (1 - 1e-9)) + 1):  # those that lie wholly inside
        on_ring = points[np.isclose(radii, ring * dr)]
        assert len(on_ring) == ring * nth
        angles = np.sort(np.arctan2(on_ring[:, 1], on_ring[:, 0]) % (2 * math.pi))
        assert np.diff(angles) == pytest.approx(2 * math.pi / (ring * nth), abs=1e-6)


@given(sizes, sizes, st.floats(0.1, 1), st.floats(0.5, 3))
def test_each_point_of_a_fermat_spiral_covers_the_same_area(width, height, dr, factor):
    points = np.array(list(spiral_fermat(width, height, dr, factor)))
    turn = complex(math.cos(2.399963229728653), math.sin(2.399963229728653))  # the golden angle

    numbers = np.round(np.hypot(*points.T) ** 2 / (dr / factor) ** 2).astype(int)
    expected = np.array([dr / factor * math.sqrt(n) * turn**n for n in numbers.tolist()])
    assert points[:, 0] + 1j * points[:, 1] == pytest.approx(expected, abs=1e-6)
    assert (np.abs(points) <= np.array([width, height]) / 2 * (1 + 1e-9)).all()
    inside = min(width, height) / 2
    assert set(range(int((inside / (dr / factor) * (1 - 1e-9)) ** 2))) <= set(numbers.tolist())
