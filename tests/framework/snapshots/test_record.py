"""Snapshots: their names, their form as JSON, and what two have otherwise."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from ronda.framework.errors import BadValue, ServiceFailed
from ronda.framework.snapshots.record import (
    DeviceSettings,
    Setting,
    Snapshot,
    as_json,
    differences,
    from_json,
    plain_name,
)

VELOCITY = Setting("Velocity", 2.0, 2.0, "mm/s", "DevDouble", "%.6g")
LIMIT = Setting("LowLimit", -math.inf, -1e300, "mm", "DevDouble")
POSITION = Setting("Position", 1.00001, 1.0, "mm", "DevDouble", "%.4f")
MODE = Setting("Mode", "FAST", "FAST", "", "DevEnum")
REGION = Setting("Region", [1, 2, 3, 4], [1, 2, 3, 5], "", "DevLong")

SAMX = DeviceSettings("demo/axis/samx", "samx", True, {"velocity": VELOCITY, "lowlimit": LIMIT, "position": POSITION})
GAUGE = DeviceSettings("vac/gauge/1", "gauge", False, {"mode": MODE, "region": REGION}, {"mode.label": "Mode"})
EVENING = Snapshot("evening", 1.8e9, {one.name: one for one in (SAMX, GAUGE)}, "jane", "before", {"a/b/c": "is away"})


def changed(**settings: Setting) -> Snapshot:
    samx = replace(SAMX, settings={**SAMX.settings, **settings})
    return replace(EVENING, name="morning", devices={**EVENING.devices, samx.name: samx})


def test_a_snapshot_comes_back_out_of_its_json() -> None:
    assert from_json(json.loads(json.dumps(as_json(EVENING), allow_nan=False)), "here") == EVENING


@pytest.mark.parametrize("name", ["evening", "Before_sample-3", "x", "a" * 64])
def test_names_are_plain_words(name: str) -> None:
    assert plain_name(name) == name


@pytest.mark.parametrize("name", ["", "two words", "../up", "a/b", "a.b", ".hidden", "1st", "a" * 65, "été", "x\n"])
def test_a_name_that_is_no_plain_word_is_refused(name: str) -> None:
    with pytest.raises(BadValue, match="a plain word"):
        plain_name(name)


@pytest.mark.parametrize("name", ["now", "today", "yesterday"])
def test_a_name_that_says_a_time_is_refused(name: str) -> None:
    with pytest.raises(BadValue, match="it says a time"):
        plain_name(name)


@pytest.mark.parametrize("found", [None, [], {}, {"version": 1}, {**as_json(EVENING), "devices": {"a": 1}}])
def test_what_is_no_snapshot_is_told(found: object) -> None:
    with pytest.raises(ServiceFailed, match="here is no snapshot"):
        from_json(found, "here")


def test_a_snapshot_of_a_later_version_is_told() -> None:
    with pytest.raises(ServiceFailed, match="version 2 of a snapshot, this program knows 1"):
        from_json({**as_json(EVENING), "version": 2}, "here")


def test_a_changed_setting_is_told_with_its_unit() -> None:
    (found,) = differences(EVENING, changed(velocity=replace(VELOCITY, value=0.5)))
    assert (found.device, found.setting, found.old, found.new) == ("samx", "Velocity", "2 mm/s", "0.5 mm/s")


def test_a_position_that_jitters_below_its_last_digit_is_not_told() -> None:
    assert differences(EVENING, changed(position=replace(POSITION, value=1.00002))) == []
    (found,) = differences(EVENING, changed(position=replace(POSITION, value=1.0002)))
    assert found.setting == "Position"


def test_of_others_devices_the_setpoints_count() -> None:
    assert GAUGE.wanted(REGION) == [1, 2, 3, 5]
    assert SAMX.wanted(POSITION) == 1.00001


def test_a_device_or_setting_that_only_one_has_is_told() -> None:
    without = replace(EVENING, devices={SAMX.name: SAMX}, missing={"vac/gauge/1": "is away"})
    (found,) = differences(EVENING, without)
    assert (found.device, found.old, found.new) == ("gauge", "2 settings", "not there: is away")
    (found,) = differences(EVENING, changed(backlash=Setting("Backlash", 0.1)))
    assert (found.setting, found.old, found.new) == ("Backlash", "not there", "0.1")


def test_attribute_configurations_are_compared_as_numbers_where_they_are() -> None:
    gauge = replace(GAUGE, configuration={"mode.label": "Range", "mode.max_value": "10"})
    one = replace(EVENING, devices={gauge.name: gauge})
    other = replace(one, devices={gauge.name: replace(gauge, configuration={"mode.max_value": "10.0"})})
    (found,) = differences(one, other)
    assert (found.setting, found.old, found.new) == ("mode.label", "Range", "not set")


def test_what_was_not_archived_is_no_difference() -> None:
    archived = replace(changed(), devices={SAMX.name: replace(SAMX, settings={"velocity": VELOCITY})}, archived=True)
    assert differences(archived, EVENING) == []
