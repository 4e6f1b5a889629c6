"""Hooks of an axis and of a controller, run by the server on real devices, for plain PyTango clients."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import tango

from tests.devices.conftest import wait_until

PADS = '''
import time
import tango
from tango.server import Device, attribute, command

class Pads(Device):
    """Air pads: the pressure is there 0.15 s after they were switched on."""

    def init_device(self):
        super().init_device()
        self.since = None
        self.switched, self.leak, self.stuck = [], False, False

    @attribute(dtype=float)
    def Pressure(self):
        ready = self.since is not None and time.monotonic() - self.since > 0.15 and not self.leak
        return 5.0 if ready else 0.0

    @attribute(dtype=(str,), max_dim_x=100)
    def Switched(self):
        return self.switched

    @attribute(dtype=bool)
    def Leak(self):
        return self.leak

    @Leak.write
    def write_leak(self, value):
        self.leak = value

    @attribute(dtype=bool)
    def Stuck(self):
        return self.stuck

    @Stuck.write
    def write_stuck(self, value):
        self.stuck = value

    @command
    def On(self):
        self.since = time.monotonic()
        self.switched.append("on")

    @command
    def Off(self):
        self.switched.append("off")
        if self.stuck:
            tango.Except.throw_exception("Stuck", "the valve is stuck", "Pads")
        self.since = None

    @command
    def Forget(self):
        self.switched = []

Pads.run_server(["test", "-ORBendPoint", "giop:tcp:127.0.0.1:"])
'''

BEFORE = [{"command": "test/pads/1/On", "until": "test/pads/1/Pressure", "above": 4.0, "timeout": 2.5}]
AFTER = [{"command": "test/pads/1/Off"}]

AXIS = {"unit": "mm", "steps_per_unit": 2000, "velocity": 2.0, "acceleration_time": 0.1, "limits": [-10, 10]}


@pytest.fixture(scope="module")
def pads(tango_host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tango.DeviceProxy]:
    info = tango.DbDevInfo()
    info.name, info._class, info.server = "test/pads/1", "Pads", "Pads/test"
    tango.Database(*tango_host.split(":")).add_device(info)
    script = tmp_path_factory.mktemp("pads") / "pads.py"
    script.write_text(PADS)
    server = subprocess.Popen(
        [sys.executable, str(script)], env={**os.environ, "TANGO_HOST": tango_host}, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    assert "Ready" in server.stdout.readline()
    yield tango.DeviceProxy(f"tango://{tango_host}/test/pads/1")
    server.kill()
    server.communicate()


@dataclass
class Granite:
    """The server and its simulators."""

    rig: Any
    simulators: Any

    def ready(self, name: str) -> tango.DeviceProxy:
        return self.rig.ready(name)

    def proxy(self, name: str) -> tango.DeviceProxy:
        return self.rig.proxy(name)


@pytest.fixture(scope="module")
def granite(rig: Any, simulate: Callable[..., Any], pads: Any) -> Iterator[Any]:
    """Controller `stone` with shared pads under its axes `gx` and `gy`, and `slate` with `sx`, which is patient."""
    simulators = simulate(
        motion={"type": "motor_controller", "axes": {1: {}, 2: {}}}, other={"type": "motor_controller", "axes": 1}
    )
    rig.register(
        "granite",
        {
            "stone": {
                "kind": "motor",
                "driver": "simulated",
                "address": simulators.address("motion"),
                "before_move": BEFORE,
                "after_move": AFTER,
                "axes": {"gx": {"channel": 1, **AXIS}, "gy": {"channel": 2, **AXIS}},
            },
            "slate": {
                "kind": "motor",
                "driver": "simulated",
                "address": simulators.address("other"),
                "before_move": [{**BEFORE[0], "timeout": 2.4}],
                "axes": {"sx": {"channel": 1, **AXIS}},
            },
        },
    )
    rig.start("granite")
    yield Granite(rig, simulators)
    rig.servers["granite"].end()


@pytest.fixture
def gx(granite: Any, pads: Any, stands: Callable[..., None]) -> Iterator[tango.DeviceProxy]:
    axis = granite.ready("gx")
    stands(axis)
    pads.Leak, pads.Stuck = False, False
    pads.Forget()
    yield axis
    axis.Stop()
    stands(axis)


def test_the_pads_are_on_before_it_moves_and_off_when_it_stands(
    granite: Any, gx: Any, pads: Any, stands: Any, slowly: Any
) -> None:
    with slowly(granite.simulators):
        gx.Position = gx.Position + 0.5
        assert gx.state() == tango.DevState.MOVING
        assert list(pads.Switched) == ["on"]
        assert pads.Pressure == 5.0
    stands(gx)

    assert list(pads.Switched) == ["on", "off"], "an axis is MOVING until its hooks have run"


def test_a_hook_that_fails_refuses_the_move(gx: Any, pads: Any) -> None:
    pads.Leak = True
    before = gx.Position
    with pytest.raises(tango.DevFailed) as failed:
        gx.Position = 3.0

    assert failed.value.args[0].reason == "RONDA_NOT_READY"
    assert failed.value.args[0].desc == (
        "gx: cannot move to 3.0 mm: what must be done before failed: test/pads/1/Pressure is 0.0 after 2.5 s, "
        "and should be above 4.0"
    )
    assert gx.Position == before
    assert list(pads.Switched) == ["on", "off"]


@pytest.mark.parametrize("command", ["Stop", "Abort"])
def test_they_run_after_a_stop_too(command: str, gx: Any, pads: Any, stands: Any) -> None:
    gx.Position = 9.0 if gx.Position < 0 else -9.0
    gx.command_inout(command)
    stands(gx)

    assert list(pads.Switched) == ["on", "off"]


def test_axes_that_share_them_switch_them_once(granite: Any, gx: Any, pads: Any, stands: Any) -> None:
    gy = granite.ready("gy")
    gx.Position = gx.Position + (0.4 if gx.Position < 0 else -0.4)
    gy.Position = gy.Position + (9.0 if gy.Position < 0 else -9.0)
    stands(gx)
    assert list(pads.Switched) == ["on"], "gy still moves"
    assert gy.state() == tango.DevState.MOVING
    gy.Stop()
    stands(gy)
    assert list(pads.Switched) == ["on", "off"]

    pads.Forget()
    granite.proxy("stone").MoveTogether('{"gx": 0.0, "gy": 0.0}')
    stands(gx)
    stands(gy)
    assert list(pads.Switched) == ["on", "off"]


def test_a_move_that_is_refused_for_another_reason_leaves_nothing_on(gx: Any, pads: Any, stands: Any) -> None:
    gx.Position = 9.0 if gx.Position < 0 else -9.0
    with pytest.raises(tango.DevFailed, match="it is moving"):
        gx.Position = 0.0
    assert list(pads.Switched) == ["on"]
    gx.Stop()
    stands(gx)
    assert list(pads.Switched) == ["on", "off"]


def test_a_failure_afterwards_is_told(gx: Any, pads: Any, stands: Any) -> None:
    pads.Stuck = True
    gx.Position = gx.Position + (0.2 if gx.Position < 0 else -0.2)
    stands(gx)

    assert gx.state() == tango.DevState.ALARM
    assert "gx: what must be done afterwards failed: test/pads/1: the valve is stuck" in gx.status()
    pads.Stuck = False
    gx.Position = gx.Position + 0.01
    stands(gx)
    assert gx.state() == tango.DevState.ON


@pytest.mark.usefixtures("gx")
def test_a_stop_does_not_wait_for_hooks_and_the_move_does_not_begin(granite: Any, pads: Any, stands: Any) -> None:
    sx = granite.ready("sx")
    before = sx.Position

    def stopped_in_time() -> bool:
        """Whether the stop came through while the pads had their 2.4 s; a machine that pauses may miss them."""
        pads.Forget()
        pads.Leak = True
        asked = sx.write_attribute_asynch("Position", 5.0)
        wait_until(lambda: list(pads.Switched or []) == ["on"], "the pads are switched on")
        sx.Stop()
        pads.Leak = False
        with pytest.raises(tango.DevFailed) as failed:
            sx.write_attribute_reply(asked, 60_000)
        assert sx.Position == before
        return "it was stopped meanwhile" in failed.value.args[0].desc

    wait_until(stopped_in_time, "a stop that does not wait")
