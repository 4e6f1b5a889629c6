"""What somebody changed is found with who it was: of an axis, of its settings, and of a device that others wrote."""

from __future__ import annotations

import getpass
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tango

from tests.devices.conftest import wait_until
from tests.devices.data_logger.conftest import stored

AXIS = {"unit": "mm", "steps_per_unit": 2000, "velocity": 4.0, "acceleration_time": 0.05, "limits": [-1, 10]}

HERE = f"{getpass.getuser()}@{socket.gethostname()}, process {os.getpid()}"


def test_who_moved_what_is_told_and_how_to_go_back(
    rig: Any, simulate: Callable[..., Any], new_pusher: Callable[..., Any], tmp_path: Path
) -> None:
    address = simulate(who={"type": "motor_controller", "axes": 2}).address("who")
    axes = {"whox": {**AXIS, "channel": 1}, "whoy": {**AXIS, "channel": 2}}
    rig.register("whomotors", {"mcw": {"kind": "motor", "driver": "simulated", "address": address, "axes": axes}})
    rules = [{"device": "test/axis/who*", "attributes": ["Position", "Velocity"]}, {"device": "test/pusher/who"}]
    folder = tmp_path / "archive"
    rig.register("wholog", {"wholog": {"kind": "data_logger", "folder": str(folder), "rules": rules}})
    pusher = new_pusher(rig, "who")
    rig.start("whomotors")
    axis, other = rig.ready("whox"), rig.ready("whoy")
    rig.start("wholog")
    logger = rig.proxy("wholog")

    def last(name: str) -> Any:
        """The setpoint of the last value of an attribute that is stored."""
        values = [one for one in stored(folder) if one.attribute == name and one.kind == "value"]
        return (values[-1].value, values[-1].write_value) if values else None

    for name in ("test/axis/whox/changedby", "test/axis/whoy/position", "test/pusher/who/gain"):
        wait_until(lambda name=name: last(name) is not None, f"{name} is stored")
    wait_until(lambda: last("test/axis/whox/velocity") is not None, "the velocity is stored")
    begin = time.time()
    axis.Velocity = 2.0
    assert axis.ChangedBy == f"Velocity by {HERE}"
    axis.Lock("jane@id01, process 42, mv(whox, 1)")
    axis.Position = 1.0
    assert axis.ChangedBy == "Position by jane@id01, process 42, mv(whox, 1)"
    wait_until(lambda: axis.state() == tango.DevState.ON, "the axis stands")
    axis.Unlock("jane@id01, process 42, mv(whox, 1)")
    rig.proxy("mcw").MoveTogether(json.dumps({"whoy": 0.5}))
    wait_until(lambda: other.state() == tango.DevState.ON, "the other stands")
    pusher.proxy.Gain = 3.0
    wait_until(lambda: last("test/pusher/who/gain")[1] == 3.0, "the gain is stored")
    wait_until(lambda: last("test/axis/whox/position") == (1.0, 1.0), "the position is stored")
    wait_until(lambda: last("test/axis/whoy/position")[0] == 0.5, "the position of the other is stored")
    answer = json.loads(logger.WhatChanged(json.dumps({"since": begin})))
    found = {one["attribute"]: one for one in answer["changes"] if one["what"] == "setting"}
    told = {name: (one["old"], one["new"], one["who"]) for name, one in found.items()}
    assert told["test/axis/whox/velocity"] == (4.0, 2.0, HERE)
    assert told["test/axis/whox/position"] == (0.0, 1.0, "jane@id01, process 42, mv(whox, 1)")
    assert told["test/pusher/who/gain"] == (0.0, 3.0, None)
    assert found["test/axis/whox/position"]["command"] == (
        "tango.DeviceProxy('test/axis/whox').write_attribute('position', 0.0)"
    )
    assert other.ChangedBy == f"Position by {HERE}"
    axis.Velocity, axis.Position, other.Position = 4.0, 0.0, 0.0  # as another run of this test wants to find them
    wait_until(lambda: axis.state() == other.state() == tango.DevState.ON, "both stand")
    for name in ("wholog", "whomotors"):
        rig.servers[name].end()
