"""What devices are set to, kept and restored by name and by time: ours, and those that others wrote."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tango

from ronda.framework.clients.remote import Remote
from ronda.framework.errors import BadValue, NotAllowed, NotFound
from ronda.framework.snapshots.plan import plan
from ronda.framework.snapshots.record import Snapshot, from_json
from ronda.framework.snapshots.restoring import Restoring
from ronda.framework.tango.errors import from_dev_failed
from tests.devices.conftest import wait_until
from tests.devices.data_logger.conftest import Pusher, stored

AXIS = {"unit": "mm", "steps_per_unit": 2000, "velocity": 4.0, "acceleration_time": 0.05, "limits": [-1, 10]}
SAMX = "test/axis/snapx"


@dataclass
class Bench:
    """A logger that follows an axis `snapx` and a device that none of us wrote."""

    rig: Any
    pusher: Pusher
    folder: Path

    def ask(self, command: str, **question: Any) -> Any:
        try:
            return json.loads(self.rig.proxy("snaplog").command_inout(command, json.dumps(question)))
        except tango.DevFailed as failed:
            raise from_dev_failed(failed) from failed

    def remote(self, device: str) -> Remote:
        return Remote(device, f"tango://{self.rig.tango_host}/{device}", tango.DeviceProxy)

    def snapshot(self, name: str, *devices: str) -> Snapshot:
        return from_json(self.ask("Snapshot", name=name, devices=devices), "the answer")

    def plan(self, name: str, **keys: Any) -> dict[str, Any]:
        """The steps of a restoration, by attribute."""
        return {step.setting: step for step in plan(self.snapshot(name), self.remote, **keys).steps}

    @property
    def axis(self) -> Any:
        return self.rig.ready("snapx")


@pytest.fixture(scope="module")
def running(rig: Any, simulate: Callable[..., Any], tmp_path_factory: Any) -> Any:
    folder = tmp_path_factory.mktemp("archive")
    simulators = simulate(snap={"type": "motor_controller", "axes": 1})
    address = simulators.address("snap")
    axes = {"snapx": {**AXIS, "channel": 1}}
    rig.register("snapmotors", {"mcs": {"kind": "motor", "driver": "simulated", "address": address, "axes": axes}})
    rules = [{"device": SAMX}, {"device": "test/pusher/snap", "period": 0.2}]
    rig.register("snaplog", {"snaplog": {"kind": "data_logger", "folder": str(folder), "rules": rules}})
    info = tango.DbDevInfo()
    info.name, info._class, info.server = "test/pusher/snap", "Pusher", "Pusher/snap"
    rig.database().add_device(info)
    (folder / "pushed").touch()
    pusher = Pusher.start(rig.tango_host, "snap", folder / "pushed")
    rig.start("snapmotors")
    rig.start("snaplog")
    bench = Bench(rig, pusher, folder)
    assert bench.axis.state() == tango.DevState.ON
    bench.pusher.proxy.Gain = 2.0
    wait_until(lambda: rig.proxy("snaplog").Subscribed > 20, "the logger follows")
    yield bench
    pusher.kill()


@pytest.fixture
def bench(running: Bench) -> Bench:
    """Both devices are as they were, and there is a snapshot `evening` of it."""
    axis, pusher = running.axis, running.pusher.proxy
    for name, value in (("Offset", 0.0), ("LowLimit", -1.0), ("HighLimit", 10.0), ("Velocity", 4.0)):
        axis.write_attribute(name, value)
    axis.Position = 0.0
    wait_until(lambda: axis.state() == tango.DevState.ON, "the axis stands")
    pusher.Gain, pusher.Range = 2.0, 1
    running.ask("SaveSnapshot", name="evening", note="all is well", who="jane", replace=True)
    return running


def test_a_snapshot_has_the_settings_of_what_the_logger_follows_with_units(bench: Bench) -> None:
    evening = bench.snapshot("evening")
    assert set(evening.devices) == {SAMX, "test/pusher/snap"}
    assert (evening.who, evening.note) == ("jane", "all is well")
    velocity = evening.devices[SAMX].settings["velocity"]
    assert (velocity.name, velocity.value, velocity.unit) == ("Velocity", 4.0, "mm/s")
    gain = evening.devices["test/pusher/snap"].settings["gain"]
    assert (gain.value, gain.written, gain.unit) == (2.25, 2.0, "V")
    assert evening.devices["test/pusher/snap"].configuration["gain.max_value"] == "10"
    (listed,) = bench.ask("Snapshots")
    assert (listed["name"], listed["devices"], listed["settings"]) == ("evening", 2, evening.count)


def test_devices_are_chosen_by_name_alias_or_pattern(bench: Bench) -> None:
    told = bench.ask("SaveSnapshot", name="some", devices=["snapx"], replace=True)
    assert told["devices"] == 1
    assert list(bench.snapshot("evening", "test/push*").devices) == ["test/pusher/snap"]
    with pytest.raises(NotFound, match="no device is called 'nobody'"):
        bench.ask("SaveSnapshot", name="none", devices=["nobody"])
    (bench.folder / "snapshots" / "some.json").unlink()


def test_names_are_plain_words_and_none_is_taken_twice(bench: Bench) -> None:
    with pytest.raises(NotAllowed, match="there is a snapshot evening already"):
        bench.ask("SaveSnapshot", name="evening")
    for name in ("../up", "two words"):
        with pytest.raises(BadValue, match="a plain word"):
            bench.ask("SaveSnapshot", name=name)
    with pytest.raises(NotFound, match="there is no snapshot morning; there are evening"):
        bench.ask("Snapshot", name="morning")


def test_what_is_otherwise_now_is_told(bench: Bench) -> None:
    assert bench.ask("CompareSnapshots", old="evening") == []
    bench.axis.Velocity = 1.0
    bench.pusher.proxy.Range = 0
    found = {
        one["setting"]: (one["device"], one["old"], one["new"]) for one in bench.ask("CompareSnapshots", old="evening")
    }
    assert found["Velocity"] == ("snapx", "4 mm/s", "1 mm/s")
    assert found["Range"] == ("test/pusher/snap", '"HIGH"', '"LOW"')
    assert "Gain" not in found


def test_a_dry_run_says_what_would_be_written_and_changes_nothing(bench: Bench) -> None:
    axis, pusher = bench.axis, bench.pusher.proxy
    axis.Velocity, pusher.Gain = 1.0, 3.0
    answer = bench.ask("RestoreSnapshot", name="evening")
    steps = {step["setting"]: step for step in answer["steps"]}
    assert {name: step["verdict"] for name, step in steps.items()} == {
        "Velocity": "write",
        "Acceleration": "write",
        "Gain": "write",
    }
    assert (steps["Velocity"]["now"], steps["Velocity"]["wanted"]) == ("1 mm/s", "4 mm/s")
    assert (axis.Velocity, pusher.gain) == (1.0, 3.25)


def test_restoring_writes_what_differs_and_reports_it(bench: Bench) -> None:
    axis, pusher = bench.axis, bench.pusher.proxy
    axis.Offset = 5.0  # which shifts the limits
    axis.Velocity, pusher.Gain, pusher.Range = 1.0, 3.0, 0
    answer = bench.ask("RestoreSnapshot", name="evening", apply=True)
    by_setting = {step["setting"]: step for step in answer["steps"]}
    assert all(step["done"] for step in by_setting.values()), by_setting
    assert {"Offset", "LowLimit", "HighLimit", "Velocity", "Gain", "Range"} <= set(by_setting)
    assert (axis.Offset, axis.LowLimit, axis.HighLimit, axis.Velocity) == (0.0, -1.0, 10.0, 4.0)
    assert (pusher.read_attribute("Gain").w_value, pusher.Range) == (2.0, 1)
    assert bench.ask("CompareSnapshots", old="evening") == []


def test_what_tango_was_told_of_anothers_attribute_is_restored_first(bench: Bench) -> None:
    pusher = bench.pusher.proxy
    described = pusher.get_attribute_config_ex("Gain")[0]
    described.max_value, described.label = "1.5", "Volume"
    pusher.Gain = 1.0
    pusher.set_attribute_config([described])
    steps = bench.plan("evening")
    assert {name: steps[name].verdict for name in ("Gain.max_value", "Gain.label", "Gain")} == {
        "Gain.max_value": "describe",
        "Gain.label": "describe",
        "Gain": "out of limits",
    }
    assert steps["Gain"].reason == "allowed is at most 1.5"
    outcomes = Restoring(bench.snapshot("evening"), bench.remote).run()
    assert all(one.done for one in outcomes), outcomes
    described = pusher.get_attribute_config_ex("Gain")[0]
    assert (described.max_value, described.label) == ("10", "Gain")
    assert pusher.read_attribute("Gain").w_value == 2.0


def test_what_cannot_be_is_told_and_the_rest_is_done(bench: Bench) -> None:
    axis, pusher = bench.axis, bench.pusher.proxy
    document = json.loads((bench.folder / "snapshots" / "evening.json").read_text())
    settings = document["devices"]["test/pusher/snap"]["settings"]
    settings["gain"]["written"] = 11.0
    settings["range"] |= {"value": "HUGE", "written": "HUGE"}
    settings["mode"] = {**settings["range"], "name": "Mode", "value": "FAST", "written": "FAST"}
    settings["gone"] = {**settings["gain"], "name": "Gone"}
    document["name"] = "spoilt"
    (bench.folder / "snapshots" / "spoilt.json").write_text(json.dumps(document))
    axis.Velocity = 1.0
    answer = bench.ask("RestoreSnapshot", name="spoilt", apply=True)
    steps = {step["setting"].lower(): step for step in answer["steps"]}
    said = {name: (steps[name]["verdict"], steps[name]["done"], steps[name]["reason"]) for name in steps}
    assert said["gain"] == ("out of limits", False, "allowed is at most 10")
    assert said["range"] == ("out of limits", False, "allowed is LOW, HIGH")
    assert said["mode"] == ("read-only", False, "it can only be read")
    assert said["gone"] == ("not there", False, "the device has no such attribute")
    assert said["velocity"] == ("write", True, "")
    assert axis.Velocity == 4.0
    assert pusher.read_attribute("Gain").w_value == 2.0
    (bench.folder / "snapshots" / "spoilt.json").unlink()


def test_a_device_that_somebody_locked_is_left(bench: Bench) -> None:
    axis = bench.axis
    axis.Velocity = 1.0
    axis.Lock("jane, aligning")
    try:
        assert bench.plan("evening")["Velocity"].verdict == "locked"
        answer = bench.ask("RestoreSnapshot", name="evening", apply=True)
        assert {step["setting"]: step["reason"] for step in answer["steps"]}["Velocity"] == "in use by jane, aligning"
        assert axis.Velocity == 1.0
    finally:
        axis.Unlock("jane, aligning")


def test_positions_are_left_unless_they_are_asked_for(bench: Bench) -> None:
    axis = bench.axis
    axis.Position = 1.0
    wait_until(lambda: axis.state() == tango.DevState.ON, "the axis stands")
    assert bench.plan("evening")["Position"].verdict == "left"
    step = bench.plan("evening", positions=True)["Position"]
    assert (step.verdict, step.value, step.axis) == ("move", 0.0, True)
    answer = bench.ask("RestoreSnapshot", name="evening", positions=True, apply=True)
    assert answer["steps"][0]["reason"] == "only a program that can stop it moves it"
    moved = []
    outcomes = Restoring(bench.snapshot("evening"), bench.remote, positions=True, move=moved.extend).run()
    assert [(one.setting, one.value) for one in moved] == [("Position", 0.0)]
    assert [one.done for one in outcomes] == [True]
    assert axis.Position == pytest.approx(1.0)


def test_a_device_that_does_not_answer_is_told_and_hinders_no_other(bench: Bench) -> None:
    bench.axis.Velocity = 1.0
    bench.pusher.kill()
    try:
        answer = bench.ask("RestoreSnapshot", name="evening", apply=True)
        by_device = {step["device"]: step for step in answer["steps"]}
        assert by_device["test/pusher/snap"]["verdict"] == "not there"
        assert bench.axis.Velocity == 4.0
        told = bench.ask("SaveSnapshot", name="half")
        assert list(told["missing"]) == ["test/pusher/snap"]
        (bench.folder / "snapshots" / "half.json").unlink()
    finally:
        bench.pusher.again()


def test_settings_of_a_time_come_from_the_archive(bench: Bench) -> None:
    axis = bench.axis
    name = f"{SAMX}/velocity"

    def last() -> Any:
        values = [one.value for one in stored(bench.folder) if one.attribute == name and one.kind == "value"]
        return values[-1] if values else None

    wait_until(lambda: last() == 4.0, "the velocity is archived")
    before = time.time()
    axis.Velocity = 1.0
    wait_until(lambda: last() == 1.0, "its change is")
    found = {one["setting"].lower(): one for one in bench.ask("CompareSnapshots", old=str(before), devices=["snapx"])}
    assert (found["velocity"]["old"], found["velocity"]["new"]) == ("4", "1 mm/s")
    answer = bench.ask("RestoreSnapshot", name=str(before), devices=["snapx"], apply=True)
    assert all(step["done"] for step in answer["steps"]), answer
    assert axis.Velocity == 4.0
