"""Frames as detectors give them: random, with saturated, dead and masked pixels, NaN, empty, in any layout of memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

LAYOUTS = ("plain", "read-only", "fortran", "strided", "reversed", "swapped", "unaligned")


@dataclass
class Case:
    """A frame, which of its pixels are masked, and which values count."""

    frame: np.ndarray
    mask: np.ndarray | None
    limits: tuple[float, float] | None
    seed: int

    @property
    def good(self) -> np.ndarray:
        """Which pixels count, said in numpy."""
        plain = np.array(self.frame, self.frame.dtype.newbyteorder("="))
        good = np.isfinite(plain)
        if self.limits is not None:
            good &= (plain >= self.limits[0]) & (plain <= self.limits[1])
        return good if self.mask is None else good & (self.mask == 0)

    @property
    def values(self) -> np.ndarray:
        """The frame in float64, NaN where a pixel does not count."""
        return np.where(self.good, self.frame.astype(np.float64), np.nan)


def laid_out(frame: np.ndarray, layout: str) -> np.ndarray:
    """The same values in another layout."""
    if layout == "read-only":
        frame = frame.copy()
        frame.flags.writeable = False
    elif layout == "fortran":
        frame = np.asfortranarray(frame)
    elif layout == "strided":
        wide = np.zeros((2 * frame.shape[0], 3 * frame.shape[1]), frame.dtype)
        wide[::2, ::3] = frame
        frame = wide[::2, ::3]
    elif layout == "reversed":
        frame = frame[::-1, ::-1].copy()[::-1, ::-1]
    elif layout == "swapped":
        frame = frame.astype(frame.dtype.newbyteorder(">"))
    elif layout == "unaligned":
        frame = np.frombuffer(b"x" + frame.tobytes(), frame.dtype, offset=1).reshape(frame.shape)
    return frame


@st.composite
def cases(draw: st.DrawFn, dtypes: tuple[str, ...] = ("u2", "f4"), shape: tuple[int, int] | None = None) -> Case:
    """Any of them."""
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    sides = shape or draw(st.tuples(st.integers(0, 40), st.integers(0, 40)))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    level = draw(st.sampled_from([0, 0.3, 20, 3000]))
    frame = rng.poisson(level, sides).astype(dtype)
    if draw(st.booleans()):  # far from zero, where squares of small differences drown
        frame += dtype.type(60000)
    saturated = np.iinfo(dtype).max if dtype.kind in "iu" else 1e9
    frame[rng.random(sides) < draw(st.sampled_from([0, 0.02, 1]))] = saturated
    if dtype.kind == "f":
        odd = rng.choice([np.nan, np.inf, -np.inf], sides)
        frame = np.where(rng.random(sides) < draw(st.sampled_from([0, 0.05])), odd, frame).astype(dtype)
    if dtype.kind == "i":
        frame[rng.random(sides) < 0.02] = -2
    mask = None
    if draw(st.booleans()):
        mask = (rng.random(sides) < draw(st.sampled_from([0.1, 1]))).astype(np.uint8)
    limits = draw(st.sampled_from([None, (0, min(saturated - 1, 1e8))]))
    return Case(laid_out(frame, draw(st.sampled_from(LAYOUTS))), mask, limits, seed)
