"""What users change on an axis at run time: what it means, what is refused, and that it survives."""

from __future__ import annotations

import json
import signal
import time

import pytest
import tango

from ronda.framework.host.entries import CONFIGURATION, RUNTIME_SETTINGS


def refused(action, *arguments) -> tango.DevError:
    """What a client is told when something is refused."""
    with pytest.raises(tango.DevFailed) as failed:
        action(*arguments)
    return failed.value.args[0]


def test_an_offset_shifts_user_position_and_limits_but_not_the_dial(motors, go, listen):
    samx = motors.samx
    go(samx, 1.0)
    events = listen(samx, "Position", "Offset", "LowLimit", "HighLimit")
    events.clear()
    samx.Offset = 5.0
    assert (samx.Position, samx.DialPosition, samx.Offset) == (6.0, 1.0, 5.0)
    assert (samx.LowLimit, samx.HighLimit) == (-5.0, 15.0)
    deadline = time.monotonic() + 60
    while not events.of("Position") and time.monotonic() < deadline:
        time.sleep(0.005)
    assert [events.of(name)[-1] for name in ("Position", "Offset", "LowLimit", "HighLimit")] == [6.0, 5.0, -5.0, 15.0]
    samx.Offset = 0.0


def test_the_sign_turns_the_user_direction_and_keeps_the_offset(motors, go):
    rev = motors.rev
    assert (rev.Sign, rev.Offset) == (-1, 1.0)
    go(rev, 3.0)
    assert rev.DialPosition == -2.0
    assert motors.true(3)["register"] == -4000
    rev.Sign = 1
    assert (rev.Position, rev.Offset, rev.DialPosition) == (-1.0, 1.0, -2.0)
    assert (rev.LowLimit, rev.HighLimit) == (-9.0, 11.0)
    rev.Sign = -1


def test_a_sign_other_than_one_or_minus_one_is_refused(motors):
    rev = motors.rev
    with pytest.raises(tango.DevFailed) as failed:
        rev.Sign = 2
    assert failed.value.args[0].reason == "RONDA_BAD_VALUE"
    assert failed.value.args[0].desc == "rev: sign: input should be 1 or -1, not 2"
    assert rev.Sign == -1


def test_defining_the_position_changes_the_offset_only(motors, go):
    samx = motors.samx
    go(samx, 2.0)
    samx.DefinePosition(7.0)
    assert (samx.Position, samx.DialPosition, samx.Offset) == (7.0, 2.0, 5.0)
    assert samx.read_attribute("Position").w_value == 7.0
    samx.DefinePosition(2.0)
    assert samx.Offset == 0.0


def test_defining_the_dial_sets_the_hardware_and_keeps_the_user_position(motors, go):
    samx = motors.samx
    go(samx, 2.0)
    samx.DefineDialPosition(3.0)
    assert (samx.Position, samx.DialPosition, samx.Offset) == (2.0, 3.0, -1.0)
    assert motors.true(1)["register"] == 6000
    go(samx, 0.0)
    assert samx.DialPosition == 1.0
    samx.DefineDialPosition(0.0)
    assert (samx.Position, samx.Offset) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda axis: axis.write_attribute("Offset", 3.0), "change the offset"),
        (lambda axis: axis.write_attribute("Sign", -1), "change the sign"),
        (lambda axis: axis.DefinePosition(0.0), r"be at 0\.0 mm"),
        (lambda axis: axis.DefineDialPosition(0.0), r"be at dial 0\.0 mm"),
    ],
)
def test_the_position_cannot_be_redefined_while_moving(motors, go, stands, slowly, change, what):
    samx = motors.samx
    go(samx, 0.0)
    with slowly(motors.simulators):
        samx.Position = 4.0
        error = refused(change, samx)
    assert error.reason == "RONDA_BUSY"
    assert error.desc.startswith(f"samx: cannot {what}".replace("\\", ""))
    assert samx.Offset == 0.0
    samx.Stop()
    stands(samx)


def test_velocity_reads_back_what_the_controller_does_and_moves_obey(motors, go):
    samx = motors.samx
    go(samx, 0.0)
    samx.Velocity = 8.0
    assert samx.Velocity == 8.0
    assert motors.mc1.Query("VEL? 1") == "OK 16000.0"
    go(samx, 4.0)
    motion = motors.true(1)
    assert motion["ends"] - motion["started"] == pytest.approx(0.6)  # 4 mm at 8 mm/s, and 0.1 s to accelerate
    samx.Velocity = 2.0


def test_acceleration_time_goes_to_the_hardware(motors):
    samx = motors.samx
    samx.AccelerationTime = 0.3
    assert samx.AccelerationTime == 0.3
    assert motors.mc1.Query("ACC? 1") == "OK 0.3"
    samx.AccelerationTime = 0.1


def test_a_velocity_that_the_hardware_refuses_changes_nothing(motors):
    fast = motors.fast
    before = fast.Velocity
    stored = motors.rig.runtime_settings("test/axis/fast")
    error = refused(fast.write_attribute, "Velocity", 1000.0)
    # Tango knows the range soon after the controller was connected
    assert error.reason in ("RONDA_OUT_OF_RANGE", "API_WAttrOutsideLimit")
    assert fast.Velocity == before
    assert motors.rig.runtime_settings("test/axis/fast") == stored


def test_a_velocity_outside_the_configured_limits_is_refused(motors):
    error = refused(motors.samx.write_attribute, "Velocity", 11.0)
    assert error.reason in ("RONDA_BAD_VALUE", "API_WAttrOutsideLimit")
    error = refused(motors.fast.write_attribute, "Velocity", -1.0)
    assert error.reason in ("RONDA_OUT_OF_RANGE", "API_WAttrOutsideLimit")


