"""What a motor controller's entry in YAML becomes."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from ronda.devices.motor.contract import MotorController
from ronda.devices.motor.kind import KIND
from ronda.framework.config.kinds import load_driver
from ronda.framework.errors import ConfigurationError

AXIS = {"channel": 1, "unit": "mm", "steps_per_unit": 2000, "velocity": 2.0, "acceleration_time": 0.1}


def entry(**axes):
    model = KIND.parameters(load_driver("motor", "simulated", MotorController))
    return model.model_validate({"kind": "motor", "driver": "simulated", "address": "simulator:motion", "axes": axes})


def test_a_controller_and_each_axis_become_tango_devices():
    devices = KIND.devices("mc1", entry(samx=AXIS, samy={**AXIS, "channel": 2}))
    assert [(device.name, device.family, device.tango_class) for device in devices] == [
        ("mc1", "controller", "MotorController"),
        ("samx", "axis", "Axis"),
        ("samy", "axis", "Axis"),
    ]


def test_configurations_travel_as_json():
    for device in KIND.devices("mc1", entry(samx={**AXIS, "limits": [-10, None]})):
        assert json.loads(json.dumps(device.configuration)) == device.configuration


def test_an_axis_knows_its_controller_and_driver():
    configuration = KIND.devices("mc1", entry(samx=AXIS))[1].configuration
    assert (configuration["controller"], configuration["driver"], configuration["name"]) == ("mc1", "simulated", "samx")


def test_the_controller_is_not_told_its_axes():
    assert "axes" not in KIND.devices("mc1", entry(samx=AXIS))[0].configuration


def test_unit_digits_and_limits_become_attribute_configuration():
    keys = {**AXIS, "unit": "deg", "digits": 3, "limits": [-10, 20], "sign": -1, "offset": 1.0}
    attributes = KIND.devices("mc1", entry(rot=keys))[1].attributes
    assert attributes["Position"] == {"unit": "deg", "format": "%.3f", "min_value": "-19.0", "max_value": "11.0"}
    assert attributes["Velocity"]["unit"] == "deg/s"
    assert attributes["StepsPerUnit"]["unit"] == "1/deg"
    assert attributes["LowLimit"] == {"unit": "deg", "format": "%.3f"}


def test_archiving_becomes_attribute_configuration():
    keys = {**AXIS, "archive": {"absolute_change": 0.01, "period": 60}}
    position = KIND.devices("mc1", entry(samx=keys))[1].attributes["Position"]
    assert (position["archive_abs_change"], position["archive_period"]) == ("0.01", "60000")


def test_alarm_bounds_become_attribute_configuration():
    keys = {**AXIS, "alarms": {"alarm": [-4, 4], "warning": [None, 2], "delta": 0.1, "delta_time": 0.5}}
    position = KIND.devices("mc1", entry(samx=keys))[1].attributes["Position"]
    assert (position["min_alarm"], position["max_alarm"], position["max_warning"]) == ("-4.0", "4.0", "2.0")
    assert "min_warning" not in position
    assert (position["delta_val"], position["delta_t"]) == ("0.1", "500")


@pytest.mark.parametrize(
    "alarms",
    [
        {"alarm": [4, -4]},
        {"alarm": [-1, 1], "warning": [-2, 2]},
        {"warning": [1, 1]},
    ],
)
def test_alarm_bounds_in_a_wrong_order_are_refused(alarms):
    with pytest.raises(ValueError, match="low alarm, low warning, high warning and high alarm must rise"):
        entry(samx={**AXIS, "alarms": alarms})


def test_what_users_change_at_run_time_is_marked():
    device = KIND.devices("mc1", entry(samx=AXIS))[1]
    assert device.settings == {"sign", "offset", "velocity", "acceleration_time", "backlash", "limits"}
    assert device.settings < device.live
    assert "steps_per_unit" not in device.live


def test_a_motor_without_a_driver_is_refused():
    with pytest.raises(ConfigurationError, match="a motor controller needs a driver, such as `driver: simulated`"):
        KIND.parameters(None)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"limits": [5, -5]}, "the low limit 5.0 mm must be below the high limit -5.0 mm"),
        ({"velocity": 9.0, "velocity_limits": [0.1, 5]}, "the velocity 9.0 mm/s is outside velocity_limits"),
        ({"velocity": 0}, "greater than 0"),
        ({"steps_per_unit": 0}, "greater than 0"),
        ({"sign": 2}, "1 or -1"),
        ({"colour": "red"}, "Extra inputs are not permitted"),
    ],
)
def test_an_axis_that_makes_no_sense_is_refused(keys, message):
    with pytest.raises(ValidationError, match=message.replace("(", r"\(")):
        entry(samx={**AXIS, **keys})


def test_two_axes_on_one_channel_are_refused():
    with pytest.raises(ValidationError, match="samx and samy both use channel 1"):
        entry(samx=AXIS, samy=AXIS)


def test_a_controller_without_axes_is_refused():
    with pytest.raises(ValidationError, match="at least 1 item"):
        entry()


def test_the_name_of_an_axis_must_be_a_name():
    with pytest.raises(ValidationError, match="pattern"):
        entry(**{"sam-x": AXIS})
