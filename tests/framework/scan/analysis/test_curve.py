"""Peaks, dips and edges of known formulas: where they are said to be."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.framework.errors import BadValue
from ronda.framework.scan.analysis.curve import Curve
from ronda.framework.scan.analysis.fits import fit

centres = st.floats(-0.5, 0.5)
widths = st.floats(0.4, 1.5)
heights = st.floats(1, 1e6)
floors = st.floats(-1e3, 1e3)
signs = st.sampled_from([1, -1])

X = np.linspace(-3, 3, 121)


def gaussian(centre, fwhm):
    return np.exp(-4 * math.log(2) * ((X - centre) / fwhm) ** 2)


@given(centres, widths, heights, floors, signs)
def test_a_gaussian_peak_or_dip_is_where_it_is(centre, fwhm, height, floor, sign):
    curve = Curve.of(X, floor + sign * height * gaussian(centre, fwhm))

    assert curve.form == ("peak" if sign > 0 else "dip")
    assert curve.cen == pytest.approx(centre, abs=2e-3)
    assert curve.fwhm == pytest.approx(fwhm, rel=0.03)
    assert curve.com == pytest.approx(centre, abs=2e-3)
    assert (curve.peak if sign > 0 else curve.trough) == pytest.approx(centre, abs=0.026)


@given(centres, widths, heights, floors, signs)
def test_an_edge_is_at_its_half_height_and_has_no_width(centre, fwhm, height, floor, sign):
    step = np.array([math.erf(2 * math.sqrt(math.log(2)) * (x - centre) / fwhm) for x in X])
    curve = Curve.of(X, floor + sign * height * step)

    assert curve.form == "edge"
    assert curve.cen == pytest.approx(centre, abs=5e-3)
    with pytest.raises(BadValue, match=r"is an edge at .* and has no full width; fit an error function"):
        curve.fwhm  # noqa: B018 - asking is what fails


@given(st.floats(0.3, 2.0), st.floats(-0.5, 0.5), st.integers(0, 99))
def test_a_box_ends_between_the_points_of_its_flanks(width, centre, seed):
    x = np.sort(np.random.default_rng(seed).uniform(-3, 3, 200))
    curve = Curve.of(x, (np.abs(x - centre) < width / 2) * 1.0)
    step = np.diff(x).max()

    assert curve.cen == pytest.approx(centre, abs=step)
    assert curve.fwhm == pytest.approx(width, abs=2 * step)


@given(st.permutations(range(15)), centres)
def test_the_order_of_points_does_not_matter_and_those_without_a_value_are_left_out(order, centre):
    x = np.linspace(-2, 2, 15)
    y = np.exp(-((x - centre) ** 2))
    shuffled = Curve.of(np.append(x[list(order)], 0.0), np.append(y[list(order)], math.nan))

    assert shuffled.cen == Curve.of(x, y).cen


def test_a_curve_without_signal_is_refused():
    with pytest.raises(BadValue, match="scan 3: there is no signal, all values are 5"):
        Curve.of([0, 1, 2], [5, 5, 5], "scan 3").cen  # noqa: B018 - asking is what fails
    with pytest.raises(BadValue, match="has 2 points; 3 at least are needed"):
        Curve.of([0, 1, 2], [5, math.nan, 5])


def has_signal(x, y):
    try:
        Curve.of(x, y).require_signal()
    except BadValue:
        return False
    return True


def test_noise_is_told_from_a_signal():
    random = np.random.default_rng(7)
    x = np.linspace(0, 1, 40)
    noise = random.poisson(1000, (200, 40))
    assert sum(has_signal(x, y) for y in noise) < 20  # of 200
    for y in noise:
        assert has_signal(x, y + 600 * gaussian(0, 1)[41:81])
        lonely = y.copy()
        lonely[17] += 5000  # narrower than a step
        assert has_signal(x, lonely)


@pytest.mark.parametrize("background", ["none", "constant", "linear"])
@pytest.mark.parametrize("shape", ["gauss", "lorentz", "pseudo_voigt", "erf"])
def test_a_fit_finds_the_values_of_its_formula_within_its_errors(shape, background):
    random = np.random.default_rng([len(shape), len(background)])
    for _ in range(3):
        centre, fwhm, sign = random.uniform(-0.5, 0.5), random.uniform(0.4, 1.2), random.choice([1, -1])
        bell = gaussian(centre, fwhm)
        hill = 1 / (1 + 4 * ((X - centre) / fwhm) ** 2)
        edge = np.array([(1 + math.erf(2 * math.sqrt(math.log(2)) * (x - centre) / fwhm)) / 2 for x in X])
        height = sign * 1e4
        y = height * {"gauss": bell, "lorentz": hill, "pseudo_voigt": 0.4 * hill + 0.6 * bell, "erf": edge}[shape]
        true = {"centre": centre, "fwhm": fwhm, "height": height}
        if shape == "pseudo_voigt":
            true["fraction"] = 0.4
        if background != "none":
            y = y + 2e4
            true["offset"] = 2e4
        if background == "linear":
            y = y + 300 * X
            true["slope"] = 300
        found = fit(Curve.of(X, y + random.normal(0, 30, len(X)), "a test"), shape, background, units=("mm", "count"))

        assert list(found.values) == list(true)
        for name, value in true.items():
            assert abs(found.values[name] - value) < 5 * found.errors[name], (name, found)
        assert found(X) == pytest.approx(y, abs=200)
        assert f"a test: {shape}" in found.__info__()


def test_counts_are_weighted_by_their_number():
    random = np.random.default_rng(3)
    y = random.poisson(20 + 500 * gaussian(0.2, 0.6)).astype(float)

    found = fit(Curve.of(X, y), counts=True)
    assert 0.6 < found.chi2 < 1.5
    assert found.centre == pytest.approx(0.2, abs=5 * found.errors["centre"])


def test_what_cannot_be_fitted_is_refused():
    curve = Curve.of([0, 1, 2, 3], [0, 2, 1, 0], "scan 3")
    with pytest.raises(BadValue, match="there is no shape 'box'; there are gauss, lorentz, pseudo_voigt, erf"):
        fit(curve, "box")
    with pytest.raises(BadValue, match="there is no background 'cubic'; there are none, constant, linear"):
        fit(curve, background="cubic")
    with pytest.raises(BadValue, match="scan 3: 4 points do not tell 4 parameters of gauss; measure more"):
        fit(curve)
