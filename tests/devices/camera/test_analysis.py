"""Statistics of a region are those of numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from ronda.devices.camera.analysis import region_statistics


@given(arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=30)))
def test_statistics_of_a_region_are_those_of_numpy(region: np.ndarray) -> None:
    found = region_statistics(region)
    exact = region.astype(np.float64)
    assert found["sum"] == exact.sum()
    assert found["avg"] == pytest.approx(exact.mean())
    assert found["std"] == pytest.approx(exact.std(), abs=1e-9)
    assert (found["min"], found["max"]) == (exact.min(), exact.max())
