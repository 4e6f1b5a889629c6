"""Profiles are the sums of numpy."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from ronda.framework.kernels.profiles import Profiles
from ronda.framework.kernels.regions import Box
from tests.framework.kernels.frames import Case, cases


@given(cases(("u2", "i4", "f4")))
def test_profiles_are_the_sums_of_numpy(case: Case) -> None:
    rows, columns = case.frame.shape
    box = Box(columns // 4, rows // 5, columns // 2, rows // 2)
    found = Profiles(case.frame.shape, case.frame.dtype, box, mask=case.mask, limits=case.limits)(case.frame)
    part = case.values[box.y : box.y + box.height, box.x : box.x + box.width]
    np.testing.assert_allclose(found.along_x, np.nansum(part, axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.along_y, np.nansum(part, axis=1), rtol=1e-12)
    np.testing.assert_array_equal(found.count_x, np.isfinite(part).sum(axis=0))
    np.testing.assert_array_equal(found.count_y, np.isfinite(part).sum(axis=1))
