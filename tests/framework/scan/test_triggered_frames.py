"""Frames that hardware triggers start, on the example beamline with the large detector: which point each belongs to,
what is marked when triggers or frames go astray, tomograms, and how they end at random moments.

The moments are drawn with a seed; RONDA_SEED gives others. On a busy computer they may come when the scan has ended.
"""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - reads the compressed frames
import numpy as np
import pytest

from ronda.framework.errors import NotAllowed, OutOfRange, RondaError
from ronda.framework.scan.standard import Scans
from ronda.framework.stream.description import State
from tests.conftest import Beamline as Running
from tests.framework.scan.conftest import connect, simulators_of
from tests.framework.scan.test_continuous_ends import Once, interrupt
from tests.framework.scan.test_faults import when

EXAMPLE = Path(__file__).parents[3] / "config" / "examples" / "detector"

GATED = {
    "    io: {type: io_unit": """\
    gated: {type: simplon, frame_rate: 510, trigger: ["motion:4"]}
""",
    "  writer:\n": """\
      gdet:
        kind: camera
        driver: simplon
        address: simulator:gated
        trigger_mode: exte
        beam_position: false
        rois: {ring: {x: 730, y: 430, width: 60, height: 200}}
        wiring: {trigger: [rot]}
        frame_memory: 64
""",
}
"""A second detector, which a signal exposes while it is on."""

BLANK = 65535
KEYS = [2, 2, 1, 1, *[0] * 12, 1]
FIELDS = {"out": ("samy", -3), "darks": 2, "flats": 2, "flats_after": 1, "sample": "powder"}


@pytest.fixture(scope="module")
def running(ronda, tmp_path_factory):
    """The example, running."""
    folder = tmp_path_factory.mktemp("example") / "detector"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".ronda", "data"))
    file = folder / "beamline.yml"
    text = file.read_text().replace("frame_memory: 512", "frame_memory: 64")  # it is taken when a scan begins
    for place in ("    io: {type: io_unit", "  writer:\n"):
        assert text.count(place) == 1
        text = text.replace(place, GATED[place] + place)
    file.write_text(text)
    try:
        ronda("up", folder, "--detach")
        yield Running(folder, ronda.exports(folder), ronda)
    finally:
        ronda("down", folder, code=None)


@pytest.fixture(scope="module")
def detector(running, wait_for):
    """The same as scans see it."""
    connected = connect(running.exports)
    for name in ("det", "gdet", "ct1", "rot", "samy", "fsh"):
        wait_for(lambda name=name: connected[name].state in ("ON", "OPEN", "CLOSE"), 300, f"{name} is connected")
    yield connected
    connected.close()


@pytest.fixture
def ask(running):
    return simulators_of(running.folder)


@pytest.fixture
def home(detector):
    """The powder is in the beam, and so it is afterwards."""
    detector["fsh"].open()
    yield
    detector["samy"].move(18.0)
    detector["rot"].move(0.0)


def take(scans, npoints=40, **options):
    return scans.fscan("rot", 0, 0.05, npoints, 0.02, "det", "i0", **options)


def tomogram(scans, **options):
    return scans.fulltomo("rot", 6, 12, 0.06, "det", "i0", **FIELDS, **options)


def file_of(scan):
    saved = scan.wait_for_file(150)
    assert saved.closed, saved
    return Path(saved.path)


def test_each_frame_belongs_to_its_point(detector, home, monkeypatch):
    told = []
    monkeypatch.setattr(detector, "tell", told.append)
    scan = take(Scans(detector))
    assert told == ["fscan: hardware triggers of rot bound the points, at the trigger of det and at the gate of ct1"]
    assert scan.state == "COMPLETED"
    for name in ("det", "ct1"):
        assert [scan[f"{name}_{what}"].tolist() for what in ("emitted", "received", "recorded")] == [[46]] * 3
        assert [scan[f"{name}_{what}"].tolist() for what in ("missing", "late", "extra")] == [[0]] * 3
    assert scan.remarks == []
    assert scan["valid"].all()
    assert scan["det_valid"].all()
    assert scan["rot_start"] == pytest.approx(0.05 * np.arange(40), abs=1e-3)
    with h5py.File(file_of(scan)) as file:
        entry = file[f"{scan.number}.1"]
        frames = entry["instrument/det/data"]
        assert frames.shape == (40, 1062, 1028)
        for index in (0, 17, 39):  # the numbers are those of the same frame
            region = frames[index, 430:630, 730:790]
            assert entry["measurement/det_ring_sum"][index] == region.sum(dtype=np.int64)
            assert entry["measurement/det_ring_max"][index] == region.max()
        assert entry["instrument/det/count_time"][()] == pytest.approx(0.99 * 0.02 - 1e-7)


