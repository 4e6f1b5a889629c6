"""The rules that foreign Tango clients rely on, one after the other, on a real axis."""

from __future__ import annotations

import getpass
import os
import re
import socket
import time
from itertools import pairwise
from pathlib import Path

import pint
import pytest
import tango

from ronda.framework.tango.names import (
    AcquisitionCommand,
    AxisAttribute,
    AxisCommand,
    DeviceCommand,
    MotorControllerAttribute,
    MotorControllerCommand,
)

TANGOS_OWN = {"State", "Status", "Init"}
NUMERIC = {tango.DevDouble, tango.DevLong64, tango.DevLong, tango.DevShort}


@pytest.mark.parametrize(
    ("device", "attributes", "commands"),
    [
        ("samx", AxisAttribute, [*AxisCommand, *DeviceCommand, AcquisitionCommand.DISARM_SCAN]),
        ("mc1", MotorControllerAttribute, [*MotorControllerCommand, *DeviceCommand]),
    ],
)
def test_names_are_the_documented_ones_and_begin_with_a_capital(motors, device, attributes, commands):
    proxy = getattr(motors, device)
    assert set(proxy.get_attribute_list()) == {str(name) for name in attributes} | {"State", "Status", "ChangedBy"}
    assert set(proxy.get_command_list()) == {str(name) for name in commands} | TANGOS_OWN
    for name in [*proxy.get_attribute_list(), *proxy.get_command_list()]:
        assert re.fullmatch(r"[A-Z][A-Za-z0-9]*", name)
        assert name.lower() not in ("name", "parent")


@pytest.mark.parametrize("names", [AxisAttribute, AxisCommand, MotorControllerAttribute, MotorControllerCommand])
def test_the_reference_page_has_each_name(names):
    page = (Path(__file__).parents[3] / "docs" / "reference" / "tango-interface.md").read_text()
    assert [name for name in names if f"`{name}`" not in page] == []


@pytest.mark.parametrize("device", ["samx", "mc1"])
def test_no_item_has_a_type_that_a_client_cannot_hold(motors, device):
    proxy = getattr(motors, device)
    for info in proxy.attribute_list_query():
        assert info.data_type != tango.DevEncoded
        if info.data_format == tango.AttrDataFormat.IMAGE:
            assert info.data_type not in (tango.DevString, tango.DevEnum)
    for command in proxy.command_list_query():
        assert tango.DevEncoded not in (command.in_type, command.out_type)


def test_each_number_says_its_unit_format_and_meaning(motors):
    units = pint.UnitRegistry()
    for info in motors.samx.attribute_list_query():
        if info.data_type in NUMERIC and info.name != AxisAttribute.SIGN:
            units.parse_units(info.unit)
            assert info.unit, info.name
            assert info.format.startswith("%"), info.name
        if info.name not in TANGOS_OWN:
            assert info.description not in ("", "No description"), info.name


def test_limits_stand_in_the_attribute_configuration_and_follow_changes(motors):
    samx = motors.samx

    def shown() -> tuple[str, str]:
        info = samx.get_attribute_config("Position")
        return info.min_value, info.max_value

    assert shown() == ("-10.0", "10.0")
    samx.HighLimit = 8.0
    assert shown() == ("-10", "8") or shown() == ("-10.0", "8.0")
    samx.Offset = 1.0
    assert tuple(map(float, shown())) == (-9.0, 9.0)
    samx.Offset = 0.0
    samx.HighLimit = 10.0
    assert tuple(map(float, shown())) == (-10.0, 10.0)


def test_state_never_asks_the_hardware_and_ignores_alarm_bounds(motors):
    samx = motors.samx
    before = samx.get_attribute_config("Position")
    config = samx.get_attribute_config("Position")
    config.alarms.min_alarm, config.alarms.max_alarm = "5", "6"
    samx.set_attribute_config(config)
    try:
        motors.simulators.ask(do="hang", instrument="motion", seconds=600)
        begun = time.monotonic()
        assert samx.state() == tango.DevState.ON
        assert samx.read_attribute("State").value == tango.DevState.ON
        assert time.monotonic() - begun < 150
    finally:
        motors.simulators.ask(do="hang", instrument="motion", seconds=0)
        before.alarms.min_alarm = before.alarms.max_alarm = "Not specified"
        samx.set_attribute_config(before)


