"""Integrated frames are those of pyFAI; without splitting also those of numpy, to the count."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyFAI.detectors import Detector
from pyFAI.integrator.azimuthal import AzimuthalIntegrator

from ronda.framework.errors import BadValue
from ronda.framework.kernels import azimuthal
from ronda.framework.kernels.azimuthal import Integrator
from ronda.framework.kernels.geometry import Geometry
from tests.framework.kernels.frames import Case, cases

SHAPE = (60, 80)
NUMBERS = {"distance": 0.1, "poni1": 0.0062, "poni2": 0.0079, "rot1": 0.05, "rot2": -0.04, "rot3": 0.3}
GEOMETRY = Geometry(**NUMBERS, wavelength=1e-10, pixel1=2e-4, pixel2=2.1e-4, shape=SHAPE)
RANGE = (2.0, 7.0)


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    """pyFAI warns by its log of ranges and masks that it has not seen before."""
    logging.getLogger("pyFAI").setLevel(logging.ERROR)
    yield
    logging.getLogger("pyFAI").setLevel(logging.NOTSET)


def theirs() -> AzimuthalIntegrator:
    numbers = {("dist" if name == "distance" else name): value for name, value in NUMBERS.items()}
    return AzimuthalIntegrator(**numbers, detector=Detector(2e-4, 2.1e-4, max_shape=SHAPE), wavelength=1e-10)


PYFAI = theirs()


def exact(case: Case, found: Any, integrator: Integrator, norm: np.ndarray, dark: np.ndarray) -> None:
    """Without splitting each sum is that of numpy."""
    number = integrator.radial.number(GEOMETRY.radial(integrator.unit))
    if integrator.azimuthal is not None:
        sector = integrator.azimuthal.number(GEOMETRY.azimuth())
        number = np.where((number >= 0) & (sector >= 0), sector * integrator.radial.bins + number, -1)
    good = case.good & (number >= 0) & (norm > 0)
    size = found.count.size

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(number[good], values[good].astype(np.float64), size).reshape(found.count.shape)

    raw = np.nan_to_num(case.values)
    np.testing.assert_array_equal(found.count, summed(np.ones(SHAPE)))
    np.testing.assert_allclose(found.signal, summed(raw - dark), rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(found.norm, summed(norm), rtol=1e-9, atol=1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        np.testing.assert_allclose(found.intensity, summed(raw - dark) / summed(norm), rtol=1e-8, atol=1e-6)
        np.testing.assert_allclose(
            found.sigma, np.sqrt(np.maximum(summed(raw), 0)) / summed(norm), rtol=1e-8, atol=1e-6
        )


@given(cases(shape=SHAPE), st.sampled_from([None, 7]), st.booleans())
def test_sums_without_splitting_are_those_of_numpy(case: Case, sectors: int | None, corrected: bool) -> None:
    rng = np.random.default_rng(case.seed)
    flat = rng.normal(1, 0.1, SHAPE) if corrected else np.ones(SHAPE)
    dark = rng.normal(3, 0.1, SHAPE) if corrected else np.zeros(SHAPE)
    if corrected:
        flat[3, :] = 0
    integrator = Integrator(
        GEOMETRY, case.frame.dtype, 40, sectors, mask=case.mask, limits=case.limits,
        dark=dark if corrected else None, flat=flat if corrected else None, polarisation=0.95 if corrected else None,
        radial_range=RANGE if corrected else None,
    )  # fmt: skip
    norm = flat * GEOMETRY.solid_angle() * (GEOMETRY.polarisation(0.95) if corrected else 1)
    exact(case, integrator(case.frame), integrator, norm, dark)


def compared(
    case: Case, integrator: Integrator, method: tuple[str, str, str], sectors: int | None, **more: Any
) -> tuple[Any, Any]:
    """The frame integrated by us and by pyFAI."""
    plain = np.array(case.frame, case.frame.dtype.newbyteorder("="))
    how = {"unit": "q_nm^-1", "method": method, "mask": (~case.good).astype(np.int8), "radial_range": RANGE, **more}
    frame = np.where(case.good, plain, 0)  # pyFAI's histograms multiply what is masked
    if sectors is None:
        return integrator(case.frame), PYFAI.integrate1d_ng(frame, 40, error_model="poisson", **how)
    return integrator(case.frame), PYFAI.integrate2d_ng(frame, 40, sectors, azimuth_range=(-180, 180), **how)


@settings(max_examples=25)
@given(cases(shape=SHAPE), st.sampled_from(["bbox", "full"]))
def test_split_pixels_are_integrated_as_by_pyfai(case: Case, splitting: Any) -> None:
    ours = Integrator(
        GEOMETRY, case.frame.dtype, 40, splitting=splitting, mask=case.mask, limits=case.limits, radial_range=RANGE,
        polarisation=0.9,
    )  # fmt: skip
    found, other = compared(case, ours, (splitting, "csr", "cython"), None, polarization_factor=0.9)
    np.testing.assert_allclose(found.radial, other.radial, rtol=1e-6)
    inner = slice(2, -2)  # pyFAI gives what of a pixel is outside of the range to the bins at its ends
    np.testing.assert_allclose(found.count[inner], other.count[inner], rtol=1e-4, atol=1e-3)
    largest = np.nanmax(np.abs(case.values), initial=1.0)
    seen = found.count > 0.01
    seen[[0, 1, -2, -1]] = False
    assert np.abs(found.intensity - other.intensity)[seen].max(initial=0) < 3e-4 * largest
    assert np.abs(found.sigma - other.sigma)[seen & (other.sum_signal > 40 * found.count)].max(
        initial=0
    ) < 3e-3 * np.sqrt(largest)


@settings(max_examples=25)
@given(cases(shape=SHAPE))
def test_frames_are_integrated_in_two_dimensions_as_by_pyfai(case: Case) -> None:
    ours = Integrator(
        GEOMETRY, case.frame.dtype, 40, 12, splitting="bbox", mask=case.mask, limits=case.limits, radial_range=RANGE
    )
    found, other = compared(case, ours, ("bbox", "csr", "cython"), 12)
    np.testing.assert_allclose(found.azimuthal, other.azimuthal, rtol=1e-5)
    inner = (slice(1, -1), slice(2, -2))  # nor does pyFAI let pixels reach over ±180 degrees
    np.testing.assert_allclose(found.count[inner], other.count[inner], rtol=1e-4, atol=3e-3)
    largest = np.nanmax(np.abs(case.values), initial=1.0)
    seen = found.count[inner] > 0.5
    assert np.abs(found.intensity - other.intensity)[inner][seen].max(initial=0) < 3e-3 * largest


@settings(max_examples=25)
@given(cases(shape=SHAPE), st.sampled_from([("no", "histogram", "cython"), ("no", "csc", "cython")]))
def test_histograms_are_those_of_pyfai_but_for_pixels_on_an_edge(case: Case, method: tuple[str, str, str]) -> None:
    ours = Integrator(GEOMETRY, case.frame.dtype, 40, mask=case.mask, limits=case.limits, radial_range=RANGE)
    found, other = compared(case, ours, method, None)
    # pyFAI rounds positions to float32: of pixels so near to an edge one or two may be in the neighbouring bin
    position = ours.radial.place(GEOMETRY.radial())
    near = np.abs(position - np.rint(position)) < 1e-4
    edges = np.bincount(np.clip(np.rint(position[near]), 0, 40).astype(int), minlength=41)
    allowed = edges[:-1] + edges[1:]
    allowed[0] += SHAPE[0] * SHAPE[1]  # where pyFAI's histogram has what is below the range
    assert (np.abs(found.count - other.count) <= allowed).all()
    same = (allowed == 0) & (found.count > 0)
    assert np.count_nonzero(same) > 20 or not case.good.all()
    np.testing.assert_allclose(found.intensity[same], other.intensity[same], rtol=2e-5, atol=1e-3)
    np.testing.assert_allclose(found.norm[same], other.sum_normalization[same], rtol=1e-5)


def test_parts_of_a_pixel_make_the_whole() -> None:
    one = np.zeros(SHAPE, "u2")
    one[20, 30] = 1000
    for splitting, sectors in (("no", None), ("bbox", None), ("full", None), ("no", 9), ("bbox", 9)):
        found = Integrator(GEOMETRY, "u2", 40, sectors, splitting=splitting)(one)  # type: ignore[arg-type]
        assert found.signal.sum() == pytest.approx(1000, rel=1e-6)
        assert found.count.sum() == pytest.approx(one.size, rel=1e-3 if splitting == "full" else 1e-6)


def test_a_sector_takes_only_its_pixels() -> None:
    frame = np.ones(SHAPE, "u2")
    found = Integrator(GEOMETRY, "u2", 10, azimuthal_range=(-30, 60))(frame)
    azimuth = GEOMETRY.azimuth()
    assert found.count.sum() == np.count_nonzero((azimuth >= -30) & (azimuth <= 60))
    assert found.azimuthal is None


def test_an_empty_pattern_has_no_intensity() -> None:
    found = Integrator(GEOMETRY, "u2", 10, mask=np.ones(SHAPE))(np.ones(SHAPE, "u2"))
    assert np.isnan(found.intensity).all()
    assert found.count.sum() == found.signal.sum() == 0


def test_nothing_is_compiled_for_frames_in_other_layouts() -> None:
    from tests.framework.kernels.frames import LAYOUTS, laid_out

    integrate = Integrator(GEOMETRY, "u2", 40, limits=(0, 100))
    ready = azimuthal._histogram.compilations
    frame = np.random.default_rng(1).poisson(20, SHAPE).astype("u2")
    first = integrate(frame)
    for layout in LAYOUTS:
        np.testing.assert_array_equal(integrate(laid_out(frame, layout)).signal, first.signal)
    assert azimuthal._histogram.compilations == ready


def test_wrong_questions_are_told_in_a_sentence() -> None:
    for arguments, message in (
        ({"bins": 0}, "bins are at least 1, not 0"),
        ({"bins": 5, "splitting": "some"}, "there is no splitting 'some'; there are no, bbox, full"),
        ({"bins": 5, "azimuthal_bins": 4, "splitting": "full"}, "full splitting is for one dimension"),
        ({"bins": 5, "radial_range": (3, 1)}, "a range from 3 to 1 is none; give the lower edge first"),
        ({"bins": 5, "dark": np.zeros(3)}, "the dark is 3, it must be as the frames, 60 x 80"),
    ):
        with pytest.raises(BadValue, match=message):
            Integrator(GEOMETRY, "u2", **arguments)
