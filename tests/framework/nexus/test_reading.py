"""Reading scans while they are written and after: stock readers, viewers, and the fall-through from memory to file."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from ronda.framework.errors import NotFound
from ronda.framework.nexus.checksum import checksum_file
from ronda.framework.nexus.opening import open_scan
from ronda.framework.stream import Channel, Description, Device, State

READER = Path(__file__).with_name("tight_reader.py")
ANALYSIS = Path(__file__).with_name("analysis.py")


def test_a_stock_reader_never_fails_and_never_sees_a_wrong_value(
    stream, paths, writer_process, describe, publish, wait_for
):
    writer_process()
    scan = stream.open_scan(describe())
    path = paths.root / "scan_0001.h5"
    reader = subprocess.Popen([sys.executable, READER, path, "500"], stdout=subprocess.PIPE, text=True)
    scan.set_state(State.RUNNING)
    points = 0
    while reader.poll() is None:
        publish(scan, points, points + 7)
        points += 7
        time.sleep(0.01)
    report = json.loads(reader.communicate()[0])
    assert report["failures"] == []
    assert report["wrong"] == []
    assert report["opens"] >= 500
    assert report["points"] > 0, "it has seen data"
    publish(scan, points, points, seal=True)
    scan.set_state(State.COMPLETED)
    wait_for(lambda: checksum_file(path).exists(), "closed")
    with h5py.File(path) as file:
        assert np.array_equal(file["1.1/measurement/i0"][:], np.arange(points) + 0.5)


def test_an_open_viewer_hinders_neither_the_writer_nor_one_that_resumes(
    stream, paths, writer_process, describe, publish, wait_for
):
    first = writer_process()
    scan = stream.open_scan(describe(20))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 10)
    path = paths.root / "scan_0001.h5"
    wait_for(path.exists, "the file is there")
    with h5py.File(path):  # locks the file as viewers do
        wait_for(lambda: scan.acknowledged("writer")["ct1"] == 10, "written under an open viewer")
        first.kill()
        first.wait()
        writer_process()
        publish(scan, 10, 20, seal=True)
        scan.set_state(State.COMPLETED)
        wait_for(lambda: checksum_file(path).exists(), "resumed and closed under an open viewer")
    with h5py.File(path) as file:
        assert file["1.1/measurement/i0"].shape == (20,)


def analyse(scan):
    """What a user might write: it knows nothing of files and streams."""
    return {
        "sum": float(scan["measurement/i0"][:].sum()),
        "last": int(scan["measurement/diode"][-1]),
        "units": scan["measurement/samx"].attrs["units"],
        "every third": scan["measurement/spectrum"][::3, 2].tolist(),
        "title": scan["title"][()].decode(),
        "names": sorted(scan["measurement"].keys()),
        "end": scan["end_reason"][()].decode(),
        "default": scan[scan.attrs["default"]].attrs["signal"],
        "epoch": scan["instrument/ct1/epoch"][4],
    }


def test_the_same_function_gives_the_same_on_the_stream_and_the_file(
    stream, paths, start_writer, describe, publish, wait_for
):
    start_writer()
    scan = stream.open_scan(describe(30, title="a test"))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 30)
    live = analyse(open_scan("last", stream))
    publish(scan, 30, 30, seal=True)
    scan.set_state(State.COMPLETED)
    path = paths.root / "scan_0001.h5"
    wait_for(lambda: checksum_file(path).exists(), "closed")
    finished = analyse(open_scan(1, stream))
    saved = open_scan(path)
    assert finished == analyse(saved)
    assert {**live, "end": "COMPLETED"} == finished
    saved.file.close()


def analysed(url, which):
    done = subprocess.run([sys.executable, ANALYSIS, url, str(which)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_analysis_needs_no_tango_and_no_gevent_and_runs_unchanged_on_stream_and_file(
    url, stream, paths, start_writer, describe, publish, wait_for
):
    start_writer()
    scan = stream.open_scan(describe(10, title="a test"))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 10)
    running = analysed(url, "last")
    publish(scan, 10, 10, seal=True)
    scan.set_state(State.COMPLETED)
    path = paths.root / "scan_0001.h5"
    wait_for(lambda: checksum_file(path).exists(), "closed")
    assert running["sum"] == 50.0
    assert running["each"][0] == sum(range(16))
    assert analysed(url, "last") == running
    assert analysed(url, path) == running


def test_silx_finds_the_plot_of_a_running_scan(stream, describe, publish):
    from silx.io import is_dataset, is_file, is_group, nxdata

    scan = stream.open_scan(describe(20, consumers=()))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 7)
    entry = open_scan("last", stream)
    assert is_file(entry.file)
    assert is_group(entry)
    assert not is_file(entry)
    assert is_dataset(entry["title"])
    plot = nxdata.get_default(entry.file)
    assert plot.is_valid, plot.issues
    assert (plot.signal_dataset_name, plot.axes_dataset_names) == ("i0", ["samx"])
    assert np.asarray(plot.signal).tolist() == (np.arange(7) + 0.5).tolist()
    assert np.asarray(plot.axes[0]).tolist() == pytest.approx(np.arange(7) * 0.1)
    assert plot.axes_names == ["samx (mm)"]
    publish(scan, 7, 9)
    assert len(nxdata.get_default(entry).signal) == 9


def test_code_that_loops_over_frames_takes_a_running_scan(stream):
    """As programs for azimuthal integration do: by iteration and by index, an array of two axes each time."""
    camera = Device("cam", [Channel("image", "<u2", (24, 32))])
    scan = stream.open_scan(Description("loopscan(6, 0.1)", [camera]))
    scan.set_state(State.RUNNING)
    images = np.arange(6 * 24 * 32, dtype="<u2").reshape(6, 24, 32)
    scan.publisher("cam").publish_block({"image": images}, first=0)
    dataset = open_scan("last", stream)["measurement/image"]
    assert (dataset.shape, dataset.ndim, dataset.dtype, len(dataset)) == ((6, 24, 32), 3, np.dtype("<u2"), 6)
    mask = np.zeros((24, 32), bool)
    mask[:, ::2] = True
    looped = [np.ma.array(frame, mask=mask).sum() for frame in dataset]
    indexed = [np.ma.array(dataset[index], mask=mask).sum() for index in range(dataset.shape[0])]
    assert looped == indexed == [np.ma.array(image, mask=mask).sum() for image in images]
    assert dataset[2].flags.c_contiguous
    dataset[2][0, 0] = 1  # what is read may be changed
    assert np.array_equal(dataset[2], images[2])


def test_what_has_left_memory_comes_from_the_file(stream, paths, start_writer, describe, publish, wait_for):
    start_writer()
    scan = stream.open_scan(describe())
    scan.set_state(State.RUNNING)
    stream.configure(limit=60_000, comfort=10_000)
    for start in range(0, 800, 100):
        publish(scan, start, start + 100)
        wait_for(lambda at=start + 100: scan.acknowledged("writer")["mca"] == at, "saved")
    assert scan.extent("mca").first > 0
    assert scan.note("writer") == str(paths.root / "scan_0001.h5")
    entry = open_scan("last", stream)
    assert np.array_equal(entry["measurement/spectrum"][:, 3], np.arange(800) + 3)
    assert np.array_equal(entry["instrument/mca/epoch"][[0, 500, 799]], 1.7e9 + np.array([0, 500, 799]))


def test_a_file_that_is_not_there_is_told():
    with pytest.raises(NotFound, match=r"nowhere/scan\.h5: there is no such file"):
        open_scan("nowhere/scan.h5")


def test_a_scan_without_a_stream_is_told():
    with pytest.raises(NotFound, match="scan 7: no stream was given to look for it"):
        open_scan(7)
