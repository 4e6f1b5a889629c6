"""Which attributes the rules of a logger name."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ronda.devices.data_logger.kind import KIND
from ronda.devices.data_logger.parameters import DataLoggerParameters
from ronda.devices.data_logger.rules import Known, Rules

SAMX = Known("demo/axis/samx", "samx", "Axis", "Ronda/demo-motors")
GAUGE = Known("vac/gauge/1", "", "Penning", "Vacuum/1")


def logger(**keys) -> DataLoggerParameters:
    return DataLoggerParameters.model_validate({"kind": "data_logger", "rules": [{}], **keys})


def chosen(parameters: DataLoggerParameters, device: Known, attribute: str):
    rules = Rules(parameters, "demo/data_logger/logger")
    return rules.of_attribute(device, rules.of_device(device), attribute)


def test_an_entry_becomes_one_device_that_takes_no_driver():
    (device,) = KIND.devices("logger", logger())
    assert (device.name, device.family, device.tango_class) == ("logger", "data_logger", "DataLogger")
    with pytest.raises(Exception, match="a data logger takes no driver"):
        KIND.parameters(object)


@pytest.mark.parametrize(
    ("rule", "device", "attribute", "named"),
    [
        ({}, SAMX, "Position", True),
        ({"beamline": "demo"}, SAMX, "Position", True),
        ({"beamline": "demo"}, GAUGE, "Pressure", False),
        ({"tango_class": "axis"}, SAMX, "Position", True),
        ({"tango_class": "Pen*"}, SAMX, "Position", False),
        ({"device": "SAM*"}, SAMX, "Position", True),
        ({"device": "*/axis/*"}, SAMX, "Position", True),
        ({"device": "samy"}, SAMX, "Position", False),
        ({"attributes": ["State", "pos*"]}, SAMX, "Position", True),
        ({"attributes": ["State"]}, SAMX, "Position", False),
        ({"exclude": ["*limit"]}, SAMX, "LowLimit", False),
        ({"device": "vac/gauge/?"}, GAUGE, "Pressure", True),
    ],
)
def test_a_rule_names_what_fits_all_its_patterns(rule, device, attribute, named):
    assert (chosen(logger(rules=[rule]), device, attribute) is not None) == named


def test_the_first_rule_that_names_an_attribute_counts():
    parameters = logger(rules=[{"device": "samx", "attributes": ["Position"], "max_rate": 1}, {"max_rate": 2}])
    assert chosen(parameters, SAMX, "Position").max_rate == 1
    assert chosen(parameters, SAMX, "State").max_rate == 2


def test_what_is_excluded_is_kept_by_no_rule():
    parameters = logger(exclude=["samx/Pos*", "vac/*/Pressure"])
    assert chosen(parameters, SAMX, "Position") is None
    assert chosen(parameters, SAMX, "State") is not None
    assert chosen(parameters, GAUGE, "Pressure") is None


def test_devices_of_tango_itself_are_never_kept():
    for name in ("dserver/ronda/demo-motors", "sys/database/2"):
        assert Rules(logger()).of_device(Known(name, "", "DServer", "x/y")) == []


def test_loggers_that_share_the_rules_have_each_device_once():
    devices = [Known(f"vac/gauge/{number}", "", "Penning", "Vacuum/1") for number in range(200)]
    shares = [
        {device.name for device in devices if Rules(logger(part=part, parts=3)).of_device(device)} for part in (1, 2, 3)
    ]
    assert sum(map(len, shares)) == 200
    assert set.union(*shares) == {device.name for device in devices}
    assert min(map(len, shares)) > 30


def test_the_own_test_signal_is_always_kept():
    own = Known("demo/data_logger/logger", "logger", "DataLogger", "Ronda/demo-archive")
    parameters = logger(rules=[{"device": "samx"}], part=2, parts=2, exclude=["*/*"])
    assert chosen(parameters, own, "TestSignal").how == "change"
    assert chosen(parameters, own, "Stored") is None


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"rules": []}, "at least 1"),
        ({"exclude": ["Position"]}, "must be DEVICE/ATTRIBUTE"),
        ({"part": 3, "parts": 2}, "there is no part 3 of 2"),
        ({"rules": [{"how": "events"}]}, "change"),
        ({"rules": [{"period": 0.01}]}, "0.1"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(keys, words):
    with pytest.raises(ValidationError, match=words):
        logger(**keys)
