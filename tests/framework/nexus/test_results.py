"""Results of live analysis in the file: an entry of their own, which may be complete after the scan, or never."""

from __future__ import annotations

import json
from dataclasses import replace

import h5py
import numpy as np

from ronda.framework.nexus import saving
from ronda.framework.nexus.file import identity
from ronda.framework.nexus.structure import CLOSED
from ronda.framework.stream import Channel, Device, State
from ronda.framework.stream.description import DERIVED, EACH_POINT, IN_STEP_WITH, SUBSCAN

STAGE = {"name": "total", "stage": "mine:total", "version": "3", "inputs": {"x": "i0"}, "parameters": {"limit": 2}}
TOLD = {"program": "ronda", "version": "9", "stages": [STAGE], "channels": ["i0"]}
RESULTS = Device(
    "sums", [Channel("sums_total")], {DERIVED: TOLD, EACH_POINT: True, SUBSCAN: 2, IN_STEP_WITH: 1, "tango": "x/y/sums"}
)


def opened_with_results(stream, description):
    scan = stream.open_scan(replace(description, devices=[*description.devices, RESULTS]))
    scan.set_state(State.RUNNING)
    return scan


def closed(path) -> bool:
    return path.exists() and (identity(path) or ("", ""))[1] == CLOSED


def test_results_may_come_after_the_end_and_say_how_they_were_made(
    stream, paths, start_writer, describe, publish, wait_for
):
    writer = start_writer()
    scan = opened_with_results(stream, describe(20))
    publish(scan, 0, 20, seal=True)
    scan.publisher("sums").publish_block({"sums_total": np.arange(5.0)})
    scan.set_state(State.COMPLETED)
    assert scan.extent("sums").end is None
    assert scan.extent("mca").end is not None
    path = paths.root / "scan_0001.h5"
    told = wait_for(lambda: [one for one in json.loads(writer.status().progress) if one["coming"]], "the rest is saved")
    assert told[0]["coming"] == ["sums"]
    assert told[0]["points"]["mca"] == 20
    assert not closed(path)
    with scan.publisher("sums") as publisher:
        assert publisher.index == 5
        publisher.publish_block({"sums_total": np.arange(5.0, 20.0)})
    wait_for(lambda: closed(path), "the file is closed")
    with h5py.File(path, locking=False) as file:
        assert np.array_equal(file["1.2/measurement/sums_total"][:], np.arange(20.0))
        process = file["1.2/process_total"]
        assert process.attrs["NX_class"] == "NXprocess"
        assert process["version"].asstr()[()] == "9"
        assert process["stage_version"].asstr()[()] == "3"
        assert json.loads(process["parameters"].asstr()[()]) == {"limit": 2}
        assert list(process["inputs"].asstr()[()]) == ["x = i0"]
    wait_for(lambda: not scan.behind(), "memory may let the scan go")


def test_results_of_a_pipeline_that_hangs_do_not_keep_the_file_open(
    stream, paths, start_writer, describe, publish, wait_for, monkeypatch
):
    monkeypatch.setattr(saving, "STALLED", 0.2)
    monkeypatch.setattr(saving, "ABANDONED", 1.0)  # a tenth is the time between two looks
    start_writer()
    scan = opened_with_results(stream, describe(20))
    publish(scan, 0, 20, seal=True)
    scan.publisher("sums").publish_block({"sums_total": np.arange(5.0)})
    stream.shared_work("sums").alive()
    scan.set_state(State.COMPLETED)
    wait_for(lambda: scan.extent("sums").end, "the results are given up")
    assert scan.extent("sums").end.sentence == "its pipeline gave none for 0.2 s; analyse the file"
    wait_for(lambda: not scan.behind(), "the file is closed")


def test_results_that_nobody_computes_do_not_keep_the_file_open(
    stream, paths, start_writer, describe, publish, wait_for, monkeypatch
):
    monkeypatch.setattr(saving, "ABANDONED", 0.2)
    start_writer()
    scan = opened_with_results(stream, describe(20))
    publish(scan, 0, 20, seal=True)
    scan.publisher("sums").publish_block({"sums_total": np.arange(5.0)})
    scan.set_state(State.COMPLETED)
    path = paths.root / "scan_0001.h5"
    wait_for(lambda: scan.extent("sums").end, "the results are given up")
    wait_for(lambda: closed(path), "the file is closed")
    end = scan.extent("sums").end
    assert end.kind == "failed"
    assert end.sentence == "its pipeline has not run for 0.2 s; analyse the file"
    with h5py.File(path, locking=False) as file:
        assert np.array_equal(file["1.2/measurement/sums_total"][:], np.arange(5.0))
