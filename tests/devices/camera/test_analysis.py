"""Statistics of regions are those of numpy, and nothing is compiled once they are prepared."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ronda.devices.camera.analysis import STATISTICS, RegionStatistics
from ronda.devices.camera.contract import RoiParameters
from ronda.framework.errors import OutOfRange
from ronda.framework.kernels import regions

FRAMES = st.sampled_from(["<u2", ">u2", "u1", "<i4", "<u8"]).flatmap(
    lambda dtype: arrays(dtype, array_shapes(min_dims=2, max_dims=2, max_side=30))
)


@given(FRAMES, st.data())
def test_statistics_of_regions_are_those_of_numpy(frame: np.ndarray, data: st.DataObject) -> None:
    rows, columns = frame.shape
    rois = {}
    for name in data.draw(st.sets(st.sampled_from("abc"))):
        x, y = data.draw(st.integers(0, columns - 1)), data.draw(st.integers(0, rows - 1))
        width, height = data.draw(st.integers(1, columns - x)), data.draw(st.integers(1, rows - y))
        rois[name] = RoiParameters(x=x, y=y, width=width, height=height)
    statistics = RegionStatistics()
    for _ in range(2):  # the second time by what was prepared the first time
        found = statistics(frame, rois)
        assert set(found) == {f"{name}_{each}" for name in rois for each in STATISTICS}
        for name, roi in rois.items():
            exact = frame[roi.y : roi.y + roi.height, roi.x : roi.x + roi.width].astype(np.float64)
            assert found[f"{name}_sum"] == pytest.approx(exact.sum(), rel=1e-12)
            assert found[f"{name}_avg"] == pytest.approx(exact.mean(), rel=1e-12)
            assert found[f"{name}_std"] == pytest.approx(exact.std(), abs=1e-9 * (1 + abs(exact).max()))
            assert (found[f"{name}_min"], found[f"{name}_max"]) == (exact.min(), exact.max())


def test_nothing_is_compiled_once_they_are_prepared() -> None:
    statistics = RegionStatistics()
    statistics.prepare("<u2")
    kernel = regions._regions
    before = kernel.compilations
    for shape in ((10, 20), (30, 7)):
        for width in (2, 5):
            statistics(np.ones(shape, "<u2"), {"a": RoiParameters(x=0, y=0, width=width, height=3)})
    assert kernel.compilations == before


def test_a_region_beside_the_frame_is_refused() -> None:
    with pytest.raises(OutOfRange, match="does not lie on frames of 5 columns and 4 rows"):
        RegionStatistics()(np.ones((4, 5), "<u2"), {"a": RoiParameters(x=3, y=0, width=3, height=1)})


def test_numba_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, ronda.devices.camera.device; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
