"""Scans on the running demo, from the shell into their files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import tango

from ronda.framework.stream import Scan, Stream


def run(demo, ronda, code: str) -> str:
    return ronda("shell", demo.folder, "-c", code).stdout


def named(told: str) -> Path:
    """The file that the prompt names last."""
    return Path(told.rpartition(" saved: ")[2].split()[0])


def test_a_loopscan_is_saved_and_its_file_is_as_in_memory(demo, ronda) -> None:
    told = run(demo, ronda, "loopscan(5, 0.02, diode)")
    file = named(told)

    with h5py.File(file) as saved:
        entry = saved[saved.attrs["default"]]
        assert entry["end_reason"][()] == b"COMPLETED"
        assert entry["measurement/diode"].shape == (5,)
        assert not np.isnan(entry["measurement/diode"][:]).any()
        assert entry["measurement/diode"].attrs["units"] == "count"
        assert "samx" in entry["instrument/positioners_start"]
        assert entry["instrument/positioners_end/samx"].shape == (1,)
    assert "all as in memory" in ronda("check", file, "--beamline", demo.folder).stdout


def test_a_saved_file_is_made_again_only_if_it_is_damaged(demo, ronda) -> None:
    file = named(run(demo, ronda, "loopscan(3, 0.02, diode)"))

    assert "is there and intact" in ronda("write", "last", "--beamline", demo.folder, code=1).stdout
    with file.open("ab") as damaged:
        damaged.write(b"x")
    assert "its checksum is not the one noted" in ronda("check", file, "--beamline", demo.folder, code=1).stdout
    assert ronda("write", "last", "--beamline", demo.folder).stdout.strip() == str(file)
    assert "all as in memory" in ronda("check", file, "--beamline", demo.folder).stdout


@pytest.fixture
def stream(demo) -> Iterator[Stream]:
    """The demo's stream."""
    connected = Stream.connect(demo.exports["RONDA_REDIS_URL"].strip("'"))
    yield connected
    connected.close()


@pytest.fixture
def running(demo, stream, wait_for) -> Iterator[Callable[[], tuple[subprocess.Popen[str], Scan]]]:
    """Starts a long scan in a shell of its own; returns the process and the scan, once some points are measured."""
    processes: list[subprocess.Popen[str]] = []

    def start() -> tuple[subprocess.Popen[str], Scan]:
        known = {record.identifier for record in stream.scans()}
        command = [Path(sys.executable).parent / "ronda", "shell", demo.folder, "-c", "loopscan(100000, 0.01, diode)"]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        new = wait_for(
            lambda: [one for one in stream.scans() if one.identifier not in known and one.state == "RUNNING"],
            150,
            "the scan runs",
        )
        scan = stream.scan(new[0].identifier)
        wait_for(lambda: scan["measurement/diode"].shape[0] > 20, 150, "points are measured")
        return processes[-1], scan

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def saved_points(demo, scan: Scan, wait_for) -> np.ndarray:
    """What the closed file of a failed scan has of the diode; it must be all that was published."""
    file = Path(wait_for(lambda: scan.note("writer"), 150, "a writer has the scan"))
    wait_for(lambda: Path(f"{file}.sha256").exists(), 150, "the file is closed")
    with h5py.File(file) as saved:
        entry = saved[saved.attrs["default"]]
        assert entry["end_reason"][()] == b"FAILED"
        values = entry["measurement/diode"][:]
        assert entry["measurement/elapsed_time"].shape == values.shape
    published = scan.extent("ct1").length
    assert not np.isnan(values[:published]).any()
    assert np.isnan(values[published:]).all()  # the point in hand, which others had
    assert np.array_equal(values, scan["measurement/diode"][:], equal_nan=True)
    return values[:published]


def stands(demo, names=("ct1",)) -> bool:
    """Whether the card, or other devices, answer, and are in no scan."""
    try:
        return all(str(demo.device(name).state()) == "ON" for name in names)
    except tango.DevFailed:  # its server is just being started
        return False


def test_a_scan_whose_counter_card_dies_is_saved_with_all_that_was_published(demo, running, wait_for) -> None:
    process, scan = running()
    card = demo.servers()["counters"]["pid"]
    os.kill(card, signal.SIGKILL)

    told, _ = process.communicate(timeout=150)
    assert process.returncode != 0
    assert "ct1" in told
    assert len(saved_points(demo, scan, wait_for)) > 20
    wait_for(lambda: demo.servers()["counters"]["pid"] not in (card, None), 150, "the card's server is back")
    wait_for(lambda: stands(demo, ("ct1", "cam", "mca", "machine", "fsh", "digital")), 150, "its devices are ready")


def test_a_scan_whose_owner_dies_is_saved_with_all_that_was_published(demo, running, wait_for) -> None:
    process, scan = running()
    process.kill()

    wait_for(lambda: scan.state == "FAILED", 150, "somebody ends the scan")
    assert "has died" in scan.record().sentence
    assert len(saved_points(demo, scan, wait_for)) > 20
    wait_for(lambda: str(demo.device("ct1").state()) == "ON", 150, "the card has left the scan")