def test_archive_events_follow_the_criteria_of_the_yaml(motors, go, listen):
    samx = motors.samx
    assert samx.get_attribute_config("Position").events.arch_event.archive_abs_change == "0.05"
    events = listen(samx, "Position", kind=tango.EventType.ARCHIVE_EVENT)
    go(samx, 5.0)
    deadline = time.monotonic() + 60
    while events.of("Position")[-1] < 4.94 and time.monotonic() < deadline:
        time.sleep(0.01)
    values = events.of("Position")
    # one more at each change of quality, whatever the step
    small = [step for first, second in pairwise(values) if (step := abs(second - first)) < 0.05]
    assert len(values) > 5
    assert len(small) <= 2


@pytest.mark.parametrize("name", ["State", "Status", "Position", "DialPosition", "Velocity", "Offset", "LowLimit"])
def test_the_device_pushes_events_itself_without_polling(motors, listen, name):
    samx = motors.samx
    events = listen(samx, name)
    assert events.of(name) != []
    assert not samx.is_attribute_polled(name)


def test_the_final_position_comes_before_the_state_that_ends_a_move(motors, listen, stands):
    samx = motors.samx
    samx.Position = 0.0
    stands(samx)
    for target in (0.3, 0.3004, -0.2):
        events = listen(samx, "Position", "State")
        events.clear()
        samx.Position = target
        stands(samx)
        deadline = time.monotonic() + 60
        while tango.DevState.ON not in events.of("State") and time.monotonic() < deadline:
            time.sleep(0.005)
        names = [(name, quality) for name, _, quality in events.seen]
        assert names[0] == ("state", tango.AttrQuality.ATTR_VALID)
        assert events.of("State") == [tango.DevState.MOVING, tango.DevState.ON]
        name, value, quality = events.seen[-2]
        assert (name, quality) == ("position", tango.AttrQuality.ATTR_VALID)
        assert value == pytest.approx(target, abs=0.5 / 2000)
        assert events.seen[-1][:2] == ("state", tango.DevState.ON)
        events.close()


def test_while_moving_positions_are_changing_and_come_at_a_bounded_rate(motors, listen, stands):
    samx = motors.samx
    samx.Position = -2.0
    stands(samx)
    events = listen(samx, "Position")
    events.clear()
    begun = time.monotonic()
    samx.Position = 2.0
    stands(samx)
    duration = time.monotonic() - begun
    changing = [value for _, value, quality in events.seen if quality == tango.AttrQuality.ATTR_CHANGING]
    assert 3 <= len(changing) <= 20 * duration
    assert changing == sorted(changing)


def test_while_moving_a_read_says_changing_and_the_time_of_the_value(motors, stands, slowly):
    samx = motors.samx
    with slowly(motors.simulators):
        samx.Position = samx.Position + 0.5
        reading = samx.read_attribute("Position")
    assert reading.quality == tango.AttrQuality.ATTR_CHANGING
    assert abs(reading.time.totime() - time.time()) < 60
    stands(samx)
    assert samx.read_attribute("Position").quality == tango.AttrQuality.ATTR_VALID


def test_a_write_returns_at_once_with_the_axis_moving(motors, stands, slowly):
    samx = motors.samx
    samx.Position = 0.0
    stands(samx)
    with slowly(motors.simulators):
        samx.Position = 3.0
        assert samx.state() == tango.DevState.MOVING
    stands(samx)
    assert samx.Position == pytest.approx(3.0, abs=0.5 / 2000)
    assert motors.true(1)["register"] == 6000


def test_a_target_outside_the_limits_is_refused_and_nothing_moves(motors):
    samx = motors.samx
    before = motors.true(1)["register"]
    with pytest.raises(tango.DevFailed) as failed:
        samx.Position = 10.5
    assert failed.value.args[0].reason == "API_WAttrOutsideLimit"  # Tango's own words, before ours
    assert samx.state() == tango.DevState.ON
    assert motors.true(1)["register"] == before


