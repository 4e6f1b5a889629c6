"""Files that others have touched: references and objects are refused by everything that reads."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from ronda.framework.errors import ServiceFailed
from ronda.framework.nexus.check import check
from ronda.framework.nexus.checksum import checksum_file
from ronda.framework.nexus.opening import SavedScan, open_scan
from ronda.framework.stream import State

DATA = "1.1/instrument/diode/data"

OBJECTS = {
    "references": h5py.ref_dtype,
    "region references": h5py.regionref_dtype,
    "arrays of variable length": h5py.vlen_dtype(np.int32),
    "arrays of references": h5py.vlen_dtype(h5py.ref_dtype),
    "references in a field": np.dtype([("x", "<f8"), ("y", h5py.ref_dtype)]),
}


@pytest.fixture
def saved(stream, paths, start_writer, describe, publish, wait_for):
    """A scan that is in memory and in its file."""
    start_writer()
    scan = stream.open_scan(describe(20))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 20, seal=True)
    scan.set_state(State.COMPLETED)
    path = paths.root / "scan_0001.h5"
    wait_for(lambda: checksum_file(path).exists() and not scan.behind(), "closed")
    return scan, path


def put(path, name, dtype, shape=(20,)):
    with h5py.File(path, "r+") as file:
        del file[name]
        file.create_dataset(name, shape, dtype)


@pytest.mark.parametrize("dtype", OBJECTS.values(), ids=OBJECTS)
def test_every_reader_refuses_objects(stream, saved, dtype):
    scan, path = saved
    put(path, DATA, dtype)
    refused = r"scan_0001\.h5: .*instrument/diode/data holds references or objects, which are not read"
    with pytest.raises(ServiceFailed, match=refused):
        SavedScan(path, 1, scan.description).read("ct1", "diode", 0, 5)
    with pytest.raises(ServiceFailed, match=refused):
        check(path, stream)
    with pytest.raises(ServiceFailed, match=refused):
        open_scan(path)


def test_objects_in_attributes_are_refused(saved):
    _, path = saved
    with h5py.File(path, "r+") as file:
        file[DATA].attrs.create("owner", file["1.1"].ref, dtype=h5py.ref_dtype)
    with pytest.raises(ServiceFailed, match="data, attribute owner, holds references or objects"):
        open_scan(path)


def test_numbers_of_another_type_or_shape_than_the_scan_says_are_refused(saved):
    scan, path = saved
    put(path, DATA, "<f8")
    with pytest.raises(ServiceFailed, match=r"has the type float64 .* points of this channel are int32 of the shape"):
        SavedScan(path, 1, scan.description).read("ct1", "diode", 0, 5)
    put(path, DATA, "<i4", (20, 2))
    with pytest.raises(ServiceFailed, match=r"and the shape \(20, 2\); points of this channel are int32"):
        SavedScan(path, 1, scan.description).read("ct1", "diode", 0, 5)


@pytest.mark.parametrize("name", ["1.1/entry_identifier", "1.1/writer/state", "1.1/end_reason"])
def test_what_should_be_a_text_and_is_none_is_told(stream, saved, name):
    _, path = saved
    put(path, name, h5py.ref_dtype, ())
    with pytest.raises(ServiceFailed, match=r"is not a text as it was written|holds references or objects"):
        check(path, stream)


def test_a_file_that_lacks_something_is_told_by_the_check(stream, saved):
    _, path = saved
    with h5py.File(path, "r+") as file:
        del file[DATA]
    assert any("its tree is not the one that was written" in fault for fault in check(path, stream).faults)


def test_texts_numbers_and_images_are_read(saved):
    _, path = saved
    entry = open_scan(path)
    assert entry["title"][()] == b"ascan(samx, 0, 1, 10, 0.1)"
    assert entry["measurement/spectrum"].shape == (20, 16)
    entry.file.close()
