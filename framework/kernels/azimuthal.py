"""Azimuthal integration of frames, in one and two dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue
from ronda.framework.kernels.compiling import kernel
from ronda.framework.kernels.frames import Array, Floats, Frames
from ronda.framework.kernels.geometry import Geometry, Unit
from ronda.framework.kernels.splitting import Grid, Parts, boxes, polygons

Splitting = Literal["no", "bbox", "full"]

INTERLEAVED = 8192
"""Up to so many bins neighbours are added to histograms of their own, so that one need not wait for the other."""


@dataclass(frozen=True)
class Integrated:
    """An integrated frame. Arrays have the shape (bins,), in two dimensions (azimuthal bins, radial bins).

    Attributes:
        radial: middle of the radial bins, in the unit of the integrator.
        azimuthal: middle of the azimuthal bins, in degrees; None in one dimension.
        intensity: (Σ parts · (raw − dark)) / norm, in counts of a pixel at normal incidence; NaN in bins without
        pixels. sigma: its standard deviation by counting statistics, √(Σ parts² · raw) / norm.
        signal: Σ parts · (raw − dark), in counts.
        norm: Σ parts · flat · solid angle · polarisation.
        count: Σ parts, in pixels.
    """

    radial: Floats
    azimuthal: Floats | None
    intensity: Floats
    sigma: Floats
    signal: Floats
    norm: Floats
    count: Floats


class Integrator:
    """Integrates frames of one shape and dtype; not for several threads at a time, give each its own.

    Formulas are those of pyFAI (G. Ashiotis et al., J. Appl. Cryst. 48 (2015) 510, and its `integrate1d_ng`): the
    corrections are summed as a norm of their own and do not weight the counts. As both sums of corrections are known
    before the frame, a frame costs one addition for each pixel, or for each part of a pixel.
    """

    def __init__(
        self,
        geometry: Geometry,
        dtype: npt.DTypeLike,
        bins: int,
        azimuthal_bins: int | None = None,
        *,
        unit: Unit = "q_nm^-1",
        splitting: Splitting = "no",
        radial_range: tuple[float, float] | None = None,
        azimuthal_range: tuple[float, float] | None = None,
        mask: Any | None = None,
        limits: tuple[float, float] | None = None,
        dark: Any | None = None,
        flat: Any | None = None,
        solid_angle: bool = True,
        polarisation: float | None = None,
    ) -> None:
        """Prepare and compile.

        Args:
            geometry: of the detector; frames have its shape.
            dtype: of the frames: one of `frames.DTYPES`.
            bins: radial ones.
            azimuthal_bins: None for one dimension.
            unit: of radial positions: one of `geometry.UNITS`.
            splitting: to which bins a pixel belongs: `no`, to that of its middle; `bbox`, by the part of the box around
                its corners; `full`, by the area of the quadrangle of its corners (one dimension only).
            radial_range: lower and upper edge, in the unit; None: all of the valid pixels, with splitting
                to their outermost corners.
            azimuthal_range: the same in degrees; None: −180 to 180. Pixels are left out, or split, as radially.
            mask: not 0 where a pixel is left out.
            limits: least and largest value that count; what others there are is left out of the norm too.
            dark: counts that each pixel has without light.
            flat: relative efficiency of each pixel.
            solid_angle: correct for the solid angle of pixels.
            polarisation: factor to correct for, from −1 to 1; None: do not.

        Raises:
            BadValue: a wrong shape, dtype, unit, range or number of bins.
        """
        self.frames = Frames.of("azimuthal integration", geometry.shape, dtype)
        who = self.frames.who
        if bins < 1 or (azimuthal_bins is not None and azimuthal_bins < 1):
            raise BadValue(f"{who}: bins are at least 1, not {min(bins, azimuthal_bins or bins)}")
        if splitting not in ("no", "bbox", "full"):
            raise BadValue(f"{who}: there is no splitting {splitting!r}; there are no, bbox, full")
        if splitting == "full" and (azimuthal_bins is not None or azimuthal_range is not None):
            raise BadValue(f"{who}: full splitting is for one dimension and all azimuths; use bbox or no")
        self.unit, self.splitting = unit, splitting
        good = ~self.frames.mask(mask)
        norm = np.ones(geometry.shape) if flat is None else self.frames.per_pixel("flat", flat)
        good &= np.isfinite(norm) & (norm > 0)
        if solid_angle:
            norm = norm * geometry.solid_angle()
        if polarisation is not None:
            norm = norm * geometry.polarisation(polarisation)
        background = np.zeros(geometry.shape) if dark is None else self.frames.per_pixel("dark", dark)
        good &= np.isfinite(background)
        self._limits = self.frames.limits(limits)
        self._norm, self._dark = norm.ravel(), background.ravel()
        position, azimuth = geometry.radial(unit), geometry.azimuth()
        corners = geometry.corners(unit) if splitting != "no" else (position[..., None], azimuth[..., None])
        reach = np.abs(corners[0] - position[..., None]).max(axis=-1)
        ends = np.stack([np.maximum(position - reach, 0), position + reach]) if splitting == "bbox" else corners[0]
        self.radial = Grid(*_range(who, radial_range, ends[:, good] if splitting == "bbox" else ends[good]), bins)
        around = azimuthal_range is not None or azimuthal_bins is not None
        sector = (-180.0, 180.0) if azimuthal_range is None else _range(who, azimuthal_range, azimuth)
        self.azimuthal = Grid(*sector, azimuthal_bins or 1) if around else None
        self.shape = (bins,) if azimuthal_bins is None else (azimuthal_bins, bins)
        size = bins * (azimuthal_bins or 1)
        self._size = size
        self._parts: Parts | None = None
        if splitting == "no":
            self._prepare_table(position, azimuth, good, size)
        else:
            away = np.abs(corners[1] - azimuth[..., None])
            turn = np.minimum(away, 360 - away).max(axis=-1)
            if splitting == "full":
                self._prepare_parts(polygons(self.radial, good, corners))
            else:
                self._prepare_parts(boxes(self.radial, self.azimuthal, good, (position, azimuth), (reach, turn)))
        self._lost = np.zeros((3, size))
        self(self.frames.zeros())

    def __call__(self, frame: Any) -> Integrated:
        """Integrate a frame, of the dtype and shape that were prepared for.

        Raises:
            BadValue: it is not as prepared for.
        """
        raw = self.frames.take(frame)
        out = np.empty((5, self._size))
        limits = self._limits
        if self._parts is None:
            work = self._work
            lost = _histogram(
                raw, self._table, limits.checked, limits.least, limits.most, self._norm, self._dark,
                work[0], work[1 % len(work)], work[2 % len(work)], work[3 % len(work)], self._lost,
            )  # fmt: skip
            _finish(work, self._known, self._lost, lost, out)
        else:
            parts = self._parts
            _distribute(
                raw, parts.number, parts.bin, parts.part, limits.checked, limits.least, limits.most,
                self._norm, self._dark, self._work, self._known, out,
            )  # fmt: skip
        intensity, sigma, signal, norm, count = out.reshape(5, *self.shape)
        azimuthal = self.azimuthal.centres if self.azimuthal is not None and len(self.shape) == 2 else None
        return Integrated(self.radial.centres, azimuthal, intensity, sigma, signal, norm, count)

    def _prepare_table(self, position: Floats, azimuth: Floats, good: Array, size: int) -> None:
        """The bin of each pixel; those that do not count have one of their own behind the others."""
        number = self.radial.number(position)
        if self.azimuthal is not None:
            sector = self.azimuthal.number(azimuth)
            number = np.where((number >= 0) & (sector >= 0), sector * self.radial.bins + number, -1)
        number[~good | (number < 0)] = size
        self._table = number.astype(np.uint16 if size < 65536 else np.uint32)
        self._work = np.zeros((4 if size <= INTERLEAVED else 1, size + 1), self.frames.sum_dtype)
        flat = number.ravel()
        counted = [np.bincount(flat, weights, size + 1)[:size] for weights in (self._norm, self._dark, None)]
        self._known = np.stack([each.astype(np.float64) for each in counted])

    def _prepare_parts(self, parts: Parts) -> None:
        """Known sums over the parts of pixels."""
        self._parts = parts
        self._work = np.empty((self._size, 5))
        share = parts.part.astype(np.float64)
        norm, dark = np.repeat(self._norm, parts.number), np.repeat(self._dark, parts.number)
        sums = (share * norm, share * dark, share)
        self._known = np.stack([np.bincount(parts.bin, each, self._size) for each in sums])


def _range(who: str, given: tuple[float, float] | None, values: Floats) -> tuple[float, float]:
    if given is not None:
        low, high = map(float, given)
        if not low < high:
            raise BadValue(f"{who}: a range from {low:g} to {high:g} is none; give the lower edge first")
        return low, high
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    return (low, high) if low < high else (low, low + 1.0)


@kernel
def _histogram(
    frame: Array, table: Array, checked: bool, least: Any, most: Any, norm: Array, dark: Array,
    work0: Array, work1: Array, work2: Array, work3: Array, lost: Array,
) -> bool:  # fmt: skip
    """Sums of the bins, and what is to be taken off the known sums for pixels whose value does not count."""
    rows, columns = frame.shape
    for work in (work0, work1, work2, work3):
        work[:] = 0
    any_lost = False
    nothing = least - least
    clean = np.empty(columns, frame.dtype)
    for r in range(rows):
        values, bins = frame[r], table[r]
        if checked:
            for begin in range(0, columns, 64):  # many values are compared at a time, and seldom looked at one by one
                end = min(begin + 64, columns)
                bad = 0
                for c in range(begin, end):
                    good = (values[c] >= least) & (values[c] <= most)
                    clean[c] = values[c] if good else nothing
                    bad += not good
                if bad == 0:
                    continue
                if not any_lost:
                    lost[:] = 0
                    any_lost = True
                for c in range(begin, end):
                    b = bins[c]
                    if not ((values[c] >= least) & (values[c] <= most)) and b < lost.shape[1]:
                        lost[0, b] += norm[r * columns + c]
                        lost[1, b] += dark[r * columns + c]
                        lost[2, b] += 1
            values = clean
        whole = columns // 4 * 4
        for c in range(0, whole, 4):
            work0[bins[c]] += values[c]
            work1[bins[c + 1]] += values[c + 1]
            work2[bins[c + 2]] += values[c + 2]
            work3[bins[c + 3]] += values[c + 3]
        for c in range(whole, columns):
            work0[bins[c]] += values[c]
    return any_lost


@kernel
def _finish(work: Array, known: Array, lost: Array, any_lost: bool, out: Array) -> None:
    for b in range(out.shape[1]):
        raw = 0.0
        for each in range(work.shape[0]):
            raw += work[each, b]
        norm, dark, count = known[0, b], known[1, b], known[2, b]
        if any_lost:
            norm -= lost[0, b]
            dark -= lost[1, b]
            count -= lost[2, b]
        good = count > 0
        out[0, b] = (raw - dark) / norm if good else np.nan
        out[1, b] = np.sqrt(max(raw, 0.0)) / norm if good else np.nan
        out[2, b] = raw - dark if good else 0.0
        out[3, b] = norm if good else 0.0
        out[4, b] = count


@kernel
def _distribute(
    frame: Array, number: Array, bin_of: Array, part_of: Array, checked: bool, least: Any, most: Any,
    norm: Array, dark: Array, work: Array, known: Array, out: Array,
) -> None:  # fmt: skip
    """Sums of the bins over parts of pixels: of counts, of their variance, and of what is to be taken off."""
    work[:] = 0
    at = 0
    pixel = 0
    for r in range(frame.shape[0]):
        for c in range(frame.shape[1]):
            value = frame[r, c]
            last = at + number[pixel]
            if checked and not (value >= least and value <= most):
                for each in range(at, last):
                    sums = work[bin_of[each]]
                    sums[2] += part_of[each] * norm[pixel]
                    sums[3] += part_of[each] * dark[pixel]
                    sums[4] += np.float64(part_of[each])
            else:
                for each in range(at, last):
                    share = np.float64(part_of[each])
                    sums = work[bin_of[each]]
                    sums[0] += share * value
                    sums[1] += share * share * value
            at = last
            pixel += 1
    for b in range(out.shape[1]):
        norms, darks, count = known[0, b] - work[b, 2], known[1, b] - work[b, 3], known[2, b] - work[b, 4]
        good = count > 1e-6  # of a pixel: what is left below is rounding
        out[0, b] = (work[b, 0] - darks) / norms if good else np.nan
        out[1, b] = np.sqrt(max(work[b, 1], 0.0)) / norms if good else np.nan
        out[2, b] = work[b, 0] - darks if good else 0.0
        out[3, b] = norms if good else 0.0
        out[4, b] = count if good else 0.0
