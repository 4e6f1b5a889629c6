"""Statistics of regions are those of numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from ronda.framework.errors import BadValue, OutOfRange
from ronda.framework.kernels.regions import STATISTICS, Box, Regions
from tests.framework.kernels.frames import Case, cases


@given(cases(("u2", "u4", "i4", "f4")))
def test_statistics_are_those_of_numpy(case: Case) -> None:
    rows, columns = case.frame.shape
    boxes = [
        Box.all(case.frame.shape),
        Box(columns // 3, rows // 2, columns - columns // 3, rows // 2),
        Box(0, 0, 0, 0),
    ]
    found = Regions(case.frame.shape, case.frame.dtype, boxes, mask=case.mask, limits=case.limits)(case.frame)
    for box, numbers in zip(boxes, found, strict=True):
        part = case.values[box.y : box.y + box.height, box.x : box.x + box.width]
        valid = part[np.isfinite(part)]
        told = dict(zip(STATISTICS, numbers, strict=True))
        assert told["count"] == valid.size
        if not valid.size:
            assert told["sum"] == 0
            assert np.isnan([told[name] for name in ("avg", "std", "min", "max")]).all()
            continue
        assert told["sum"] == pytest.approx(valid.sum(), rel=1e-12)
        assert told["avg"] == pytest.approx(valid.mean(), rel=1e-12)
        assert told["std"] == pytest.approx(valid.std(), rel=1e-9, abs=1e-9 * max(abs(valid).max(), 1))
        assert (told["min"], told["max"]) == (valid.min(), valid.max())


def test_a_flat_bright_region_keeps_its_digits() -> None:
    bright = np.full((100, 100), 4_000_000_000, np.uint32)
    bright[::2] += 2
    std = Regions(bright.shape, bright.dtype, [Box.all(bright.shape)])(bright)[0, 3]
    assert std == pytest.approx(1, abs=1e-7)


def test_a_region_outside_of_the_frame_is_refused() -> None:
    with pytest.raises(OutOfRange, match=r"x 5, y 0, 6 x 2 does not lie on frames of 10 columns and 4 rows; change it"):
        Regions((4, 10), "u2", [Box(5, 0, 6, 2)])


def test_a_frame_of_another_kind_is_refused_in_a_sentence() -> None:
    regions = Regions((4, 10), "u2", [Box(0, 0, 2, 2)])
    with pytest.raises(BadValue, match=r"is prepared for uint16 of 4 x 10, not for float64 of 10 x 4; prepare another"):
        regions(np.zeros((10, 4)))
    with pytest.raises(BadValue, match="the mask is 3 x 3, it must be as the frames, 4 x 10"):
        Regions((4, 10), "u2", [], mask=np.zeros((3, 3)))
    with pytest.raises(BadValue, match="takes arrays of 2 dimensions, not 3"):
        Regions((3,), "u2", [])
    with pytest.raises(BadValue, match="does not compute with complex64; convert the frames to one of uint8, uint16"):
        Regions((4, 10), "c8", [])
    with pytest.raises(BadValue, match="values from 5 to 1 are none; give the lower limit first"):
        Regions((4, 10), "u2", [], limits=(5, 1))
    with pytest.raises(BadValue, match=r"none of the values of uint16 lies from 0.2 to 0.8"):
        Regions((4, 10), "u2", [], limits=(0.2, 0.8))
