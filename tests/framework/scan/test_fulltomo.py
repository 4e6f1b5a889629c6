"""Tomograms of the demo beamline: their frames in the file, what comes back however they end, what is refused."""

import re
import subprocess
import sys
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - reads the compressed frames
import numpy as np
import pytest

from ronda.framework.clients.part import part
from ronda.framework.errors import BadValue, NotAllowed, OutOfRange
from ronda.framework.nexus.definitions.nxtomo import tomo
from ronda.framework.nexus.definitions.nxxas import xas
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.standard import Scans
from tests.framework.scan.test_faults import when

KEYS = [2, 2, 1, 1, 1, *[0] * 8, 1, 1]


@pytest.fixture
def home(beamline):
    """The axes stand at 0 and the shutter is open; afterwards the shutter is as it was."""
    shutter = beamline["fsh"]
    was_open = shutter.is_open
    shutter.open()
    beamline["samy"].move(0.0)
    beamline["rot"].move(0.0)
    yield
    shutter.open() if was_open else shutter.close()
    beamline["samy"].move(0.0)
    beamline["rot"].move(0.0)


def take(scans, nproj=8, **keywords):
    keywords = {"out": ("samy", 0.2), "darks": 2, "flats": 3, "flats_after": 2, **keywords}
    return scans.fulltomo("rot", 4, nproj, 0.1, "cam", "i0", start=1, latency=0.05, sample="stone", **keywords)


def test_the_file_holds_all_frames_as_nxtomo_wants_them(scans, beamline, home, recorder):
    scan = take(scans, definition=tomo("rot", "cam", x_pixel_size=2e-5))

    assert (scan.state, len(recorder.points)) == ("COMPLETED", len(KEYS))
    assert beamline["samy"].setpoint == 0.0
    assert beamline["fsh"].state == "OPEN"
    file = Path(scan.wait_for_file().path)
    entry_name = f"/{scan.number}.1"
    with h5py.File(file) as opened:
        entry = opened[entry_name]
        valid = entry["measurement/valid"][:] != 0
        keys = entry["instrument/detector/image_key"][:]
        assert keys.tolist() == np.where(valid, KEYS, 3).tolist()  # late ones, on a machine that was busy
        frames = entry["instrument/detector/data"]
        assert frames.shape == (len(KEYS), 1024, 1024)
        brightness = frames[:, 500:524, 480:544].mean(axis=(1, 2))  # the middle of the spot
        assert brightness[2:].min() > 2 * brightness[:2].max()
        angles = entry["sample/rotation_angle"][:]
        assert angles[[2, 3, 4]] == pytest.approx(angles[[2, 2, 2]])
        assert (np.diff(angles[5:13]) >= 0).all()
        assert entry["sample/x_translation"][:] == pytest.approx([*[0] * 2, *[0.2] * 3, *[0] * 8, *[0.2] * 2], abs=1e-3)
        assert entry["instrument/detector/x_pixel_size"][()] == 2e-5
        assert entry["instrument/detector/y_pixel_size"][()] == 5e-6  # as the camera says
        assert entry["sample/name"][()] == b"stone"
        assert entry["instrument/detector/count_time"][:].tolist() == [0.05] * len(KEYS)  # tomoscan reads one for each
        assert entry["measurement/i0"][:2].max() < 0.1 * entry["measurement/i0"][2:].min()
    assert scan.stream.description.attributes["plot"]["axes"] == ["rot"]
    said = subprocess.run(
        [Path(sys.executable).parent / "nxvalidate", "-p", entry_name, "-a", "NXtomo", file],
        capture_output=True,
        text=True,
    ).stdout
    assert re.search(r"Total number of errors: (\d+)", said)[1] == "0", said


def test_the_sample_never_moves_out_or_in_while_it_turns(scans, beamline, home, monkeypatch):
    order, under_way, together = [], set(), []

    def begins(axis, target):
        order.append(axis.name)
        together.extend(under_way - {axis.name})
        under_way.add(axis.name)

    monkeypatch.setattr(beamline, "begins", begins)
    monkeypatch.setattr(beamline, "rests", lambda axis: under_way.discard(axis.name))
    take(scans, save=False)

    assert order == ["samy", "samy", "rot", "rot", "samy", "samy"]  # out, in, to the run-up, the sweep, out, in
    assert not together


class Interrupt(Observer):
    def __init__(self, at):
        self._at = at

    def on_point(self, scan, index, values):
        if index >= self._at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("at", [0, 3, 7], ids=["dark field", "flat field", "projection"])
