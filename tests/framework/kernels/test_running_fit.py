"""A running fit ends at the fit of all points at once, and tells its uncertainty on the way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from ronda.framework.errors import BadValue
from ronda.framework.kernels.running_fit import RunningFit
from ronda.framework.scan.analysis.fits import SHAPES

TRUE = {"centre": 0.4, "fwhm": 1.7, "height": 900.0}


def points(shape: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A scan over it, with a background of 50 and a noise of 5."""
    x = np.linspace(-4, 4, 61)
    more = {"fraction": 0.4} if shape == "pseudo_voigt" else {}
    return x, SHAPES[shape](x, **TRUE, **more) + 50 + np.random.default_rng(seed).normal(0, 5, x.size)


@settings(max_examples=12)
@given(st.sampled_from(["gauss", "pseudo_voigt", "erf"]), st.integers(0, 99), st.sampled_from([1, 7, 25]))
def test_the_last_fit_is_that_of_scipy(shape: str, seed: int, block: int) -> None:
    x, y = points(shape, seed)
    running = RunningFit(shape)
    for begin in range(0 if block > 1 else 50, len(x), block):  # point by point only at the end: each costs a fit
        start = 0 if begin == 50 and block == 1 else begin
        running.add(x[start : begin + block], y[start : begin + block])
    found = running.latest
    assert found is not None
    names = [*TRUE, *(["fraction"] if shape == "pseudo_voigt" else []), "offset"]

    def model(at: np.ndarray, *values: float) -> np.ndarray:
        return SHAPES[shape](at, *values[:-1]) + values[-1]

    guess = [0.0, 1.0, 500.0, *([0.5] if shape == "pseudo_voigt" else []), 0.0]
    exact, covariance = curve_fit(model, x, y, guess)
    for name, value, error in zip(names, exact, np.sqrt(np.diag(covariance)), strict=True):
        assert found.values[name] == pytest.approx(value, abs=0.02 * error)
        assert found.errors[name] == pytest.approx(error, rel=0.05)


@settings(max_examples=15)
@given(st.sampled_from(["gauss", "lorentz", "erf"]), st.sampled_from(["masked", "saturated"]), st.integers(0, 9999))
def test_masked_and_saturated_points_are_fitted_as_by_scipy(shape: str, how: str, seed: int) -> None:
    x, y = points(shape, seed)
    if how == "masked":
        y[np.random.default_rng(seed).random(x.size) < 0.2] = np.nan
    else:
        y = np.minimum(y, 50 + 0.9 * TRUE["height"])
    running = RunningFit(shape)
    for begin in range(0, len(x), 20):
        running.add(x[begin : begin + 20], y[begin : begin + 20])
    found = running.latest
    assert found is not None
    good = np.isfinite(y)

    def model(at: np.ndarray, *values: float) -> np.ndarray:
        return SHAPES[shape](at, *values[:-1]) + values[-1]

    exact, covariance = curve_fit(model, x[good], y[good], [0.0, 1.0, 500.0, 0.0])
    for name, value, error in zip([*TRUE, "offset"], exact, np.sqrt(np.diag(covariance)), strict=True):
        assert found.values[name] == pytest.approx(value, abs=0.02 * error)
        assert found.errors[name] == pytest.approx(error, rel=0.05)


@given(st.sampled_from(sorted(SHAPES)), st.integers(0, 40), st.sampled_from([np.nan, np.inf, 7.0]))
def test_points_without_a_signal_have_no_fit_of_any_shape(shape: str, number: int, value: float) -> None:
    running = RunningFit(shape)
    assert running.add(np.arange(float(number)), np.full(number, value)) is None
    assert running.why
    assert len(running) == number


def test_the_uncertainty_shrinks_as_points_come() -> None:
    rng = np.random.default_rng(1)
    running = RunningFit(units=("mm", "count"))
    errors = []
    for _ in range(4):
        x = rng.uniform(-4, 4, 60)
        found = running.add(x, SHAPES["gauss"](x, **TRUE) + 50 + rng.normal(0, 5, 60))
        assert found is not None
        errors.append(found.errors["centre"])
    assert errors[-1] < 0.7 * errors[0]
    assert len(running) == 240


def test_without_signal_there_is_no_fit_and_it_says_why() -> None:
    running = RunningFit(who="diode over samx")
    assert running.why == "diode over samx: has no points yet"
    assert running.add(0.0, 1.0) is None
    assert running.why == "diode over samx: has 1 points; 3 at least are needed"
    assert running.add([1.0, 2.0, 3.0], [1.0, np.nan, 1.0]) is None
    assert "there is no signal, all values are 1" in running.why
    running.clear()
    x, y = points("gauss", 3)
    assert running.add(x, y) is not None
    assert running.why == ""


def test_a_first_bump_of_noise_does_not_hold_the_fit() -> None:
    x, y = points("gauss", 4)
    y[2] += 60  # a spike far from the peak, which comes first
    running = RunningFit()
    for begin in range(0, len(x), 4):
        running.add(x[begin : begin + 4], y[begin : begin + 4])
    assert running.latest is not None
    assert running.latest.centre == pytest.approx(TRUE["centre"], abs=0.05)


def test_wrong_questions_are_refused() -> None:
    with pytest.raises(BadValue, match="there is no shape 'step'; there are gauss, lorentz"):
        RunningFit("step")
    with pytest.raises(BadValue, match="there is no background 'cubic'; there are none, constant, linear"):
        RunningFit(background="cubic")
    with pytest.raises(BadValue, match=r"points are as many positions as values, not \(2,\) and \(3,\)"):
        RunningFit().add([1, 2], [1, 2, 3])
