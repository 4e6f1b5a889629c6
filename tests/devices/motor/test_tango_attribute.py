"""Motors of a Tango server that none of us wrote, as axes of ours."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tango

from ronda.framework.clients.foreign_axis import ForeignAxis
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import HardwareFault, NotAllowed

FOREIGN = '''
import sys, time
import tango
from tango.server import Device, attribute, command

class OldMotor(Device):
    """Positions in µm, states as its author liked them; it notices a move a while after it took it."""

    def init_device(self):
        super().init_device()
        self.begin = self.end = 0.0
        self.since, self.pace = 0.0, 2000.0
        self.set_state(tango.DevState.ON)

    def where(self):
        way = self.end - self.begin
        done = min(abs(way), max(time.monotonic() - self.since - 0.1, 0.0) * self.pace)
        return self.begin + (done if way > 0 else -done)

    def always_executed_hook(self):
        if self.get_state() != tango.DevState.FAULT:
            begun = time.monotonic() - self.since > 0.1
            self.set_state(tango.DevState.RUNNING if begun and self.where() != self.end else tango.DevState.ON)

    @attribute(dtype=float)
    def place(self):
        return self.where()

    @place.write
    def write_place(self, value):
        if abs(value) > 20000:
            tango.Except.throw_exception("TooFar", "the spindle is only 40 mm long", "OldMotor")
        self.begin, self.end, self.since = self.where(), value, time.monotonic()

    @attribute(dtype=float)
    def pace_um(self):
        return self.pace

    @pace_um.write
    def write_pace_um(self, value):
        self.pace = min(value, 4000.0)

    @command
    def Halt(self):
        self.begin = self.end = self.where()

    @command(dtype_in=float)
    def Redefine(self, value):
        self.begin = self.end = value

    @command
    def Break(self):
        self.set_state(tango.DevState.FAULT)
        self.set_status("the belt is torn")

OldMotor.run_server(["old", "-ORBendPoint", "giop:tcp:127.0.0.1:"])
'''

DEVICES = ("other/motor/1", "other/motor/2")

AXIS = {
    "steps_per_unit": 1000,
    "velocity": 2.0,
    "limits": [-50, 50],
    "position_attribute": "place",
    "stop_command": "Halt",
    "velocity_attribute": "pace_um",
    "define_command": "Redefine",
}


class Foreign:
    """The server of the old motors."""

    def __init__(self, tango_host: str, script: Any) -> None:
        self.tango_host, self.script = tango_host, script
        database = tango.Database(*tango_host.split(":"))
        for name in DEVICES:
            info = tango.DbDevInfo()
            info.name, info._class, info.server = name, "OldMotor", "OldMotor/old"
            database.add_device(info)
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(self.script)],
            env={**os.environ, "TANGO_HOST": self.tango_host},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert "Ready" in self.process.stdout.readline()

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def foreign(tango_host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foreign]:
    script = tmp_path_factory.mktemp("foreign") / "oldmotors.py"
    script.write_text(FOREIGN)
    server = Foreign(tango_host, script)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def axes(rig: Any, foreign: Foreign) -> Iterator[Any]:
    """Axes `oldx` and `oldy` on the two devices."""
    rig.register(
        "old",
        {
            "oldmotors": {
                "kind": "motor",
                "driver": "tango_attribute",
                "idle_poll_period": 0.1,
                "axes": {"oldx": {"channel": DEVICES[0], **AXIS}, "oldy": {"channel": DEVICES[1], **AXIS}},
            }
        },
    )
    rig.start("old")
    yield rig
    rig.servers["old"].end()


@pytest.fixture
def oldx(axes: Any, stands: Callable[..., None]) -> tango.DeviceProxy:
    axis = axes.ready("oldx")
    axis.Stop()
    stands(axis)
    return axis


@pytest.fixture
def device(axes: Any) -> tango.DeviceProxy:
    return axes.proxy(DEVICES[0])


def test_it_moves_in_our_units_and_is_moving_from_the_first_moment(
    oldx: Any, device: Any, stands: Any, listen: Any, wait_for: Any
) -> None:
    states = listen(oldx, "State")
    states.clear()
    oldx.Position = 5.0
    stands(oldx)
    wait_for(lambda: tango.DevState.ON in states.of("State"), 150, "it is told")
    moved = [tango.DevState.MOVING, tango.DevState.ON]
    assert states.of("State") == moved, "though the device has not noticed at once"

    assert oldx.Position == pytest.approx(5.0)
    assert device.place == pytest.approx(5000.0)


def test_stop_stops_it(oldx: Any, device: Any, stands: Any, wait_for: Any) -> None:
    oldx.Position = -15.0
    before = device.place
    wait_for(lambda: device.place < before, 150, "it moves")
    oldx.Stop()
    stands(oldx)

    assert oldx.Position > -15.0
    assert oldx.Position == pytest.approx(device.place / 1000)


def test_its_velocity_is_what_it_will_really_do(oldx: Any, device: Any) -> None:
    oldx.Velocity = 10.0
    try:
        assert (oldx.Velocity, device.pace_um) == (4.0, 4000.0)
    finally:
        oldx.Velocity = 2.0


def test_what_the_device_refuses_is_told_in_its_words(oldx: Any) -> None:
    with pytest.raises(tango.DevFailed) as failed:
        oldx.Position = 30.0

    assert "oldx: cannot move to 30.0 mm: " in failed.value.args[0].desc
    assert "the spindle is only 40 mm long" in failed.value.args[0].desc
    assert oldx.state() == tango.DevState.ON


def test_a_motion_that_others_began_is_seen(oldx: Any, device: Any, stands: Any, wait_for: Any) -> None:
    device.place = device.place + 3000.0
    wait_for(lambda: oldx.state() == tango.DevState.MOVING, 150, "the motion is seen")
    stands(oldx)
    assert oldx.Position == pytest.approx(device.place / 1000)


def test_its_dial_can_be_defined(oldx: Any, device: Any) -> None:
    oldx.DefineDialPosition(2.0)

    assert device.place == pytest.approx(2000.0)


def test_limits_and_locks_are_ours(oldx: Any) -> None:
    with pytest.raises(tango.DevFailed, match="outside limits"):
        oldx.CheckTargets([60.0])
    oldx.Fix(["glued"])
    with pytest.raises(tango.DevFailed, match="it is fixed: glued"):
        oldx.Position = 0.0
    oldx.Release()


@pytest.fixture
def direct(axes: Any) -> ForeignAxis:
    """The same motor without an axis of ours in between."""
    address = f"tango://{axes.tango_host}/{DEVICES[1]}"
    return ForeignAxis(Remote("old2", address, tango.DeviceProxy), position="place", velocity="pace_um", tolerance=0.5)


def test_a_client_may_use_it_directly(direct: ForeignAxis) -> None:
    direct.move(500.0)
    assert direct.position == pytest.approx(500.0)
    direct.rmove(-100.0)
    assert direct.position == pytest.approx(400.0)
    assert direct.velocity == 2000.0
    assert "ON" in direct.__info__()
    assert "velocity   2000" in direct.__info__()


def test_used_directly_it_is_moving_from_the_first_moment_and_stops(direct: ForeignAxis) -> None:
    direct.velocity = 50.0  # three minutes
    try:
        direct.wait(150)  # it works out from this where it is, of the last move too
        direct.move(9000.0, wait=False)
        assert direct.is_moving()
        direct.wait(0.3)
        assert direct.halt().startswith("old2 stopped at ")
        assert direct.position < 9000.0
    finally:
        direct.halt()
        direct.velocity = 2000.0


def test_used_directly_it_says_what_it_cannot(direct: ForeignAxis) -> None:
    with pytest.raises(
        NotAllowed, match=r"old2: is served by others, position 3 cannot be set from here; move\(3\) moves it"
    ):
        direct.position = 3
    with pytest.raises(NotAllowed, match="old2: is served by others, fix 'glued' cannot be set"):
        direct.fix("glued")
    with pytest.raises(HardwareFault, match="old2: the spindle is only 40 mm long"):
        direct.move(30000.0)
    with direct.hold("alignment"):
        direct.move(0.0)


def test_a_device_that_is_away_or_broken_hinders_no_other(
    oldx: Any, axes: Any, device: Any, foreign: Foreign, wait_for: Any
) -> None:
    oldy = axes.ready("oldy")
    device.Break()
    wait_for(lambda: oldx.state() == tango.DevState.FAULT, 150, "the fault is told")
    assert "oldx: its device other/motor/1 is FAULT: the belt is torn" in oldx.status()
    assert oldy.state() == tango.DevState.ON

    foreign.stop()
    wait_for(lambda: oldy.state() == tango.DevState.FAULT, 150, "it is away")
    begun = time.monotonic()
    with pytest.raises(tango.DevFailed):
        oldx.Position = 0.0
    assert time.monotonic() - begun < 150
    foreign.start()
    wait_for(lambda: {oldx.state(), oldy.state()} == {tango.DevState.ON}, 150, "both are back")
