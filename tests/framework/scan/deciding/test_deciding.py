"""Ways to choose points, driven by functions that are known: what they find, how near, and what they refuse."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import NotReady
from ronda.framework.scan.choice import Course, Found
from ronda.framework.scan.deciding.aligning import Aligning
from ronda.framework.scan.deciding.minimising import golden, simplex
from ronda.framework.scan.deciding.optimising import Focusing, Optimising
from ronda.framework.scan.deciding.refining import Refining, divided
from ronda.framework.scan.deciding.summit import extreme


def axis(name: str, digits: int = 4) -> Axis:
    """An axis that is never asked anything."""
    return Axis(Remote(name, f"tango://nowhere/{name}", lambda _: None), {"unit": "mm", "digits": digits})


def drive(course: Course, value: Callable[..., float], most: int = 400) -> tuple[Found | None, list[tuple[float, ...]]]:
    """Measure what is chosen; returns what was found, and all points."""
    points: list[tuple[float, ...]] = []
    try:
        point = next(course)
        while True:
            points.append(point)
            assert len(points) <= most
            point = course.send({"diode": value(*point)})
    except StopIteration as end:
        return end.value, points


def noisy(function: Callable[..., float], noise: float, seed: int = 1) -> Callable[..., float]:
    chance = np.random.default_rng(seed)
    return lambda *point: function(*point) + noise * chance.standard_normal()


def peak(centre: float, width: float, height: float = 1000.0, floor: float = 20.0) -> Callable[[float], float]:
    return lambda x: floor + height * math.exp(-4 * math.log(2) * ((x - centre) / width) ** 2)


def edge(centre: float, width: float, height: float = 1000.0) -> Callable[[float], float]:
    return lambda x: 20 + height * (1 + math.erf(2 * math.sqrt(math.log(2)) * (x - centre) / width)) / 2


@pytest.mark.parametrize("sign", [1, -1])
@settings(max_examples=15)
@given(centre=st.floats(-3.0, 3.0), width=st.floats(0.15, 2.0))
def test_peaks_and_dips_are_found_in_a_range_that_may_be_much_wider(sign, centre, width):
    made = noisy(lambda x: 1500 + sign * peak(centre, width)(x), 5.0)
    found, points = drive(Aligning(axis("x"), "diode", "V", -5.0, 5.0).decide(), made)

    assert found is not None
    # the noise is 0.5 % of the height, and the fit uncertain by some 0.3 % of the width
    assert abs(found.place["x"] - centre) < 0.03 * width
    assert found.errors["x"] < 0.01 * width
    assert found.details["fwhm"] == pytest.approx(width, rel=0.06)
    assert points[-1] == (found.place["x"],)
    assert ("peak" if sign > 0 else "dip") in found.sentence
    assert all(-5 <= x <= 5 for (x,) in points)


@pytest.mark.parametrize("sign", [1, -1])
@settings(max_examples=15)
@given(centre=st.floats(-3.0, 3.0), width=st.floats(0.02, 2.0))
def test_edges_are_found_where_they_have_half_their_height(sign, centre, width):
    found, _ = drive(
        Aligning(axis("x"), "diode", "V", -5.0, 5.0).decide(), noisy(edge(centre, width, sign * 1000), 3.0)
    )

    assert found is not None
    assert abs(found.place["x"] - centre) < 0.05 * width
    assert "the edge of diode is at" in found.sentence


def test_where_there_is_only_noise_nothing_is_found_and_it_says_where_it_looked():
    with pytest.raises(NotReady, match=r"there is no signal, .* at 65 points from -5.0000 to 5.0000 mm; is there beam"):
        drive(Aligning(axis("x"), "diode", "V", -5.0, 5.0).decide(), lambda x: 7.0)


@pytest.mark.parametrize("seed", range(8))
def test_noise_is_not_taken_for_a_peak(seed):
    with pytest.raises(NotReady, match="diode over x: "):
        drive(Aligning(axis("x"), "diode", "V", -5.0, 5.0).decide(), noisy(lambda x: 100.0, 10.0, seed))


@settings(max_examples=15)
@given(x=st.floats(-0.9, 0.9), y=st.floats(-0.9, 0.9))
def test_the_simplex_goes_the_way_that_scipy_goes(x, y):
    def function(point):
        return (point[0] - x) ** 2 + 3 * (point[1] - y) ** 2 + 0.5 * point[0] * point[1]

    asked: list[tuple[float, ...]] = []
    course = simplex([0.0, 0.0], [0.2, -0.3], [(-1, 1), (-1, 1)], 0.01, 300)
    try:
        point = next(course)
        while True:
            asked.append(point)
            point = course.send(function(point))
    except StopIteration as end:
        found = end.value
    went: list[tuple[float, ...]] = []

    def straight(corner):
        point = (0.2 * corner[0], 0.3 * corner[1])
        went.append(point)
        return function(point)

    options = {"initial_simplex": [[0, 0], [1, 0], [0, -1]], "xatol": 0.01, "fatol": np.inf, "maxfev": 300}
    minimize(straight, [0, 0], method="Nelder-Mead", bounds=[(-5, 5), (-1 / 0.3, 1 / 0.3)], options=options)
    assert np.array(asked) == pytest.approx(np.array(went), abs=1e-9)
    assert found.converged


def test_minimisers_ask_for_no_more_points_than_they_may():
    for course in (simplex([0.0], [0.1], [(-9, 9)], 1e-9, 12), golden(-1.0, 2.0, 1e-12, 12)):
        asked, found = 0, None
        try:
            point = next(course)
            while True:
                asked += 1
                point = course.send(abs(point[0] - 1.234) ** 1.1)
        except StopIteration as end:
            found = end.value
        assert asked <= 13
        assert not found.converged


@settings(max_examples=15)
@given(x=st.floats(-2.0, 2.0), y=st.floats(-0.02, 0.02))
def test_several_axes_are_optimised_without_anybody_saying_how_far_they_should_step(x, y):
    made = noisy(lambda a, b: 1000 * math.exp(-((a - x) ** 2) / 4 - ((b - y) / 0.04) ** 2), 5.0)
    optimising = Optimising(
        [axis("a"), axis("b", 6)],
        "diode",
        "V",
        lowest=False,
        bounds=[(-50.0, 50.0), (-1.0, 1.0)],
        start=(0.0, 0.0),
        steps=None,
        precision=None,
        most=200,
    )
    found, points = drive(optimising.decide(), made, 200)

    assert found is not None
    assert abs(found.place["a"] - x) < 0.4
    assert abs(found.place["b"] - y) < 0.008
    assert points[-1] == (found.place["a"], found.place["b"])
    assert found.details["diode"] > 930


def test_one_axis_is_optimised_within_its_width_also_downwards():
    optimising = Optimising(
        [axis("a")],
        "diode",
        "V",
        lowest=True,
        bounds=[(-1.0, 3.0)],
        start=(1.0,),
        steps=[1.0],
        precision=[0.01],
        most=60,
    )
    found, points = drive(optimising.decide(), noisy(lambda a: 50 + 30 * (a - 0.4) ** 2, 0.05))

    assert found is not None
    assert abs(found.place["a"] - 0.4) < 0.03
    assert "diode is lowest" in found.sentence
    assert all(-1 <= a <= 3 for (a,) in points)


def test_an_axis_that_changes_nothing_is_not_optimised():
    optimising = Optimising(
        [axis("a"), axis("b")],
        "diode",
        "V",
        lowest=False,
        bounds=[(-5.0, 5.0)] * 2,
        start=(0.0, 0.0),
        steps=None,
        precision=None,
        most=200,
    )
    with pytest.raises(
        NotReady, match=r"does not change by more than its noise while b goes from -5.0000 to 5.0000 mm"
    ):
        drive(optimising.decide(), lambda a, b: 100 - a * a)


def test_an_optimum_at_the_end_of_the_range_is_told():
    optimising = Optimising(
        [axis("a")],
        "diode",
        "V",
        lowest=False,
        bounds=[(-1.0, 1.0)],
        start=(0.0,),
        steps=[0.5],
        precision=[1e-4],
        most=60,
    )
    found, _ = drive(optimising.decide(), lambda a: 10 * a)
    assert found is not None
    assert found.sentence.endswith("a is at the end of where it may go")


@settings(max_examples=25)
@given(focus=st.floats(-2.0, 2.0))
def test_the_focus_is_where_a_width_is_smallest(focus):
    made = noisy(lambda z: 20 * math.hypot(1, z - focus), 0.05)
    focusing = Focusing(axis("z"), "diode", "px", lowest=True, low=-4.0, high=4.0, precision=None, most=79)
    found, points = drive(focusing.decide(), made, 79)

    assert found is not None
    assert abs(found.place["z"] - focus) < 0.06
    assert points[-1] == (found.place["z"],)


def test_a_focus_beyond_the_range_is_not_found():
    focusing = Focusing(axis("z"), "diode", "px", lowest=True, low=1.0, high=4.0, precision=None, most=79)
    with pytest.raises(NotReady, match=r"is lowest at 1.0000 mm, an end of what was measured; look farther"):
        drive(focusing.decide(), lambda z: 20 * math.hypot(1, z))


def test_a_value_that_is_missing_ends_the_choosing():
    course = Aligning(axis("x"), "diode", "V", -5.0, 5.0).decide()
    next(course)
    with pytest.raises(NotReady, match="diode: is nan at a point, so nobody can say where to go on"):
        course.send({"diode": math.nan})


@given(
    st.integers(1, 3),
    st.integers(0, 1000),
)
def test_the_minimum_of_a_paraboloid_is_found_within_its_error(k, seed):
    chance = np.random.default_rng(seed)
    root = chance.uniform(-1, 1, (k, k)) + 2 * np.eye(k)
    bend, place = root @ root.T, chance.uniform(-0.2, 0.2, k)
    x = chance.uniform(-1, 1, (80, k))
    y = 5 + ((x - place) @ bend * (x - place)).sum(axis=1) + 0.02 * chance.standard_normal(80)
    found = extreme(x, y)

    assert found is not None
    assert np.all(np.abs(found[0] - place) < 8 * found[1] + 1e-6)
    assert np.all(found[1] < 0.05)


def test_no_minimum_is_made_up():
    x = np.linspace(-1, 1, 20)[:, None]
    assert extreme(x, -(x[:, 0] ** 2)) is None
    assert extreme(x, x[:, 0]) is None
    assert extreme(x[:3], x[:3, 0] ** 2) is None
    assert extreme(np.zeros((9, 1)), np.arange(9.0)) is None


def test_a_mesh_becomes_fine_where_the_values_change():
    rows = (tuple(np.linspace(0, 2, 5)), tuple(np.linspace(-1, 1, 5)))
    found, points = drive(
        Refining("diode", rows, 300).decide(), lambda x, y: 1 / (1 + math.exp(-(math.hypot(x, y - 1) - 0.5) / 0.02))
    )
    assert found is None
    assert len(points) == len(set(points)) == 300
    x, y = np.array(points).T
    assert np.all((np.abs(x) <= 1) & (np.abs(y - 1) <= 1))
    near = np.abs(np.hypot(x, y - 1) - 0.5) < 0.1
    assert near[25:].mean() > 0.6  # this ring is 0.157 of the area


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_flat_values_are_covered_evenly(seed):
    chance = np.random.default_rng(seed)
    lattice = np.array([(x, y) for x in np.linspace(0, 1, 4) for y in np.linspace(0, 1, 4)])
    places = lattice
    for _ in range(60):
        chosen = divided(places, 0.0 * chance.random(len(places)))
        assert chosen is not None
        places = np.vstack([places, chosen])
    counts, _, _ = np.histogram2d(*places[16:].T, bins=2)
    assert counts.min() > 5
