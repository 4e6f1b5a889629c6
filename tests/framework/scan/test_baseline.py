"""The baseline: attributes of any devices at the start and at the end of a scan."""

from __future__ import annotations

import math

import h5py
import pytest

from ronda.framework.clients.quantity import Quantity
from ronda.framework.errors import ServiceFailed
from ronda.framework.scan import baseline as module


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """The machine of the tests may be busy."""
    monkeypatch.setattr(module, "LIMIT", 60.0)
    monkeypatch.setattr(module, "SILENT_LIMIT", 60.0)


@pytest.fixture
def more(beamline, monkeypatch):
    """Adds an attribute to the baseline of this test."""
    group = beamline["MG1"]

    def add(name, attribute):
        quantity = Quantity(name, attribute, "", lambda address: beamline.remote(address, address))
        monkeypatch.setattr(group, "baseline", [*group.baseline, quantity])

    return add


def test_it_stands_in_the_file_with_units(scans):
    scan = scans.loopscan(1, 0.01, "i0")
    assert scan.remarks == []
    with h5py.File(scan.wait_for_file(60).path) as file:
        instrument = file[f"{scan.number}.1/instrument"]
        start, end = instrument["baseline_start"], instrument["baseline_end"]
        assert set(start) == {"ring_current", "crystal_temperature", "fast_shutter"}
        assert (start["ring_current"].attrs["units"], end["ring_current"].attrs["units"]) == ("mA", "mA")
        assert 150 < start["ring_current"][()] < 250
        assert end["ring_current"].shape == (1,)
        assert 150 < end["ring_current"][0] < 250
        assert start["crystal_temperature"].attrs["units"] == "K"
        assert start["fast_shutter"][()] in (b"open", b"closed")
        assert end["fast_shutter"][0] in (b"open", b"closed")
        assert "remarks" not in file[f"{scan.number}.1"]
        assert not {"ring_current", "ring_current in the end"} & set(file[f"{scan.number}.1/measurement"])


def test_what_does_not_answer_is_named_and_stops_nobody(scans, more):
    more("gone", "ct1/NoSuchThing")
    scan = scans.loopscan(1, 0.01, "i0")
    assert scan.state == "COMPLETED"
    assert [remark.partition(":")[0] for remark in scan.remarks] == [
        "gone is not known at the start",
        "gone is not known at the end",
    ]
    with h5py.File(scan.wait_for_file(60).path) as file:
        entry = file[f"{scan.number}.1"]
        assert entry["remarks"][()].decode().startswith("gone is not known at the start: ")
        assert "gone" not in entry["instrument/baseline_start"]
        assert math.isnan(entry["instrument/baseline_end/gone"][0])
        assert 150 < entry["instrument/baseline_end/ring_current"][0] < 250


def test_without_knowing_which_group_is_active_a_scan_goes_on(scans, beamline, monkeypatch):
    def nobody():
        raise ServiceFailed("the Tango database does not answer")

    monkeypatch.setattr(beamline.active_group, "get", nobody)
    scan = scans.loopscan(1, 0.01, "i0", save=False)
    assert scan.remarks == ["the baseline is not recorded: the Tango database does not answer"]