def test_patterns_and_peaks_of_frames_while_they_are_taken(detector, home):
    """The ring 100 of BaTiO3 (d = 3.998 Å by the radius that the simulator gives it) is where it should be."""
    for name in ("powder", "serial"):
        detector[name].active = True
    try:
        scan = Scans(detector).ascan("samy", 17.5, 18.5, 4, 0.1, "det")
        found = scan.wait_for_file(300)
    finally:
        for name in ("powder", "serial"):
            detector[name].active = False
    assert found.closed, found
    assert scan.stream.description.attributes["remarks"] == []
    assert scan["powder_pattern"].shape == (5, 1000)
    two_theta = np.arctan(246 * 0.075 / 100.0)  # at 17 keV
    q = 4 * np.pi * np.sin(two_theta / 2) * 170 / 12.398419843
    assert scan["powder_ring_centre"] == pytest.approx(q, abs=0.02)
    assert not scan["serial_hit"].any()  # powder has rings, not peaks
    with h5py.File(found.path) as file:
        assert file[f"{scan.number}.2/measurement/powder_pattern"].shape == (5, 1000)
    scan = Scans(detector).ascan("samy", 17.5, 18.5, 1, 0.1, "det")
    assert "powder_pattern" not in scan.channels()


def begun_by(triggers, dropped, doubled, delayed, *, period, by, busy):
    """Numbers of triggers that begin a frame when they should, and of those that begin one later.

    Pulses find a detector busy for some time after each that it takes; a delayed pulse and an echo come later.
    """
    pulses = [(n * period, n, False) for n in range(triggers) if n not in dropped | delayed]
    pulses += [(n * period + by, n, True) for n in doubled | delayed if n < triggers]
    on_time, late, free = set(), set(), 0.0
    for time, n, is_late in sorted(pulses):
        if time >= free:
            (late if is_late else on_time).add(n)
            free = time + busy
    return on_time, late


def test_what_goes_astray_marks_only_the_points_concerned(detector, home, ask):
    npoints, dropped, delayed = 60, set(), set()
    for _ in range(5):  # chance, or a slow machine, may let none go astray
        before = ask(do="triggers", line="motion:4")
        scan = Scans(detector).fscan("rot", 0, 0.05, npoints, 0.02, "det", "i0", run=False)
        disturbing = when(
            lambda scan=scan: (
                scan.state in State.ENDED or (scan.stream is not None and scan.stream.extent("rot_triggers").length > 5)
            ),
            lambda: ask(do="triggers", line="motion:4", dropped=0.1, doubled=0.1, delayed=0.1, by=0.004),
        )
        try:
            scan.run()
        finally:
            disturbing.join(150)
            ask(do="triggers", line="motion:4", dropped=0.0)
        after = ask(do="triggers", line="motion:4")
        dropped, doubled, delayed = (
            {n - before["emitted"] - 5 for n in after[fate] if n not in before[fate]}
            for fate in ("dropped", "doubled", "delayed")
        )
        if any(n < npoints for n in dropped):
            break
    fates = {"dropped": dropped, "doubled": doubled, "delayed": delayed}
    on_time, late = begun_by(npoints + 1, **fates, period=0.02, by=0.004, busy=0.0198)
    wrong = set(range(npoints)) - on_time
    assert wrong
    assert set(np.flatnonzero(scan["det_valid"] == 0).tolist()) == wrong
    of_card = {point for n in dropped | delayed for point in (n - 1, n)} | doubled
    assert set(np.flatnonzero(scan["ct1_valid"] == 0).tolist()) == {n for n in of_card if 0 <= n < npoints}
    assert scan["det_missing"].tolist() == [npoints + 1 - len(on_time | late)]
    assert scan["det_late"].tolist() == [len(late)]
    assert scan["det_recorded"].tolist() == scan["det_received"].tolist()
    with h5py.File(file_of(scan)) as file:
        frames = file[f"{scan.number}.1/instrument/det/data"]
        blank = {index for index in range(npoints) if frames[index, 0, 0] == BLANK}
    assert blank == wrong - late
    assert any(remark.startswith("det: ") and "marked in valid" in remark for remark in scan.remarks)


