"""A measurement group as Tango clients see it."""

from __future__ import annotations

import pytest
import tango

from ronda.framework.tango.names import DeviceCommand, MeasurementGroupAttribute, MeasurementGroupCommand
from tests.devices.conftest import wait_until


@pytest.fixture(scope="module")
def group(rig):
    rig.register("groups", {"MG1": {"kind": "measurement_group", "counters": ["ct1", "temperature"]}})
    rig.start("groups")
    yield lambda: rig.ready("MG1")
    rig.servers["groups"].end()


@pytest.fixture(autouse=True)
def all_enabled(group):
    group().Enable(list(group().Disabled or ()))


def test_names_are_the_documented_ones(group):
    assert set(group().get_attribute_list()) == {*map(str, MeasurementGroupAttribute), "State", "Status", "ChangedBy"}
    commands = {*map(str, DeviceCommand), *map(str, MeasurementGroupCommand), "State", "Status", "Init"}
    assert set(group().get_command_list()) == commands


def test_it_tells_what_belongs_to_it(group):
    assert tuple(group().Counters) == ("ct1", "temperature")
    assert (group().state(), group().status()) == (tango.DevState.ON, "MG1: measures ct1, temperature")


def test_counters_are_disabled_and_enabled_each_once(group):
    group().Disable(["i0", "diode"])
    group().Disable(["i0"])
    assert tuple(group().Disabled) == ("i0", "diode")
    assert group().status() == "MG1: measures ct1, temperature without i0, diode"
    group().Enable(["i0", "other"])
    assert tuple(group().Disabled) == ("diode",)


def test_a_change_is_told_by_an_event(group, listen):
    events = listen(group(), "Disabled")
    events.clear()
    group().Disable(["i0"])
    wait_until(lambda: any("i0" in (names or ()) for names in events.of("Disabled")), "the change is told")


def test_what_is_disabled_is_a_run_time_setting_that_is_kept(group, rig):
    group().Disable(["diode"])
    assert rig.runtime_settings("test/measurement_group/mg1") == {"disabled": ["diode"]}
    group().Init()
    assert tuple(group().Disabled) == ("diode",)


def test_a_pattern_is_refused(group):
    with pytest.raises(tango.DevFailed, match=r"MG1: 'i\*' is not the name of a counter; patterns such as cam\*"):
        group().Disable(["i*"])
