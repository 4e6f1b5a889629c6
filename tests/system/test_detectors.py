"""Camera and spectrum analyser of the running demo in scans, from the shell into their files."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest
import tango

from ronda.framework.stream import Stream
from ronda.framework.stream.frames.folder import find_ring, rings

BITSHUFFLE = str(hdf5plugin.Bitshuffle.filter_id)


@pytest.fixture
def url(demo: Any) -> str:
    """Address of the demo's stream, as rings know it."""
    return str(demo.exports["RONDA_REDIS_URL"].strip("'"))


@pytest.fixture
def stream(url: str) -> Iterator[Stream]:
    """The demo's stream."""
    connected = Stream.connect(url)
    yield connected
    connected.close()


def newest(demo: Any) -> Path:
    """The scan's file made last."""
    return max((demo.folder / "data").rglob("scan_*.h5"), key=lambda file: file.stat().st_mtime)


def is_ready(demo: Any, name: str) -> bool:
    """Whether a device answers that it is ready."""
    try:
        return str(demo.device(name).state()) == "ON"
    except tango.DevFailed:
        return False


SESSION = """
cam.add_roi("corner", 0, 0, 32, 16)
mca.add_roi("low", 0, 99, "channel")
try:
    ct(0.005, cam_corner_avg, "mca")
    loopscan(3, 0.005, cam, mca, diode)
finally:
    cam.remove_roi("corner")
    mca.remove_roi("low")
print("cam_corner_sum" in dir())
"""


def test_frames_spectra_and_regions_added_at_the_prompt_are_saved(demo: Any, ronda: Any) -> None:
    told = ronda("shell", demo.folder, "-c", SESSION).stdout

    assert "cam_corner_avg = " in told
    assert "mca_low = " in told
    assert told.rstrip().splitlines()[-1].startswith("scan ") or "False" in told
    with h5py.File(newest(demo)) as saved:
        entry = saved[saved.attrs["default"]]
        assert entry["end_reason"][()] == b"COMPLETED"
        cam, frames = entry["instrument/cam"], entry["instrument/cam/data"]
        assert (frames.shape, frames.dtype, frames.chunks) == ((3, 1024, 1024), np.dtype("<u2"), (1, 1024, 1024))
        assert BITSHUFFLE in frames._filters
        assert cam.attrs["NX_class"] == "NXdetector"
        assert (cam["count_time"][()], cam["x_pixel_size"][()], cam["x_pixel_size"].attrs["units"]) == (
            0.005,
            5e-6,
            "m",
        )
        assert entry["measurement/cam"] == frames
        corner = frames[:, :16, :32].astype(float)
        assert np.array_equal(entry["measurement/cam_corner_sum"], corner.sum(axis=(1, 2)))
        assert np.allclose(entry["measurement/cam_corner_std"], corner.std(axis=(1, 2)))
        assert np.array_equal(entry["instrument/cam_corner_sum/roi"], [0, 0, 32, 16])
        assert np.array_equal(cam["beam_x"], entry["measurement/cam_x"])
        mca = entry["instrument/mca"]
        assert (mca["data"].shape, mca["data"].dtype) == ((3, 4096), np.dtype("<u4"))
        assert np.allclose(mca["energy"], 0.005 * np.arange(4096))
        assert np.array_equal(entry["measurement/mca_low"], mca["data"][:, :100].sum(axis=1))
        assert np.array_equal(mca["live_time"], entry["measurement/mca_live_time"])
        assert {"elapsed_time", "dead_time", "preset_time"} <= set(mca)
        plot = entry[entry.attrs["default"]]
        assert plot[plot.attrs["signal"]].ndim == 1
        assert entry["measurement/diode"].shape == (3,)


def test_a_measurement_that_a_detector_cannot_do_is_refused_before_a_scan(demo: Any, ronda: Any) -> None:
    told = ronda("shell", demo.folder, "-c", "loopscan(3, 100, cam, diode)", code=1).stdout
    assert "cam: cannot measure for 100 s, it can for 0.0001 to 60 s" in told


def test_a_scan_whose_camera_dies_fails_with_a_sentence_and_keeps_its_frames(
    demo: Any, stream: Stream, url: str, wait_for: Any
) -> None:
    known = {record.identifier for record in stream.scans()}
    command = [Path(sys.executable).parent / "ronda", "shell", demo.folder, "-c", "loopscan(500, 0.05, cam, diode)"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        found = wait_for(
            lambda: [one for one in stream.scans() if one.identifier not in known and one.state == "RUNNING"],
            150,
            "the scan runs",
        )
        scan = stream.scan(found[0].identifier)
        wait_for(lambda: scan["measurement/cam_x"].shape[0] > 5, 150, "frames are measured")
        [ring] = [path.name for path in rings(url) if "-cam-" in path.name]
        server = demo.servers()["counters"]["pid"]
        os.kill(server, signal.SIGKILL)
        told, _ = process.communicate(timeout=150)
    finally:
        process.kill()
        process.communicate()

    assert process.returncode != 0
    # of the two that died the scan asks one first, before or after its server is up again
    assert re.search(r"(cam|ct1): (point \d+ of scan \d+ did not come|does not take part in scan)", told)
    assert scan.state == "FAILED"
    file = Path(wait_for(lambda: scan.note("writer"), 150, "a writer has the scan"))
    wait_for(lambda: Path(f"{file}.sha256").exists(), 150, "the file is closed")
    with h5py.File(file) as saved:
        entry = saved[saved.attrs["default"]]
        assert entry["end_reason"][()] == b"FAILED"
        frames, sums = entry["measurement/cam"], entry["measurement/cam_beam_sum"]
        measured = frames.shape[0]  # the point in hand was lost with the camera; others may have it
        assert 5 < measured <= sums.shape[0] == entry["measurement/diode"].shape[0] <= measured + 1
        assert np.isnan(sums[measured:]).all()
        assert np.isfinite(sums[:measured]).all()
        assert sums[measured - 1] == frames[measured - 1, 452:572, 392:632].sum(dtype=float)
        assert len(entry["writer/missing"]) == 0
    wait_for(lambda: is_ready(demo, "cam"), 150, "the camera is back and ready")
    wait_for(lambda: find_ring(ring) is None, 150, "the memory of the dead server's frames is free")
