"""A loop that its controller runs itself, with a simulated oven, as Tango clients see it."""

from __future__ import annotations

import pytest
import tango

from ronda.framework.tango.names import DeviceCommand
from ronda.framework.tango.regulation import (
    InputAttribute,
    InputCommand,
    LoopAttribute,
    LoopCommand,
    OutputAttribute,
    OutputCommand,
)
from tests.devices.conftest import wait_until
from tests.devices.regulation.conftest import FAST, controller

OFF, ON, MOVING, ALARM = tango.DevState.OFF, tango.DevState.ON, tango.DevState.MOVING, tango.DevState.ALARM


@pytest.fixture(scope="module")
def oven(rig, simulate):
    simulators = simulate(oven={"type": "oven", **FAST})
    entry = controller(
        simulators.address("oven"),
        inputs={"eye": {"channel": 1, "archive": {"period": 60}}},
        outputs={"wire": {"channel": 1}},
        loops={
            "kiln": {
                "channel": 1,
                "input": "eye",
                "output": "wire",
                "limits": [280, 500],
                "kp": 6.0,
                "ki": 1.0,
                "kd": 1.0,
                "deadband": 0.5,
                "deadband_time": 0.3,
            }
        },
    )
    rig.register("kilns", {"stove": entry})
    rig.start("kilns")
    rig.ready("stove")
    yield rig.ready("kiln"), simulators
    rig.servers["kilns"].end()


@pytest.fixture
def kiln(oven):
    proxy, simulators = oven
    simulators.ask(do="fault", instrument="oven", axis=1, fault="repair")
    wait_until(lambda: proxy.state() in (ON, OFF, MOVING), "it answers")
    proxy.Off()
    proxy.RampRate = 0.0
    wait_until(lambda: proxy.state() == OFF, "it is off")
    return proxy


def test_names_are_the_documented_ones(kiln, rig):
    common = {"State", "Status", "ChangedBy"}
    commands = {*map(str, DeviceCommand), "State", "Status", "Init"}
    for name, attributes, own in (
        ("kiln", LoopAttribute, LoopCommand),
        ("eye", InputAttribute, InputCommand),
        ("wire", OutputAttribute, OutputCommand),
    ):
        proxy = rig.proxy(name)
        assert set(proxy.get_attribute_list()) == {*map(str, attributes), *common}
        assert set(proxy.get_command_list()) == {*map(str, own), *commands}


def test_the_controller_gets_the_gains_of_yaml_and_those_that_users_set(kiln):
    assert (kiln.Kp, kiln.Ki, kiln.Kd) == (6.0, 1.0, 1.0)
    kiln.Kp = 7.5
    assert kiln.Kp == 7.5
    kiln.Kp = 6.0


def test_writing_a_setpoint_regulates_until_it_is_reached(kiln, oven, truth):
    kiln.Setpoint = 320.0
    assert kiln.state() == MOVING
    wait_until(lambda: kiln.state() == ON, "the setpoint is reached")
    assert truth(oven[1])["sensor"] == pytest.approx(320.0, abs=1.0)
    kiln.Off()
    wait_until(lambda: truth(oven[1])["output"] == 0, "the heater is off")


def test_stop_ends_a_ramp_of_the_controller_and_goes_on_heating(kiln, oven, truth):
    kiln.RampRate = 60.0
    kiln.Setpoint = 450.0
    wait_until(lambda: kiln.IsRamping, "it ramps")
    kiln.Stop()
    wait_until(lambda: kiln.state() == ON and not kiln.IsRamping, "it holds")
    assert kiln.Setpoint < 400
    assert truth(oven[1])["mode"] == "AUTO"


def test_an_output_that_the_controller_drives_cannot_be_set_by_hand(kiln, rig):
    wire = rig.proxy("wire")
    wire.Value = 3.0
    wait_until(lambda: wire.Value == 3.0, "it is there")
    kiln.Setpoint = 310.0
    wait_until(lambda: kiln.IsRegulating and kiln.Output != 3.0, "it regulates")
    with pytest.raises(tango.DevFailed, match="wire: cannot be set to 5 %, kiln drives it"):
        wire.Value = 5.0


def test_a_broken_sensor_is_an_alarm(kiln, oven, rig):
    kiln.Setpoint = 310.0
    oven[1].ask(do="fault", instrument="oven", axis=1, fault="sensor")
    wait_until(lambda: kiln.state() == ALARM, "the alarm")
    assert kiln.status() == "kiln: sensor open"
    assert rig.proxy("eye").Fault == "sensor open"


def test_a_controller_that_is_off_is_told_and_comes_back(kiln, oven):
    oven[1].ask(do="fault", instrument="oven", axis=1, fault="power")
    wait_until(lambda: kiln.state() == tango.DevState.FAULT, "the loss is told")
    assert "trying again" in kiln.status()
    oven[1].ask(do="fault", instrument="oven", axis=1, fault="repair")
    wait_until(lambda: kiln.state() == OFF, "it is back, and off")


def test_modes_and_tuning_that_it_does_not_have_are_refused(kiln):
    with pytest.raises(tango.DevFailed, match="kiln: has no mode 'zone'; its controller has no modes"):
        kiln.Mode = "zone"
    with pytest.raises(tango.DevFailed, match="kiln: its controller does not tune itself"):
        kiln.StartTuning()
    assert set(kiln.Capabilities) == {"hold", "gains", "ramp"}
