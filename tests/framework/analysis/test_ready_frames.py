"""Ready stages of frames give what pyFAI, numpy and scipy give; blocks do not matter."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from pyFAI.detectors import Detector
from pyFAI.integrator.azimuthal import AzimuthalIntegrator

from ronda.framework.analysis.finding import find_stage, ready_stages
from ronda.framework.analysis.pipeline import Step
from ronda.framework.errors import BadValue
from ronda.framework.kernels.background import RadialBackground, rings_around
from ronda.framework.kernels.sparse import SparseFrame, Sparsifier
from tests.framework.analysis.running import channel, run

SHAPE = (120, 150)
POINTS = 7


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    """pyFAI warns by its log of what it has not seen before."""
    logging.getLogger("pyFAI").setLevel(logging.ERROR)
    yield
    logging.getLogger("pyFAI").setLevel(logging.NOTSET)


def test_each_ready_stage_is_found_by_its_name() -> None:
    assert {"azimuthal", "beam", "element_map", "hits", "join", "ring", "running_fit", "sparse", "xas"} <= set(
        ready_stages()
    )
    for name in ready_stages():
        assert find_stage(name).inputs


def test_beam_metrics_are_those_of_the_spot() -> None:
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    x, y = 60 + 3.3 * np.arange(POINTS), 50 + 1.7 * np.arange(POINTS)
    spots = [
        1000 * np.exp(-((columns - a) ** 2) / (2 * 8**2) - (rows - b) ** 2 / (2 * 5**2))
        for a, b in zip(x, y, strict=True)
    ]
    frames = (np.array(spots) + rng.poisson(10, (POINTS, *SHAPE))).astype("u2")
    found = run([Step("beam", inputs={"frame": "cam"})], {"cam": frames}, cuts=(1, 4))
    assert not found["problems"]
    # the noise of the background, of deviation 3, on the window moves the centre by some hundredths of a pixel
    assert found["p_x"] == pytest.approx(x, abs=0.3)
    assert found["p_y"] == pytest.approx(y, abs=0.3)
    assert found["p_sigma_x"] == pytest.approx(8, abs=0.8)
    assert found["p_sigma_y"] == pytest.approx(5, abs=0.8)
    assert found["p_fwhm_x"] == pytest.approx(2.3548 * 8, rel=0.05)
    np.testing.assert_array_equal(found["p_profile_x"], frames.sum(axis=1, dtype=np.float64))
    np.testing.assert_array_equal(found["p_profile_y"], frames.sum(axis=2, dtype=np.float64))
    assert found["channels"]["p_x"].unit == "pixel"


def geometry() -> AzimuthalIntegrator:
    return AzimuthalIntegrator(
        dist=0.1,
        poni1=0.0123,
        poni2=0.0152,
        rot1=0.01,
        rot2=-0.02,
        detector=Detector(2e-4, 2e-4, max_shape=SHAPE),
        wavelength=1e-10,
    )


def rings(pyfai: AzimuthalIntegrator, centres: np.ndarray) -> np.ndarray:
    """Frames with a ring each, at these q in 1/nm."""
    q = pyfai.center_array(SHAPE, unit="q_nm^-1")
    rng = np.random.default_rng(2)
    return np.array([rng.poisson(20 + 300 * np.exp(-(((q - c) / 0.15) ** 2))) for c in centres]).astype("u2")


def test_patterns_of_a_poni_file_are_those_of_pyfai_and_the_ring_is_where_it_was_made(tmp_path: Path) -> None:
    pyfai = geometry()
    poni = tmp_path / "det.poni"
    pyfai.save(str(poni))
    centres = 4 + 0.05 * np.arange(POINTS)
    frames = rings(pyfai, centres)
    bad = np.zeros(SHAPE, bool)
    bad[10:20, :] = True
    np.save(tmp_path / "mask.npy", bad)
    frames[:, 12, 5] = 60000  # under the mask
    frames[:, 40, 7] = 65535  # saturated
    steps = [
        Step(
            "azimuthal",
            inputs={"frame": "det"},
            parameters={
                "poni": str(poni),
                "bins": 100,
                "mask": str(tmp_path / "mask.npy"),
                "most": 65534,
                "radial_range": (1.0, 8.0),
                "polarisation": 0.9,
            },
        ),
        Step("ring", inputs={"pattern": "pattern"}, parameters={"low": 3.0, "high": 6.0}),
    ]
    found = run(steps, {"det": frames}, cuts=(2, 3))
    assert not found["problems"]
    bad[40, 7] = True
    inside = None
    for frame, pattern, sigma in zip(frames, found["p_pattern"], found["p_pattern_sigma"], strict=True):
        theirs = pyfai.integrate1d_ng(
            frame,
            100,
            unit="q_nm^-1",
            method=("no", "histogram", "cython"),
            mask=bad,
            radial_range=(1.0, 8.0),
            polarization_factor=0.9,
            error_model="poisson",
        )
        # pyFAI keeps positions in float32: a pixel on the edge of a bin may be in the neighbouring one
        close = np.isclose(pattern, theirs.intensity, rtol=2e-5)
        assert close.mean() > 0.9
        np.testing.assert_allclose(sigma[close], theirs.sigma[close], rtol=1e-4)
        inside = theirs.radial
    axis = found["channels"]["p_pattern"].attributes["fields"]["q"]
    assert axis["unit"] == "1/nm"
    told = np.polynomial.polynomial.polyval(np.arange(axis["length"]), axis["polynomial"])
    np.testing.assert_allclose(told, inside, rtol=1e-5)
    assert np.all(found["p_ring_centre_error"] < 0.01)
    assert np.all(np.abs(found["p_ring_centre"] - centres) < 6 * found["p_ring_centre_error"] + 0.02)
    assert found["p_ring_fwhm"] == pytest.approx(0.15 * 2 * np.sqrt(np.log(2)), rel=0.2)


def test_a_ring_without_signal_is_nan() -> None:
    axis = {"q": {"polynomial": [1.0, 0.1], "length": 50, "unit": "1/nm"}}
    patterns = np.zeros((3, 50))
    patterns[1] = 5 + 100 * np.exp(-(((1 + 0.1 * np.arange(50) - 3.14) / 0.4) ** 2))
    found = run(
        [Step("ring", inputs={"pattern": "a"}, parameters={"low": 2, "high": 5})],
        {"a": patterns},
        {"a": channel("a", patterns, fields=axis)},
    )
    assert np.isnan(found["p_ring_centre"][[0, 2]]).all()
    assert found["p_ring_centre"][1] == pytest.approx(3.14, abs=1e-6)


def hit_frames() -> tuple[np.ndarray, list[int]]:
    """Frames with a radial background, and some with peaks, of which they have so many."""
    rng = np.random.default_rng(3)
    radius = rings_around(SHAPE, 74.5, 59.5)
    frames = rng.poisson(np.broadcast_to(30 * np.exp(-radius / 60.0) + 5, (POINTS, *SHAPE))).astype("u2")
    numbers = [0, 18, 3, 0, 22, 16, 0]
    for frame, number in zip(frames, numbers, strict=True):
        # small rings, and those that are cut off, have too few pixels to tell peaks from background
        places = [(5 + 10 * row, 5 + 10 * column) for row in range(11) for column in range(14)]
        places = [place for place in places if 25 < np.hypot(place[0] - 59.5, place[1] - 74.5) < 58]
        for row, column in rng.permutation(places)[:number]:
            frame[row : row + 2, column : column + 2] += 200
    return frames, numbers


def test_hits_are_found_and_their_peaks_are_those_of_scipy() -> None:
    frames, numbers = hit_frames()
    parameters = {"fewest_peaks": 15, "snr": 8.0, "most_peaks": 20, "fewest_pixels": 3}
    found = run([Step("hits", inputs={"frame": "det"}, parameters=parameters)], {"det": frames}, cuts=(3,))
    assert not found["problems"]
    assert found["p_peaks"].tolist() == numbers
    assert found["p_hit"].tolist() == [int(number >= 15) for number in numbers]
    background = RadialBackground(rings_around(SHAPE, 74.5, 59.5), "u2")
    for frame, number, x, y, snr in zip(
        frames, numbers, found["p_peak_x"], found["p_peak_y"], found["p_peak_snr"], strict=True
    ):
        told = min(number, 20)
        assert np.isfinite(x[:told]).all()
        assert np.isnan(x[told:]).all()
        rows = background(frame)
        level = background.image(rows.mean + 8.0 * rows.deviation)
        labels, count = scipy.ndimage.label(frame > level, np.ones((3, 3)))
        above = frame - background.image(rows.mean)
        sizes = scipy.ndimage.sum_labels(np.ones(SHAPE), labels, np.arange(1, count + 1))
        centres = np.array(scipy.ndimage.center_of_mass(above, labels, np.arange(1, count + 1))).reshape(-1, 2)
        wanted = {tuple(each) for each in np.round(centres[sizes >= 3][:, ::-1], 3)}
        mine = {tuple(each) for each in np.round(np.column_stack([x, y])[:told].astype(float), 3)}
        assert mine <= wanted if number > 20 else mine == wanted
        assert (snr[:told] > 8).all()


def test_only_hits_are_stored_and_can_be_made_again() -> None:
    frames, numbers = hit_frames()
    steps = [
        Step("hits", inputs={"frame": "det"}, parameters={"snr": 8.0, "fewest_pixels": 3}),
        Step("sparse", inputs={"frame": "det"}, parameters={"most_pixels": 400}),
    ]
    whole = run(steps, {"det": frames})
    parts = run(steps, {"det": frames}, cuts=(1, 2, 5))
    hits = [place for place, number in enumerate(numbers) if number >= 15]
    assert whole["p_frame"].tolist() == parts["p_frame"].tolist() == hits
    sparsifier = Sparsifier(RadialBackground(rings_around(SHAPE, 74.5, 59.5), "u2"))
    for place, index in enumerate(hits):
        count = whole["p_kept"][place]
        kept = SparseFrame(
            whole["p_pixel"][place, :count],
            whole["p_value"][place, :count],
            whole["p_background"][place],
            whole["p_deviation"][place],
        )
        again, exact = sparsifier.restore(kept), sparsifier(frames[index])
        np.testing.assert_array_equal(kept.pixel, exact.pixel)
        np.testing.assert_array_equal(again.ravel()[kept.pixel], frames[index].ravel()[kept.pixel])
        assert np.all(whole["p_pixel"][place, count:] == 2**32 - 1)
    for name in ("p_pixel", "p_value", "p_background"):
        np.testing.assert_array_equal(whole[name], parts[name])


def test_of_too_many_pixels_the_brightest_are_kept() -> None:
    frames, _ = hit_frames()
    found = run([Step("sparse", inputs={"frame": "det"}, parameters={"most_pixels": 10})], {"det": frames[4:5]})
    assert found["p_kept"][0] > 10
    kept = found["p_value"][0]
    every = run([Step("sparse", inputs={"frame": "det"})], {"det": frames[4:5]})
    values = every["p_value"][0][: every["p_kept"][0]]
    assert sorted(kept) == sorted(values)[-10:]
    np.testing.assert_array_equal(frames[4].ravel()[found["p_pixel"][0]], kept)


def test_a_poni_file_of_another_detector_is_refused(tmp_path: Path) -> None:
    poni = tmp_path / "det.poni"
    geometry().save(str(poni))
    frames = np.zeros((1, 10, 20), "u2")
    with pytest.raises(BadValue, match=r"is of a detector of \(120, 150\) pixels, det has \(10, 20\)"):
        run([Step("azimuthal", inputs={"frame": "det"}, parameters={"poni": str(poni)})], {"det": frames})
    with pytest.raises(BadValue, match=r"the mask nowhere\.npy cannot be read"):
        run([Step("beam", inputs={"frame": "det"}, parameters={"mask": "nowhere.npy"})], {"det": frames})
