"""Angles and corrections are those of pyFAI, from the PONI files that it writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyFAI.detectors import Detector, detector_factory
from pyFAI.integrator.azimuthal import AzimuthalIntegrator

from ronda.framework.errors import BadValue
from ronda.framework.kernels.geometry import UNITS, Geometry

WRITTEN = """# made by hand
poni_version: 2.1
Detector: Detector
Detector_config: {"pixel1": 1e-4, "pixel2": 1e-4, "max_shape": [30, 40], "orientation": 3}
Distance: 0.1
Poni1: 0.0015
Poni2: 0.002
Rot1: 0.0
Rot2: 0.0
Rot3: 0.0
Wavelength: 1e-10
"""


@given(st.integers(1, 4), st.lists(st.floats(-0.6, 0.6), min_size=5, max_size=5), st.floats(0.05, 2))
def test_angles_and_corrections_are_those_of_pyfai(
    tmp_path_factory: pytest.TempPathFactory, orientation: int, numbers: list[float], distance: float
) -> None:
    detector = Detector(1.1e-4, 0.9e-4, max_shape=(30, 40), orientation=orientation)
    poni1, poni2, *rotations = numbers
    theirs = AzimuthalIntegrator(distance, poni1 / 50, poni2 / 50, *rotations, detector=detector, wavelength=0.7e-10)
    path = tmp_path_factory.mktemp("poni") / "a.poni"
    theirs.save(str(path))
    ours = Geometry.from_poni(path)
    for unit in UNITS:
        np.testing.assert_allclose(ours.radial(unit), theirs.center_array(unit=unit), rtol=1e-9, atol=1e-9)
    azimuth = theirs.center_array(unit="chi_deg")
    np.testing.assert_allclose((ours.azimuth() - azimuth + 180) % 360, 180, atol=1e-7)
    np.testing.assert_allclose(ours.solid_angle(), theirs.solidAngleArray(), rtol=3e-6, atol=1e-7)
    np.testing.assert_allclose(
        ours.polarisation(0.9, 20), theirs.polarization(factor=0.9, axis_offset=np.radians(20)), atol=1e-6
    )


@pytest.mark.parametrize("name", ["Pilatus1M", "Pilatus300k", "Eiger4M", "Eiger2_1M", "Jungfrau"])
def test_pixels_of_detectors_known_by_name_are_those_of_pyfai(tmp_path: Path, name: str) -> None:
    detector = detector_factory(name)
    path = tmp_path / "named.poni"
    text = WRITTEN.replace("Detector: Detector", f"Detector: {name}")
    path.write_text(text.replace('"pixel1": 1e-4, "pixel2": 1e-4, "max_shape": [30, 40], ', ""))
    found = Geometry.from_poni(path, shape=detector.shape)
    assert (found.pixel1, found.pixel2) == pytest.approx((detector.pixel1, detector.pixel2))


def test_a_file_of_the_first_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.poni"
    path.write_text(
        "PixelSize1: 1e-4\nPixelSize2: 2e-4\nDistance: 0.1\nPoni1: 0.01\nPoni2: 0.02\nRot1: 0\nRot2: 0\nRot3: 0\n"
    )
    found = Geometry.from_poni(path, shape=(10, 20))
    assert (found.pixel1, found.pixel2, found.poni2, found.wavelength) == (1e-4, 2e-4, 0.02, None)
    with pytest.raises(BadValue, match=r"q_nm.-1 needs the wavelength, which is not told"):
        found.radial()
    with pytest.raises(BadValue, match="does not tell how many pixels the detector has; give the shape"):
        Geometry.from_poni(path)


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ("Distance: 0.1\n", "", "is no complete PONI file .KeyError: 'distance'"),
        ("Distance: 0.1", "Distance: far", "is no complete PONI file .ValueError: could not convert string"),
        ("Distance: 0.1", "Distance: 0", r"distance \(0 m\) and wavelength \(1e-10 m\) should be above 0"),
        ('"orientation": 3', '"orientation": 7', "orientation 7 is not known; it is from 1 to 4"),
        ('"orientation": 3', '"splineFile": "a.spline"', "Detector is distorted .a.spline.; only flat detectors"),
        ('"pixel1": 1e-4, ', "", "does not tell the size of the pixels of Detector; add pixel1 and pixel2"),
        ("Rot3: 0.0", "Rot3: 0.0\nParallax: True", "parallax is not corrected here"),
        ('{"pixel1"', "[1, 2]", "is no complete PONI file"),
        ("[30, 40]", "[30]", "a detector of 30 pixels is none; give rows and columns"),
    ],
)
def test_a_wrong_file_is_told_in_a_sentence(tmp_path: Path, line: str, instead: str, message: str) -> None:
    path = tmp_path / "wrong.poni"
    assert line in WRITTEN
    path.write_text(WRITTEN.replace(line, instead))
    with pytest.raises(BadValue, match=message):
        Geometry.from_poni(path)


def test_wrong_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.poni"
    path.write_text(WRITTEN)
    found = Geometry.from_poni(path)
    with pytest.raises(BadValue, match="there is no unit 'q'; there are q_nm"):
        found.radial("q")  # type: ignore[arg-type]
    with pytest.raises(BadValue, match="a polarisation factor is from -1 to 1, not 2"):
        found.polarisation(2)
    with pytest.raises(BadValue, match="is not a readable PONI file"):
        Geometry.from_poni(tmp_path)
