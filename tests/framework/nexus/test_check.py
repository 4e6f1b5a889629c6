"""Comparing a file with the stream."""

from __future__ import annotations

import h5py
import pytest

from ronda.framework.errors import NotFound
from ronda.framework.nexus.check import check
from ronda.framework.nexus.checksum import checksum_file, write_checksum
from ronda.framework.stream import State


@pytest.fixture
def saved(stream, paths, start_writer, describe, publish, wait_for):
    """The closed file of a scan of 20 points that is still in memory."""
    start_writer()
    scan = stream.open_scan(describe(20))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 20, seal=True)
    scan.set_state(State.COMPLETED)
    path = paths.root / "scan_0001.h5"
    wait_for(lambda: checksum_file(path).exists(), "closed")
    return path


def test_a_right_file_has_no_faults(stream, saved):
    found = check(saved, stream)
    assert found.faults == []
    assert (found.closed, found.intact, found.in_memory) == (True, True, True)
    assert found.compared == {"samx": (0, 20), "ct1": (0, 20), "mca": (0, 20)}


def test_a_changed_value_is_found(stream, saved):
    with h5py.File(saved, "r+") as file:
        file["1.1/instrument/diode/data"][7] = -1
    found = check(saved, stream)
    assert found.intact is False
    assert "diode: 1 points differ, the first is 7" in found.faults


def test_a_missing_point_is_found(stream, saved):
    with h5py.File(saved, "r+") as file:
        file["1.1/writer/positions"][1] = 19
    write_checksum(saved)
    assert check(saved, stream).faults == ["ct1: the file has 19 points, the stream 20"]


def test_a_file_is_checked_alone(saved):
    found = check(saved, None)
    assert (found.intact, found.in_memory, found.faults) == (True, False, [])


def test_what_is_no_file_of_a_scan_is_told(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w"):
        pass
    with pytest.raises(NotFound, match="is no file of a scan"):
        check(tmp_path / "a.h5", None)
    with pytest.raises(NotFound, match="there is no such file"):
        check(tmp_path / "b.h5", None)
