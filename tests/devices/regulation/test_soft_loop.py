"""A loop whose PID is ours, with a simulated oven, as Tango clients see it."""

from __future__ import annotations

import json
import time

import pytest
import tango

from tests.devices.conftest import wait_until
from tests.devices.regulation.conftest import FAST, controller, soft_loop

OFF, ON, MOVING, ALARM = tango.DevState.OFF, tango.DevState.ON, tango.DevState.MOVING, tango.DevState.ALARM


@pytest.fixture(scope="module")
def oven(rig, simulate):
    simulators = simulate(oven={"type": "oven", **FAST})
    parts = {"inputs": {"probe": {"channel": 1}}, "outputs": {"heater": {"channel": 1, "watchdog": 10.0}}}
    rig.register(
        "heat",
        {
            "hot": controller(simulators.address("oven"), **parts),
            "temp": soft_loop("probe", "heater", deadband=1.0, on_failure={"tolerate": 0.2}),
        },
    )
    rig.start("heat")
    rig.ready("hot")
    yield rig.ready("temp"), simulators
    rig.servers["heat"].end()


@pytest.fixture
def temp(oven):
    """The loop, off and with no ramp."""
    proxy, simulators = oven
    simulators.ask(do="fault", instrument="oven", axis=1, fault="repair")
    proxy.Off()
    proxy.RampRate = 0.0
    return proxy


def warmer(temp):
    """A setpoint near above the input: the oven heats faster than it cools."""
    return round(temp.Input) + 3


def test_writing_a_setpoint_regulates_and_is_moving_until_it_is_reached(temp, oven, truth):
    temp.RampRate = 60.0
    temp.Setpoint = 300.0
    assert temp.state() == MOVING
    temp.RampRate = 0.0
    wait_until(lambda: temp.state() == ON, "the setpoint is reached")
    assert temp.IsInDeadband
    assert truth(oven[1])["sensor"] == pytest.approx(300.0, abs=2.0)
    assert temp.status() == "temp: regulating at 300.000 K"


def test_off_brings_the_heater_to_its_safe_value_and_stop_does_not(temp, oven, truth):
    temp.Setpoint = warmer(temp)
    wait_until(lambda: temp.IsInDeadband, "the setpoint is near")
    temp.Stop()
    assert temp.IsRegulating
    wait_until(lambda: truth(oven[1])["output"] > 1, "it goes on heating")
    temp.Off()
    assert (temp.state(), temp.status()) == (OFF, "temp: off")
    assert truth(oven[1])["output"] == 0


def test_a_ramp_has_a_rate_per_minute_and_stop_holds_the_working_setpoint(temp):
    temp.RampRate = 120.0
    assert temp.get_attribute_config("RampRate").unit == "K/min"
    begun = time.monotonic()
    at = temp.WorkingSetpoint if temp.IsRegulating else temp.Input
    temp.Setpoint = 400.0
    assert temp.status() == "temp: ramping to 400.000 K at 120 K/min"
    wait_until(lambda: temp.WorkingSetpoint > at + 1.0, "it ramps")
    assert temp.IsRamping
    assert temp.WorkingSetpoint <= at + 2.0 * (time.monotonic() - begun) + 1.0
    temp.Stop()
    held = temp.WorkingSetpoint
    assert (temp.Setpoint, temp.state(), temp.IsRamping) == (held, ON, False)


def test_a_setpoint_outside_its_limits_is_refused_and_nothing_changes(temp):
    with pytest.raises(tango.DevFailed, match=r"outside limits|exceeds|above"):
        temp.Setpoint = 600.0
    assert temp.state() == OFF


def test_gains_survive_and_do_not_let_the_output_jump(temp, oven, truth):
    temp.Deadband = 0.2
    temp.Setpoint = warmer(temp)
    wait_until(lambda: temp.state() == ON, "it is at rest")
    before = truth(oven[1])["output"]
    temp.Kp = 12.0
    cycles = temp.Cycles
    wait_until(lambda: temp.Cycles >= cycles + 2, "two cycles")
    # it regulates by some % meanwhile; the change of Kp times an input of 300 K would bring it to its end
    assert truth(oven[1])["output"] == pytest.approx(before, abs=10.0)
    assert temp.Kp == 12.0
    temp.Kp, temp.Deadband = 6.0, 1.0


def test_on_off_switches_the_heater_all_the_way_and_pid_takes_over_from_there(temp, oven, truth):
    temp.Mode = "on_off"
    temp.Setpoint = warmer(temp)
    try:
        seen = set()
        wait_until(lambda: seen.add(truth(oven[1])["output"]) or {0.0, 100.0} <= seen, "it is on, and off")
        assert seen == {0.0, 100.0}
    finally:
        temp.Mode = "pid"
    wait_until(lambda: 0.0 < truth(oven[1])["output"] < 100.0, "the PID drives it")
    with pytest.raises(tango.DevFailed, match="temp: has no mode 'fuzzy'; it has pid, on_off, manual"):
        temp.Mode = "fuzzy"


