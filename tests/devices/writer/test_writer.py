"""The writer as a Tango device: state, progress, lag, and its commands."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import h5py
import pytest
import tango

from ronda.devices.writer.writer import Files
from ronda.framework.config.kinds import load_kind
from ronda.framework.errors import ConfigurationError
from ronda.framework.nexus.checksum import checksum_file


def progress(proxy, scan):
    return next((one for one in json.loads(proxy.Progress) if one["identifier"] == scan.identifier), {})


def test_an_idle_writer_says_so(start, wait_for):
    proxy = start()
    wait_for(lambda: proxy.state() == tango.DevState.ON, 150, "it is on")
    assert proxy.status() == "w1: waiting for scans"
    assert (proxy.OpenFiles, proxy.LagBytes, proxy.LagSeconds, proxy.LastError) == (0, 0, 0.0, "")


def test_a_writing_writer_tells_its_progress(start, stream, data, scan_of, wait_for):
    proxy = start()
    scan = scan_of(stream, 4)
    wait_for(lambda: progress(proxy, scan).get("points") == {"dev": 4}, 150, "the points are in the file")
    wait_for(lambda: proxy.state() == tango.DevState.RUNNING, 150, "it runs")
    assert proxy.status() == "w1: writing 1 scan"
    assert progress(proxy, scan)["file"] == str(data / "s" / f"scan_{scan.number:04d}.h5")
    assert progress(proxy, scan)["state"] == "writing"


def test_a_closed_file_is_told(start, stream, scan_of, wait_for):
    proxy = start()
    scan = scan_of(stream, 4, ended=True)
    told = wait_for(lambda: (now := progress(proxy, scan)).get("state") == "closed" and now, 150, "closed")
    with h5py.File(told["file"]) as file:
        assert file[f"{scan.number}.1/measurement/x"][:].tolist() == [0, 1, 2, 3]


def test_flush_returns_when_the_points_are_in_the_file(start, stream, scan_of, wait_for):
    proxy = start()
    scan = scan_of(stream, 0)
    wait_for(lambda: progress(proxy, scan), 150, "it has the scan")
    publisher = scan.publisher("dev")
    for points in range(1, 6):
        publisher.publish({"x": 0})
        wait_for(lambda at=points: proxy.Flush() or scan.acknowledged("writer")["dev"] == at, 150, "flushed")


def test_a_paused_writer_falls_behind_and_catches_up(start, stream, scan_of, wait_for):
    proxy = start()
    wait_for(lambda: proxy.state() == tango.DevState.ON, 150, "it is on")
    proxy.Pause()
    wait_for(lambda: proxy.state() == tango.DevState.STANDBY, 150, "it is paused")
    scan = scan_of(stream, 4, ended=True)
    wait_for(lambda: proxy.LagBytes > 0 and proxy.LagSeconds > 0, 150, "it is behind")
    proxy.Resume()
    wait_for(lambda: progress(proxy, scan).get("state") == "closed", 150, "it has caught up")
    wait_for(lambda: proxy.LagBytes == 0, 150, "it is not behind any more")


def test_rewrite_makes_a_damaged_file_again(start, stream, scan_of, wait_for):
    proxy = start()
    scan = scan_of(stream, 4, ended=True)
    file = wait_for(lambda: (now := progress(proxy, scan)).get("state") == "closed" and now["file"], 150, "closed")
    with pytest.raises(tango.DevFailed, match="is there and intact"):
        proxy.Rewrite(scan.identifier)
    with Path(file).open("ab") as damaged:
        damaged.write(b"x")
    assert proxy.Rewrite(scan.identifier) == file
    wait_for(lambda: progress(proxy, scan).get("state") == "closed", 150, "closed again")
    with h5py.File(file) as again:
        assert again[f"{scan.number}.1/measurement/x"][:].tolist() == [0, 1, 2, 3]


def test_rewriting_an_unknown_scan_is_refused(start, wait_for):
    proxy = start()
    wait_for(lambda: proxy.state() == tango.DevState.ON, 150, "it is on")
    with pytest.raises(tango.DevFailed, match="scan 999: is not in memory"):
        proxy.Rewrite("999")


def test_a_full_disk_is_an_alarm(start, stream, scan_of, wait_for):
    proxy = start(minimum_free=1e12)
    scan_of(stream, 1)
    wait_for(lambda: proxy.state() == tango.DevState.ALARM, 150, "alarm")
    assert "the disk has no room for" in proxy.status()
    assert "the disk has no room for" in proxy.LastError


def test_a_stopped_server_leaves_a_flushed_file_and_the_next_one_closes_it(start, rig, stream, data, scan_of, wait_for):
    proxy = start()
    scan = scan_of(stream, 4)
    wait_for(lambda: progress(proxy, scan).get("points") == {"dev": 4}, 150, "the points are in the file")
    publisher = scan.publisher("dev")
    publisher.publish({"x": 4})
    rig.servers["writer"].end(signal.SIGTERM)
    start()
    publisher.seal()
    scan.set_state("COMPLETED")
    file = data / "s" / f"scan_{scan.number:04d}.h5"
    wait_for(lambda: checksum_file(file).exists(), 150, "closed")
    with h5py.File(file) as saved:
        assert saved[f"{scan.number}.1/measurement/x"][:].tolist() == [0, 1, 2, 3, 4]


def test_a_writer_takes_no_driver():
    with pytest.raises(ConfigurationError, match="a writer takes no driver"):
        load_kind("writer").parameters(object)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{sample.__class__}/{number}.h5", "{sample.__class__} is not a field"),
        ("../{number}.h5", "must be relative to the data root"),
        ("/tmp/{number}.h5", "must be relative to the data root"),
        ("{number:04d}.h5", "{number:04d} is not a field"),
        ("{number", "a brace without its partner"),
    ],
)
def test_a_path_template_takes_plain_fields_only(template, message):
    model = load_kind("writer").parameters(None)
    with pytest.raises(ValueError, match="path template") as caught:
        model.model_validate({"kind": "writer", "scan_path": template})
    assert message in str(caught.value)


def test_a_writer_that_may_not_give_files_away_is_refused_an_owner(monkeypatch, data):
    monkeypatch.setattr("ronda.framework.nexus.ownership._may_give_away", lambda: False)
    parameters = load_kind("writer").parameters(None)(kind="writer", data_root=str(data), owner="{session}")
    with pytest.raises(ConfigurationError, match="the files cannot be given to the owner"):
        Files("w1", parameters, {}, None).connect()