def test_limits_are_given_in_user_units_and_stay_on_the_dial(motors):
    rev = motors.rev  # user = 1 - dial
    rev.LowLimit = -4.0
    assert motors.rig.runtime_settings("test/axis/rev")["limits"] == [-10.0, 5.0]
    rev.Offset = 2.0
    assert (rev.LowLimit, rev.HighLimit) == (-3.0, 12.0)
    error = refused(rev.write_attribute, "Position", -3.5)
    assert error.reason == "API_WAttrOutsideLimit"
    rev.Offset = 1.0
    rev.LowLimit = -9.0


def test_limits_the_wrong_way_round_are_refused(motors):
    error = refused(motors.samx.write_attribute, "LowLimit", 20.0)
    assert error.reason == "RONDA_BAD_VALUE"
    assert error.desc == "samx: the low limit 20.0 mm must be below the high limit 10.0 mm"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_settings_survive_the_end_of_the_server(motors, rig, number):
    samx = motors.samx
    samx.Velocity = 1.5
    samx.Offset = 0.25
    samx.HighLimit = 5.25
    rig.servers["motors"].end(number)
    rig.start("motors")
    samx = rig.ready("samx")
    assert (samx.Velocity, samx.Offset, samx.HighLimit) == (1.5, 0.25, 5.25)
    assert motors.mc1.Query("VEL? 1") == "OK 3000.0"
    assert float(samx.get_attribute_config("Position").max_value) == 5.25
    samx.Velocity, samx.Offset, samx.HighLimit = 2.0, 0.0, 10.0


def test_a_stored_setting_that_the_file_no_longer_allows_is_told_in_status(motors, rig):
    database = rig.database()
    database.put_device_property("test/axis/samx", {RUNTIME_SETTINGS: [json.dumps({"velocity": 50.0, "offset": 0.5})]})
    samx = motors.samx
    samx.Init()
    samx = rig.ready("samx")
    assert (samx.Velocity, samx.Offset) == (2.0, 0.5)
    assert (
        "samx: the stored run-time setting of velocity does not fit the configuration any more and the file's value "
        "counts: the velocity 50.0 mm/s is outside velocity_limits [0.01, 10.0] mm/s" in samx.status()
    )
    samx.Velocity = 2.0
    assert "does not fit" not in samx.status()
    samx.Offset = 0.0


def test_a_changed_configuration_gives_its_live_keys_at_once_and_runtime_settings_keep_winning(motors, rig):
    database = rig.database()
    samx = motors.samx
    samx.Velocity = 3.0
    text = database.get_device_property("test/axis/samx", CONFIGURATION)[CONFIGURATION][0]
    changed = {**json.loads(text), "velocity": 1.0, "acceleration_time": 0.2, "limits": [-7, 7], "steps_per_unit": 500}
    try:
        database.put_device_property("test/axis/samx", {CONFIGURATION: [json.dumps(changed)]})
        samx.ApplyConfiguration()
        assert (samx.Velocity, samx.AccelerationTime) == (3.0, 0.2)
        runtime = motors.rig.runtime_settings("test/axis/samx")
        if "limits" not in runtime:
            assert (samx.LowLimit, samx.HighLimit) == (-7.0, 7.0)
        assert samx.StepsPerUnit == 2000.0  # needs a restart
    finally:
        database.put_device_property("test/axis/samx", {CONFIGURATION: [text]})
        samx.ApplyConfiguration()
        samx.Velocity = 2.0


def test_a_wrong_configuration_is_refused_and_the_old_one_stays(motors, rig):
    database = rig.database()
    samx = motors.samx
    text = database.get_device_property("test/axis/samx", CONFIGURATION)[CONFIGURATION][0]
    try:
        wrong = {**json.loads(text), "acceleration_time": -1}
        database.put_device_property("test/axis/samx", {CONFIGURATION: [json.dumps(wrong)]})
        error = refused(samx.ApplyConfiguration)
        assert error.reason == "RONDA_CONFIGURATION"
        assert error.desc.startswith("samx: its configuration is wrong: acceleration_time: input should be")
        assert samx.state() == tango.DevState.ON
    finally:
        database.put_device_property("test/axis/samx", {CONFIGURATION: [text]})


def test_two_clients_changing_settings_at_once_lose_none(motors):
    import threading

    def change(name: str, values: list[float]) -> None:
        with tango.EnsureOmniThread():
            proxy = motors.fast
            for value in values:
                proxy.write_attribute(name, value)

    threads = [
        threading.Thread(target=change, args=("Offset", [0.1, 0.2, 0.3])),
        threading.Thread(target=change, args=("Velocity", [5.0, 6.0, 7.0])),
        threading.Thread(target=change, args=("HighLimit", [6.0, 7.0, 8.0])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    stored = motors.rig.runtime_settings("test/axis/fast")
    fast = motors.fast
    assert stored["velocity"] == fast.Velocity == 7.0
    assert stored["offset"] == fast.Offset == 0.3
    assert stored["limits"][1] + 0.3 == pytest.approx(fast.HighLimit)


def test_an_axis_that_stands_outside_its_limits_can_be_read(motors, go):
    samx = motors.samx
    go(samx, 0.0)
    samx.LowLimit = 1.0
    samx.Offset = 0.0  # the set point is where it stands again
    assert samx.Position == 0.0
    samx.LowLimit = -10.0