def test_by_hand_the_output_is_where_one_says_and_back_without_a_jump(temp, oven, truth):
    temp.Manual(20.0)
    wait_until(lambda: truth(oven[1])["output"] == 20.0, "the heater is at 20 %")
    assert (temp.Mode, temp.state(), temp.status()) == ("manual", ON, "temp: manual, the output is at 20 %")
    wait_until(lambda: temp.Input > 300, "it warms")
    temp.Start()
    assert temp.Mode == "pid"
    with pytest.raises(tango.DevFailed, match=r"temp: cannot set the output to 120 %, outside \[0, 100\] %"):
        temp.Manual(120.0)


def test_a_broken_sensor_brings_the_heater_to_safety_and_it_goes_on_when_repaired(temp, oven, truth):
    simulators = oven[1]
    temp.Setpoint = warmer(temp)
    wait_until(lambda: temp.Output > 1, "it heats")
    simulators.ask(do="fault", instrument="oven", axis=1, fault="sensor")
    wait_until(lambda: temp.state() == ALARM, "the fault is told")
    wait_until(lambda: truth(simulators)["output"] == 0, "the heater is safe")
    wait_until(lambda: "sensor open; the output is at its safe value" in temp.status(), "the sentence says so")
    assert temp.read_attribute("Input").quality == tango.AttrQuality.ATTR_INVALID
    simulators.ask(do="fault", instrument="oven", axis=1, fault="repair")
    wait_until(lambda: temp.state() == ON, "it regulates again")


def test_a_controller_that_is_switched_off_and_on_again_is_regulated_again(temp, oven, truth):
    simulators = oven[1]
    temp.Setpoint = warmer(temp)
    wait_until(lambda: temp.Output > 1, "it heats")
    simulators.ask(do="fault", instrument="oven", axis=1, fault="power")
    wait_until(lambda: temp.state() == ALARM, "the loss is told")
    assert truth(simulators)["output"] == 0
    simulators.ask(do="fault", instrument="oven", axis=1, fault="repair")
    wait_until(lambda: temp.state() == ON, "it regulates again")


def test_a_program_is_followed_and_told_and_stop_ends_it(temp):
    start = warmer(temp)
    temp.Setpoint = start
    wait_until(lambda: temp.state() == ON, "the start is reached")
    steps = [{"to": start + 2, "rate": 240, "soak": 0.2}, {"to": start, "rate": 240, "soak": 3600}]
    temp.RunProgram(json.dumps({"steps": steps}))
    assert temp.state() == MOVING
    assert json.loads(temp.Program)["steps"][0]["to"] == start + 2
    wait_until(lambda: f"program, round 1 of 1, step 2 soaks to {start} K" in temp.status(), "the last step")
    assert json.loads(temp.ProgramStep)["soaking"]
    temp.Stop()
    assert (temp.Program, temp.state(), temp.Setpoint) == ("", ON, start)


def test_a_program_that_ends_leaves_the_loop_at_its_last_setpoint(temp):
    end = warmer(temp)
    temp.RunProgram(json.dumps({"steps": [{"to": end, "rate": 2400}], "repeats": 2}))
    wait_until(lambda: temp.state() == ON, "the end")
    assert (temp.Program, temp.Setpoint) == ("", end)


def test_what_is_no_program_is_refused(temp):
    with pytest.raises(tango.DevFailed, match="temp: this is no program: steps"):
        temp.RunProgram('{"steps": []}')
    with pytest.raises(tango.DevFailed, match=r"temp: cannot go to 900 K, outside limits \[280, 500\] K"):
        temp.RunProgram('{"steps": [{"to": 900}]}')


def test_the_output_cannot_be_set_by_hand_meanwhile_and_its_off_switches_the_loop_off(temp, rig):
    heater = rig.proxy("heater")
    temp.Setpoint = 330.0
    wait_until(lambda: heater.FedBy == "temp", "the heater is fed")
    with pytest.raises(tango.DevFailed, match="heater: cannot be set to 5 %, temp drives it; switch that off first"):
        heater.Value = 5.0
    heater.Off()
    wait_until(lambda: temp.status() == "temp: off: heater: was switched off by hand", "the loop follows")
    temp.Setpoint = 320.0
    assert temp.IsRegulating


def test_histories_have_the_same_length_and_rising_times(temp):
    temp.Setpoint = 310.0
    wait_until(lambda: temp.Cycles > 5, "some cycles")
    columns = {name: temp.read_attribute(f"History{name}").value for name in ("Time", "Input", "Setpoint", "Output")}
    length = min(map(len, columns.values()))
    assert length > 1
    assert all(columns["Time"][:-1] < columns["Time"][1:])


def test_cycles_keep_their_rate_and_missed_ones_are_counted(temp):
    temp.Setpoint = 310.0
    begun, first = time.monotonic(), temp.Cycles + temp.MissedCycles

    def rate():
        made = temp.Cycles + temp.MissedCycles - first
        return made / (time.monotonic() - begun)

    wait_until(lambda: time.monotonic() - begun > 1.0, "a second")
    wait_until(lambda: rate() == pytest.approx(20, rel=0.1), "what a halt hid is counted when it is over")
    assert temp.Jitter >= 0
