"""Sources that nobody triggers, on the example beamline of a pulsed machine: each frame has the id of its pulse, and
what is lost, doubled or swapped on the way shifts no other; joins by pulse id, live and on the file."""

import contextlib
import os
import re
import shutil
import signal
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - reads the compressed frames
import numpy as np
import pytest

from ronda.framework.analysis.files import analyse
from ronda.framework.analysis.pipeline import Pipeline, Step
from ronda.framework.errors import RondaError
from ronda.framework.scan.standard import Scans
from ronda.framework.stream.description import State
from tests.conftest import Beamline as Running
from tests.framework.scan.conftest import Recorder, connect, simulators_of

EXAMPLE = Path(__file__).parents[3] / "config" / "examples" / "pulsed"

HOW_TO = Path(__file__).parents[3] / "docs" / "how-to" / "measure-pulse-by-pulse.md"

PIXELS, OFFSET = 96 * 92, 100
"""Of the region of the example, and what each of them shows without light."""


@pytest.fixture(scope="module")
def running(ronda, tmp_path_factory):
    """The example, running."""
    folder = tmp_path_factory.mktemp("example") / "pulsed"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".ronda", "data"))
    try:
        ronda("up", folder, "--detach")
        yield Running(folder, ronda.exports(folder), ronda)
    finally:
        ronda("down", folder, code=None)


@pytest.fixture(scope="module")
def pulsed(running, wait_for):
    """The same as scans see it."""
    connected = connect(running.exports)
    for name in ("pcam", "monitor", "samy", "shots"):
        wait_for(lambda name=name: connected[name].state == "ON", 150, f"{name} is connected")
    yield connected
    connected.close()


@pytest.fixture
def ask(running):
    return simulators_of(running.folder)


@contextlib.contextmanager
def saved(scan):
    found = scan.wait_for_file(150)
    assert found.closed, found
    with h5py.File(found.path) as file:
        yield file


def check_pulses(measured, name):
    """The pulses in the file are those of the points, each once; returns their ids."""
    good = measured[f"{name}_pulse_status"][:] == 0
    pulses, points = (measured[f"{name}_{what}"][:][good] for what in ("pulse_id", "pulse_point"))
    assert (np.diff(pulses.astype(np.int64)) > 0).all()
    for index, count in enumerate(measured[f"{name}_count"][:].astype(int)):
        own = pulses[points == index]
        assert len(own) == count
        if count:  # a machine that stands still for a second may have none
            assert (own[0], own[-1]) == (measured[f"{name}_first"][index], measured[f"{name}_last"][index])
            assert own[-1] - own[0] + 1 <= count + measured[f"{name}_missing"][index]
    assert len(pulses)
    return pulses


