"""Corrected frames are those of numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from ronda.framework.errors import BadValue
from ronda.framework.kernels.corrections import Correction
from tests.framework.kernels.frames import Case, cases


@given(cases(("u2", "i4", "f4")))
def test_corrected_is_raw_minus_dark_over_flat(case: Case) -> None:
    rng = np.random.default_rng(case.seed)
    dark = rng.normal(5, 1, case.frame.shape)
    flat = rng.normal(1, 0.1, case.frame.shape)
    flat[rng.random(flat.shape) < 0.05] = 0
    dark[rng.random(flat.shape) < 0.05] = np.nan
    correct = Correction(case.frame.shape, case.frame.dtype, dark=dark, flat=flat, mask=case.mask, limits=case.limits)
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = (case.values - dark) / np.where(flat > 0, flat, np.nan)
    scale = np.nan_to_num(np.abs(case.values), posinf=0)
    found = correct(case.frame)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(found), np.isnan(exact))
    assert (np.nan_to_num(np.abs(found - exact)) <= 1e-6 * (scale + 10)).all()


def test_nothing_given_corrects_nothing() -> None:
    raw = np.arange(12, dtype="u2").reshape(3, 4)
    np.testing.assert_array_equal(Correction((3, 4), "u2")(raw), raw)


def test_the_result_can_be_put_into_a_given_array() -> None:
    correct = Correction((3, 4), "u2")
    out = np.empty((3, 4), np.float32)
    assert correct(np.ones((3, 4), "u2"), out) is out
    assert (out == 1).all()
    with pytest.raises(BadValue, match="is prepared for float32 of 3 x 4, not for float64 of 3 x 4"):
        correct(np.ones((3, 4), "u2"), np.empty((3, 4)))