def test_frames_that_are_lost_on_their_way_are_told_from_triggers_that_did_not_come(detector, home, ask):
    for _ in range(5):  # on a slow machine the scan may have ended before they are lost
        scan = take(Scans(detector), 60, save=False, run=False)
        losing = when(
            lambda scan=scan: (
                scan.state in State.ENDED or (scan.stream is not None and scan.stream.extent("det").length > 5)
            ),
            lambda: ask(do="fault", instrument="eiger", axis=3, fault="lost"),
        )
        try:
            scan.run()
        finally:
            losing.join(150)
            ask(do="fault", instrument="eiger", axis=0, fault="lost")
        lost = np.flatnonzero(scan["det_valid"] == 0).tolist()
        if len(lost) == 3:
            break
    assert lost == [lost[0], lost[0] + 1, lost[0] + 2]
    assert (scan["det_received"][0], scan["det_recorded"][0], scan["det_missing"][0]) == (66, 63, 3)
    assert np.flatnonzero(scan["valid"] == 0).tolist() == lost
    assert scan["ct1_valid"].all()
    assert any("3 of them not recorded" in remark for remark in scan.remarks)


def test_a_signal_that_stays_on_exposes_for_as_long_and_an_echo_that_makes_it_longer_is_marked(detector, home, ask):
    npoints, longer = 40, set()
    for _ in range(5):  # chance, or a slow machine, may let none have an echo
        scan = Scans(detector).fscan("rot", 0, 0.05, npoints, 0.02, "gdet", "i0", run=False)
        before = ask(do="triggers", line="motion:4")
        disturbing = when(
            lambda scan=scan: (
                scan.state in State.ENDED or (scan.stream is not None and scan.stream.extent("rot_triggers").length > 5)
            ),
            lambda: ask(do="triggers", line="motion:4", doubled=0.1, by=0.0075),
        )
        try:
            scan.run()
        finally:
            disturbing.join(150)
            ask(do="triggers", line="motion:4", doubled=0.0)
        doubled = {n - before["emitted"] - 5 for n in ask(do="triggers", line="motion:4")["doubled"]}
        longer = {n for n in doubled if 0 <= n < npoints}
        if longer:
            break
    assert longer
    assert scan.state == "COMPLETED"
    # The signal is on for 19.8 ms, and for 27.3 ms with an echo: the next pulse makes it longer again, and begins none.
    wrong = {point for point in range(npoints) if scan["gdet_valid"][point] == 0}
    assert longer <= wrong <= longer | {n + 1 for n in longer}
    sums, good = scan["gdet_ring_sum"], np.flatnonzero(scan["gdet_valid"])
    assert len(good)
    with h5py.File(file_of(scan)) as file:
        entry = file[f"{scan.number}.1"]
        assert entry["instrument/gdet/count_time"][()] == pytest.approx(0.99 * 0.02 - 1e-7)
        for point in good[:3]:
            frame = entry["instrument/gdet/data"][point]
            assert frame[430:630, 730:790].sum(dtype=np.int64) == sums[point]


def test_two_detectors_at_the_same_triggers_are_exposed_for_the_same_time(detector, home):
    scan = Scans(detector).fscan("rot", 0, 0.05, 20, 0.04, "det", "gdet", "i0", save=False)
    assert scan.state == "COMPLETED"
    for name in ("det", "gdet"):
        assert [scan[f"{name}_{what}"].tolist() for what in ("emitted", "received", "recorded")] == [[26]] * 3
        assert scan[f"{name}_valid"].all()
    means = scan["det_ring_sum"].mean(), scan["gdet_ring_sum"].mean()
    assert means[1] == pytest.approx(means[0], rel=0.02)


