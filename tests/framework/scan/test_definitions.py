"""Scans that declare a NeXus application definition: refused before anything moves, or saved with its structure."""

from dataclasses import replace

import h5py
import pytest

from ronda.framework.clients.counter import sampling
from ronda.framework.errors import BadValue
from ronda.framework.nexus.definitions.nxtomo import tomo
from ronda.framework.nexus.definitions.nxxas import xas

ENERGY = sampling("samx/Position", name="energy", unit="keV")
"""The demo has no monochromator; what matters here is the unit."""


def test_the_file_of_a_spectrum_has_its_structure(scans, beamline):
    declared = xas(ENERGY, beamline["i0"], transmitted="diode", sample="Cu foil", element="Cu", edge="K")
    scan = scans.ascan("samx", 0.0, 0.1, 3, 0.01, ENERGY, "i0", "diode", definition=declared)

    with h5py.File(scan.wait_for_file(10).path) as file:
        entry = file[f"{scan.number}.1"]
        assert entry["definition"][()] == b"NXxas"
        assert entry.attrs["default"] == "data"
        assert entry["data/absorbed_beam"][:].tolist() == entry["measurement/diode"][:].tolist()
        assert entry["instrument/monochromator/energy"].attrs["units"] == "keV"
        assert entry["instrument/source/name"][()] == b"demo"
        assert entry["monitor/preset"][()] == 0.01


def test_what_a_scan_lacks_is_told_before_anything_moves_and_no_number_is_taken(scans, beamline, recorder):
    before, scanned = beamline["samx"].position, len(beamline.stream.scans())
    declared = xas("samx", "i0", transmitted="diode", sample="Cu foil")
    with pytest.raises(BadValue, match="NXxas: samx should be the photon energy, in keV or the like; its unit is mm"):
        scans.ascan("samx", before + 1, before + 2, 3, 0.01, "i0", "diode", definition=declared)

    assert beamline["samx"].position == before
    assert len(beamline.stream.scans()) == scanned
    assert recorder.ended == ["FAILED"]


def test_an_image_key_for_another_number_of_points_is_refused(scans):
    declared = tomo("rot", "i0", image_key=[2, 1, 0], sample="stone")
    with pytest.raises(BadValue, match="image_key has 3 values and the scan 5 points; give one for each"):
        scans.ascan("rot", 0, 1, 4, 0.01, "i0", definition=declared)


def test_what_the_scan_publishes_for_its_definition_is_a_channel_like_others(scans, recorder):
    declared = replace(
        xas(ENERGY, "i0", transmitted="diode", sample="Cu foil"), constants={"image_key": [2, 1, 0], "all": 7}
    )
    scan = scans.loopscan(3, 0.01, ENERGY, "i0", "diode", definition=declared, save=False)

    assert scan.stream.read("image_key", 0, 3).tolist() == [2, 1, 0]
    assert scan.stream.read("all", 0, 3).tolist() == [7, 7, 7]
    assert "image_key" not in recorder.points[0][1]
