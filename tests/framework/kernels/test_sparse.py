"""What is kept of a sparse frame is kept to the bit; the rest is its background."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from ronda.framework.errors import BadValue
from ronda.framework.kernels.background import RadialBackground, rings_around
from ronda.framework.kernels.sparse import Sparsifier
from tests.framework.kernels.frames import Case, cases


@given(cases())
def test_what_stands_out_is_kept_to_the_bit(case: Case) -> None:
    rows, columns = case.frame.shape
    background = RadialBackground(
        rings_around(case.frame.shape, columns / 2, rows / 2, 5.0), case.frame.dtype, mask=case.mask, limits=case.limits
    )
    sparsify = Sparsifier(background, cutoff=3.0)
    found = sparsify(case.frame)
    plain = np.array(case.frame, case.frame.dtype.newbyteorder("="))
    seen = np.ones(case.frame.shape, bool) if case.mask is None else case.mask == 0
    level = background.image(found.mean.astype(np.float64) + 3.0 * found.deviation.astype(np.float64))
    with np.errstate(invalid="ignore"):
        clearly = seen & (~case.good | (case.values > level + 1e-5 * np.abs(level) + 1e-5))
        clearly_not = ~seen | (case.good & (case.values < level - 1e-5 * np.abs(level) - 1e-5))
    kept = np.zeros(case.frame.shape, bool)
    kept.ravel()[found.pixel] = True
    assert kept[clearly].all()
    assert not kept[clearly_not].any()
    again = sparsify.restore(found, outside=7)
    assert again.dtype == plain.dtype
    assert again[kept].tobytes() == plain[kept].tobytes()
    mean = background.image(found.mean.astype(np.float64))
    rest = ~kept & seen & np.isfinite(mean)
    close = 0.5 if plain.dtype.kind in "iu" else 1e-6 * np.abs(mean[rest])
    assert (np.abs(again[rest].astype(np.float64) - mean[rest]) <= close).all()
    assert (again[~seen & ~kept] == 7).all()


def test_restored_noise_is_that_of_the_background() -> None:
    frame = np.random.default_rng(2).normal(100, 5, (200, 200)).astype("f4")
    sparsify = Sparsifier(RadialBackground(np.zeros((200, 200), int), "f4"))
    found = sparsify(frame)
    first, same, other = (sparsify.restore(found, seed=seed) for seed in (1, 1, 2))
    assert (first == same).all()
    assert (first != other).any()
    assert first.std() == pytest.approx(5, rel=0.03)
    assert found.nbytes < frame.nbytes / 100


def test_a_wrong_cutoff_is_refused() -> None:
    with pytest.raises(BadValue, match="the cutoff is -1 standard deviations, it must not be below 0"):
        Sparsifier(RadialBackground(np.zeros((5, 5), int), "f4"), cutoff=-1)