def test_a_tomogram_has_its_projections_at_hardware_triggers_and_its_fields_at_rest(detector, home):
    scan = tomogram(Scans(detector))
    assert scan.state == "COMPLETED"
    assert scan["image_key"].tolist() == KEYS
    assert scan["det_emitted"].tolist() == scan["det_recorded"].tolist() == scan["ct1_recorded"].tolist() == [18]
    assert scan["valid"].all()
    assert scan["rot"][4:16] == pytest.approx(0.25 + 0.5 * np.arange(12), abs=1e-3)
    assert scan["samy"] == pytest.approx([*[18] * 2, *[15] * 2, *[18] * 12, 15], abs=1e-3)
    assert (np.diff(scan["elapsed_time"]) > 0).all()
    file = file_of(scan)
    entry_name = f"/{scan.number}.1"
    with h5py.File(file) as opened:
        sums = opened[f"{entry_name}/instrument/detector/data"][:].sum(axis=(1, 2), dtype=np.int64)
        assert opened[f"{entry_name}/instrument/detector/count_time"][:] == pytest.approx(0.99 * 0.06 - 1e-7)
    flat, projections = sums[2:4].mean(), sums[4:16]
    assert sums[:2].max() < 0.01 * flat
    assert projections.min() > 1.5 * flat  # rings come in addition
    assert sums[16] == pytest.approx(flat, rel=0.05)
    said = subprocess.run(
        [Path(sys.executable).parent / "nxvalidate", "-p", entry_name, "-a", "NXtomo", file],
        capture_output=True,
        text=True,
    ).stdout
    assert re.search(r"Total number of errors: (\d+)", said)[1] == "0", said


def test_the_time_goes_on_in_a_tomogram_with_flat_fields_behind_it_only(detector, home):
    scan = Scans(detector).fulltomo("rot", 6, 12, 0.06, "det", "i0", **FIELDS | {"darks": 0, "flats": 0}, save=False)
    elapsed = scan["elapsed_time"]
    assert elapsed[0] == 0
    assert (np.diff(elapsed) > 0).all()


def test_what_the_detector_cannot_do_is_said_before_anything_moves(detector, home):
    scans, before = Scans(detector), detector["rot"].position
    with pytest.raises(OutOfRange, match=r"det: cannot take a frame each 0\.001 s at triggers, it takes 510 frames/s"):
        scans.fscan("rot", 0, 0.01, 10, 0.001, "det", save=False)
    with pytest.raises(NotAllowed, match=r"frames of det longer than 0\.25 s need no hardware triggers"):
        scans.fscan("rot", 0, 0.01, 10, 0.5, "det", triggers="hardware", save=False)
    assert detector["rot"].position == before


NAMES_OF_FRAMES = ("det_ring_sum", "det_valid", "ct1_valid", "valid", "i0", "rot", "rot_start")

ACTIONS = {
    "stop": (lambda scan: scan.stop("somebody"), State.ABORTED),
    "Ctrl-C": (interrupt, State.ABORTED),
}


def expect_in_order(detector, scan, wait_for):
    lengths = {
        len(scan[name]) for name in ("i0", "det_ring_sum", "det_valid", "ct1_valid", "valid", "rot", "image_key")
    }
    assert len(lengths) == 1
    valid = scan["valid"] != 0
    for name in ("i0", "det_ring_sum", "rot", "rot_start", "samy"):
        assert np.isfinite(scan[name][valid]).all()
    for name in ("rot", "samy", "det", "ct1"):
        wait_for(lambda name=name: detector[name].state == "ON", 150, f"{name} is at rest")
    assert detector["samy"].position == pytest.approx(18.0, abs=1e-3)
    assert detector["fsh"].state == "OPEN"
    following = take(Scans(detector), 5, save=False)
    assert (following.state, following["valid"].all()) == (State.COMPLETED, True)
    return lengths.pop()