def test_however_it_ends_the_sample_is_back_and_the_shutter_as_it_was(beamline, home, at, wait_for):
    scans = Scans(beamline, "tests", "somebody", [Interrupt(at)])
    with pytest.raises(KeyboardInterrupt):
        take(scans, 60, save=False)

    assert scans.last.state == "ABORTED"
    assert (beamline["samy"].setpoint, beamline["samy"].state) == (0.0, "ON")
    wait_for(lambda: beamline["rot"].state == "ON", 60, "the rotation stands")
    assert beamline["fsh"].state == "OPEN"
    assert len(scans.last["rot"]) == len(scans.last["image_key"]) == len(scans.last["valid"]) > at
    wait_for(lambda: beamline["cam"].state == "ON", 60, "the camera is at rest")


def test_a_pause_among_the_flat_fields_loses_no_frame(beamline, home, recorder):
    scans = Scans(beamline, "tests", "somebody", [recorder])
    scan = take(scans, save=False, run=False)
    recorder.at(3, lambda: scan.pause("a test"))
    when(lambda: scan.state == "PAUSED", lambda: scan.resume("a test"))
    scan.run()

    assert "paused by a test" in recorder.waiting
    assert (scan.state, [index for index, _ in recorder.points]) == ("COMPLETED", [*range(len(KEYS))])


@pytest.mark.parametrize(
    ("keywords", "error", "says"),
    [
        ({"out": None}, BadValue, r"flat fields need an axis that takes the sample out .* out=\(samy, 2\), not None"),
        ({"out": ("rot", 2)}, BadValue, "rot turns the sample; another axis must take it out"),
        ({"out": ("samy", 40)}, OutOfRange, "samy"),
        ({"shutter": "shutter"}, NotAllowed, "safety shutter, which no scan moves; give a fast shutter"),
        ({"shutter": "samx"}, BadValue, "should be a fast shutter"),
        ({"latency": 0.2}, OutOfRange, "of the 0.1 s that it lasts, 0.2 s are left for that"),
        ({"latency": 0.01}, OutOfRange, r"needs 0.0199 s to read cam out \(0.0099 s\) and for software triggers"),
        ({"darks": 1.5}, BadValue, "number of dark fields should be a whole number"),
        ({"definition": xas("rot", "i0", transmitted="diode")}, BadValue, r"should be tomo\(…\), not NXxas"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_moves(scans, beamline, keywords, error, says):
    before = beamline["samy"].position, beamline["fsh"].state
    with pytest.raises(error, match=says):
        scans.fulltomo(
            "rot", 4, 8, 0.1, "cam", **{"out": ("samy", 2), "latency": 0.05, "sample": "stone", **keywords}, save=False
        )
    assert (beamline["samy"].position, beamline["fsh"].state) == before


def test_a_camera_that_is_to_take_fewer_frames_is_refused(scans, beamline):
    with pytest.raises(BadValue, match=r"part\(…\) lets cam measure otherwise than the scan, which needs its frames"):
        scans.fulltomo("rot", 4, 8, 0.1, part(beamline["cam"], every=2), out=("samy", 2), save=False)


def test_without_a_latency_the_camera_has_the_time_that_it_says_it_needs(scans):
    scan = scans.fulltomo("rot", 4, 8, 0.1, "cam", darks=0, flats=0, sample="stone", save=False, run=False)
    assert scan.plan.exposure == pytest.approx(0.1 - 0.0199)


def test_a_tomogram_without_a_camera_is_refused(scans):
    with pytest.raises(BadValue, match="needs one camera among the counters; there is none"):
        scans.fulltomo("rot", 4, 8, 0.1, "i0", out=("samy", 2), save=False)


def test_a_dry_run_of_a_tomogram_checks_and_times_all_its_parts(scans, beamline):
    before = beamline["samy"].position
    told = []
    with scans.dryrun(told.append) as dry:
        take(scans)
    (estimate,) = dry.estimates
    assert (estimate.points, estimate.exposure) == (len(KEYS), pytest.approx(8 * 0.1 + 7 * 0.05))
    assert estimate.motion > 4 * 0.2  # out and back twice, 0.2 mm at 2 mm/s
    assert estimate.ranges["samy"][:2] == pytest.approx((before, before + 0.2), abs=1e-3)
    assert beamline["samy"].position == before