def check_frames(measured):
    """Each frame is of the same pulse as its numbers."""
    frames, spots = measured["pcam_frame"], measured["pcam_pulse_spot"][:]
    assert len(frames) == len(spots) == len(measured["pcam_pulse_id"])
    for index in (0, len(spots) // 2, len(spots) - 1):
        assert frames[index, 50:142, 80:176].sum(dtype=np.int64) == spots[index]


def check_partners(joined):
    """What was joined is of the same pulse: light on the camera goes with the energy that the monitor saw."""
    partner = joined["shots_partner"][:] >= 0
    light = joined["shots_pcam_pulse_spot"][:][partner] - PIXELS * OFFSET
    ratio = light / joined["shots_monitor_pulse_energy"][:][partner]
    assert ratio == pytest.approx(np.full(len(ratio), np.median(ratio)), rel=0.06)  # pulses differ by 50 %
    return int(partner.sum())


def test_each_frame_is_in_the_file_with_the_id_of_its_pulse(pulsed, wait_for):
    def undisturbed():
        """A scan; none if the machine stood still for a second, for which points do not wait."""
        scan = Scans(pulsed).loopscan(4, 0.1, "pcam")
        assert scan.state == "COMPLETED"
        return scan if (scan["pcam_count"] + scan["pcam_missing"] >= 9).all() else None

    scan = wait_for(undisturbed, 150, "a scan with all its pulses")
    with saved(scan) as file:
        measured = file[f"{scan.number}.1/measurement"]
        pulses = check_pulses(measured, "pcam")
        assert (measured["pcam_count"][:] + measured["pcam_missing"][:] >= 9).all()
        assert (measured["pcam_count"][:] + measured["pcam_missing"][:] <= 11).all()
        check_frames(measured)
        group = file[f"{scan.number}.1/instrument/pcam_frame"]
        every = group["pulse_id"][:].astype(np.int64)
        assert np.isin(pulses, every).all()
        assert np.diff(group["epoch"][:]) == pytest.approx(0.01 * np.diff(every), abs=1e-6)
    assert np.array_equal(scan["pcam_pulse_id"], every)


def test_what_belongs_to_a_pulse_is_joined_live_and_the_same_on_the_file(pulsed, tmp_path):
    scan = Scans(pulsed).ascan("samy", 12, 12.01, 3, 0.1, "pcam", "monitor")
    with saved(scan) as file:
        measured, joined = file[f"{scan.number}.1/measurement"], file[f"{scan.number}.2/measurement"]
        assert len(np.intersect1d(check_pulses(measured, "pcam"), check_pulses(measured, "monitor")))
        both = np.intersect1d(measured["pcam_pulse_id"][:], measured["monitor_pulse_id"][:])
        assert check_partners(joined) == len(both)
        page = re.findall(r"^```python\n(.*?)^```", HOW_TO.read_text(), re.MULTILINE | re.DOTALL)
        known = {}
        exec(page[-1], known)
        pulses, light, energy = known["same_pulse"](file[f"{scan.number}.1"])
        assert np.array_equal(pulses, both)
        partner = joined["shots_partner"][:] >= 0
        assert np.array_equal(light, joined["shots_pcam_pulse_spot"][:][partner])
        assert np.array_equal(energy, joined["shots_monitor_pulse_energy"][:][partner])
        live = {name: joined[name][:] for name in joined if name.startswith("shots_") and "event" not in name}
        path = Path(file.filename)
    inputs = {"left": "pcam_pulse_spot", "right": "monitor_pulse_*"}
    again = Pipeline("shots", [Step("join", inputs=inputs, parameters={"by": "pulse"})], folder=tmp_path)
    with h5py.File(analyse(again, path, output=tmp_path / "again.h5").file) as file:
        [group] = [one for one in file["analysis"].values() if isinstance(one, h5py.Group) and "shots_partner" in one]
        assert live.keys() == {name for name in group if name != "epoch"}
        for name, values in live.items():
            np.testing.assert_array_equal(group[name][:], values, name)


def test_messages_that_go_astray_are_counted_and_shift_no_others(pulsed, ask, wait_for):
    def astray():
        for fault, count in (("lost", 7), ("doubled", 5), ("swapped", 3)):
            ask(do="fault", instrument="pcam", axis=count, fault=fault)

    before = ask(do="truth")["instruments"]["pcam"]
    recorder = Recorder()
    recorder.at(0, astray)
    scan = Scans(pulsed, "tests", "somebody", [recorder]).loopscan(6, 0.2, "pcam", "monitor")

    def known():
        told, truth = pulsed["pcam"].pulse_counts, ask(do="truth")["instruments"]["pcam"]
        went = {what: truth[what] - before[what] for what in ("lost", "doubled", "swapped", "dropped")}
        if went["lost"] + went["doubled"] + went["swapped"] < 15:
            return False
        # where the machine stood still between the two that are swapped, the second one is late
        known = (told["doubled"], told["swapped"] + told["late"]) == (5, 3)
        return known and 7 <= told["missing"] <= 7 + went["dropped"]  # these there was no room for

    wait_for(known, 60, "all that went astray is counted")
    with saved(scan) as file:
        measured = file[f"{scan.number}.1/measurement"]
        pulses = check_pulses(measured, "pcam")
        assert len(pulses) == measured["pcam_count"][:].sum()
        assert measured["pcam_doubled"][:].sum() <= 5
        check_pulses(measured, "monitor")
        check_frames(measured)
        check_partners(file[f"{scan.number}.2/measurement"])


def test_without_record_a_scan_has_means_only(pulsed):
    pulsed["monitor"].record = False
    try:
        scan = Scans(pulsed).loopscan(2, 0.05, "monitor")
    finally:
        pulsed["monitor"].record = True
    assert np.isfinite(scan["monitor_energy"]).all()
    with saved(scan) as file:
        assert "monitor_pulse_id" not in file[f"{scan.number}.1/measurement"]


def test_pulses_that_were_told_of_are_in_the_file_when_their_server_is_killed(pulsed, running, wait_for):
    pid = int(running.servers()["pulses"]["pid"])
    recorder = Recorder()
    recorder.at(3, lambda: os.kill(pid, signal.SIGKILL))
    scans = Scans(pulsed, "tests", "somebody", [recorder])
    with pytest.raises(RondaError):
        scans.loopscan(400, 0.05, "pcam")
    assert scans.last.state == State.FAILED
    told = {index: values["pcam_count"] for index, values in recorder.points}
    with saved(scans.last) as file:
        measured = file[f"{scans.last.number}.1/measurement"]
        good = measured["pcam_pulse_status"][:] == 0
        pulses, points = (measured[f"pcam_{what}"][:][good] for what in ("pulse_id", "pulse_point"))
        assert (np.diff(pulses.astype(np.int64)) > 0).all()
        assert len(told) >= 4
        for index, count in told.items():
            assert (points == index).sum() == count
        check_frames(measured)

    def reached():
        with contextlib.suppress(RondaError):
            return int(running.servers()["pulses"]["pid"]) not in (0, pid) and pulsed["pcam"].state == "ON"

    wait_for(reached, 150, "the server is there again")
    assert Scans(pulsed).loopscan(2, 0.05, "pcam", save=False).state == "COMPLETED"