@pytest.mark.parametrize("what", ACTIONS)
def test_at_a_random_moment_a_tomogram_ends_in_order_and_the_next_scan_works(detector, home, what, wait_for):
    draw = random.Random(f"{os.environ.get('RONDA_SEED', '1')} {what}")
    action, expected = ACTIONS[what]
    index, delay = draw.randrange(len(KEYS) - 1), draw.uniform(0.0, 0.3)
    print(f"{what} {delay:.3f} s after point {index}")
    once = Once(index, delay, action, beside=action is not interrupt)
    scans = Scans(detector, observers=[once])
    with contextlib.suppress(RondaError, KeyboardInterrupt):
        tomogram(scans, save=False)
    if once.later is not None:
        once.later.join()
    scan = scans.last
    length = expect_in_order(detector, scan, wait_for)
    assert length > index
    assert scan.state == expected or (length == len(KEYS) and scan.state == State.COMPLETED)


def test_a_detector_whose_server_is_killed_makes_the_scan_fail_and_is_there_for_the_next(
    detector, running, home, wait_for
):
    draw = random.Random(f"{os.environ.get('RONDA_SEED', '1')} kill")
    index = draw.randrange(len(KEYS) - 1)
    pid = int(running.servers()["detector"]["pid"])
    killed = threading.Event()

    def kill(scan):
        killed.set()
        os.kill(pid, signal.SIGKILL)

    scans = Scans(detector, observers=[Once(index, 0.0, kill, beside=True)])
    with contextlib.suppress(RondaError):
        tomogram(scans, save=False)
    wait_for(killed.is_set, 150, "the server was killed")
    scan = scans.last
    assert scan.state == State.FAILED or len(scan["rot"]) == len(KEYS)

    def reached():
        with contextlib.suppress(RondaError):
            return int(running.servers()["detector"]["pid"]) not in (0, pid) and detector["det"].state == "ON"

    wait_for(reached, 300, "the detector is there again")
    assert len({len(scan[name]) for name in ("i0", "det_valid", "valid", "rot", "image_key")}) == 1
    assert detector["samy"].position == pytest.approx(18.0, abs=1e-3)
    following = take(Scans(detector), 5, save=False)
    assert (following.state, following["valid"].all()) == (State.COMPLETED, True)


@pytest.mark.parametrize("what", ["detector", "writer", "redis"])
def test_what_is_killed_while_triggers_start_frames_leaves_a_file_that_fits_and_a_next_scan_that_works(
    detector, running, home, what, wait_for
):
    npoints = 120
    index = random.Random(f"{os.environ.get('RONDA_SEED', '1')} {what} of frames").randrange(npoints - 20)
    print(f"{what} is killed from point {index} on")
    pid = int(running.servers()[what]["pid"])
    blow = threading.Event()

    def kill(_):
        os.kill(pid, signal.SIGKILL)
        blow.set()

    scans = Scans(detector, observers=[Once(index, 0.0, kill, beside=True)])
    with contextlib.suppress(RondaError):
        scans.fscan("rot", 0, 0.02, npoints, 0.01, "det", "i0")
    scan = scans.last
    wait_for(lambda: scan.stream.state in State.ENDED, 150, "the end of the scan")
    wait_for(blow.is_set, 150, "the blow")
    wait_for(lambda: int(running.servers()[what]["pid"]) not in (0, pid), 150, f"{what} runs again")
    with h5py.File(file_of(scan)) as file:
        measured = {name: file[f"{scan.number}.1/measurement/{name}"] for name in NAMES_OF_FRAMES}
        lengths = {len(data) for data in measured.values()}
        frames = file[f"{scan.number}.1/instrument/det/data"]
        reached = len(frames)
        valid, sums = measured["det_valid"][:], measured["det_ring_sum"][:]
        for point in range(len(frames)):
            frame = frames[point]
            if valid[point] == 1:
                assert frame[430:630, 730:790].sum(dtype=np.int64) == sums[point]
            else:
                assert frame[0, 0] == BLANK
    assert len(lengths) == 1
    assert reached == scan.stream.extent("det").length, "all frames that were published are in the file"
    if what == "detector":
        assert scan.stream.state == State.FAILED or len(scan["rot"]) == npoints
    else:  # nothing is lost
        assert (scan.stream.state, lengths, valid.all()) == (State.COMPLETED, {npoints}, True)

    def again():
        with contextlib.suppress(RondaError):
            following = take(Scans(detector), 5, save=False)
            return following.state == State.COMPLETED and following["valid"].all()

    wait_for(again, 150, "a scan that works")
    assert [detector[name].state for name in ("rot", "det", "ct1")] == ["ON"] * 3