def test_targets_can_be_checked_before_anything_moves(motors):
    samx = motors.samx
    samx.CheckTargets([-10.0, 0.0, 10.0])
    with pytest.raises(tango.DevFailed) as failed:
        samx.CheckTargets([0.0, 10.5])
    assert failed.value.args[0].desc == "samx: cannot move to 10.5 mm, outside limits [-10.0, 10.0] mm"
    assert failed.value.args[0].reason == "RONDA_OUT_OF_RANGE"
    assert samx.state() == tango.DevState.ON


def test_stop_decelerates_and_ends_in_another_state(motors, stands):
    samx = motors.samx
    samx.Position = -8.0
    while motors.true(1)["state"] != "MOVING" or samx.Position > 2.5:
        time.sleep(0.005)
    samx.Stop()
    stands(samx)
    assert samx.state() == tango.DevState.ON
    assert -7.5 < samx.Position < 2.5


def test_abort_stops_faster_than_stop(motors, stands):
    fast = motors.fast
    fast.Velocity, fast.AccelerationTime = 8.0, 1.0  # a deceleration takes 4 mm, which no pause of the test hides
    paths = {}
    for command in ("Stop", "Abort"):
        fast.Position = -8.0
        stands(fast)
        fast.Position = 8.0
        while fast.Position < -3.0:
            time.sleep(0.002)
        where = motors.true(4)["register"]
        fast.command_inout(command)
        stands(fast)
        paths[command] = motors.true(4)["register"] - where
    fast.Velocity, fast.AccelerationTime = 20.0, 0.1
    assert paths["Abort"] < paths["Stop"]


def test_stop_works_from_any_client_while_another_waits(motors, stands):
    waiting, other = motors.samx, motors.samx
    waiting.Position = 9.0
    other.Stop()
    stands(waiting)
    assert waiting.Position < 9.0


def test_stop_of_an_axis_that_stands_does_no_harm(motors):
    samx = motors.samx
    samx.Stop()
    samx.Abort()
    assert samx.state() == tango.DevState.ON


def test_status_is_a_sentence(motors, stands, slowly):
    samx = motors.samx
    assert samx.status() == "samx: stands"
    target = 0.0 if samx.Position > 1 else 5.0
    here = f"{getpass.getuser()}@{socket.gethostname()}, process {os.getpid()}"
    with slowly(motors.simulators):
        samx.Position = target
        assert samx.status() == f"samx: moving to {target} mm\nsamx: the motion was asked for by {here}"
    samx.Stop()
    stands(samx)


def test_a_second_move_is_refused_while_the_first_runs(motors, stands, slowly):
    samx = motors.samx
    samx.Position = 0.0
    stands(samx)
    with slowly(motors.simulators):
        samx.Position = 4.0
        with pytest.raises(tango.DevFailed) as failed:
            samx.Position = -4.0
    assert failed.value.args[0].reason == "RONDA_BUSY"
    who = f"{getpass.getuser()}@{socket.gethostname()}, process {os.getpid()}"
    assert failed.value.args[0].desc == (
        f"samx: cannot move to -4.0 mm: it is moving, asked for by {who}; stop it first"
    )
    assert failed.value.args[0].origin == "test/axis/samx"
    samx.Stop()
    stands(samx)


def test_the_hardware_refusing_is_told_to_the_client_that_wrote(motors):
    samy = motors.samy
    query = motors.mc1.Query
    query("POWER 2 OFF")
    deadline = time.monotonic() + 60
    while samy.state() != tango.DevState.OFF and time.monotonic() < deadline:
        time.sleep(0.01)
    assert samy.status() == "samy: power is off"
    with pytest.raises(tango.DevFailed) as failed:
        samy.Position = 0.5
    assert failed.value.args[0].reason == "RONDA_NOT_READY"
    assert failed.value.args[0].desc == "samy: cannot move to 0.5 mm, its power is off; Enable switches it on"
    query("POWER 2 ON")
    while samy.state() != tango.DevState.ON and time.monotonic() < deadline:
        time.sleep(0.01)
