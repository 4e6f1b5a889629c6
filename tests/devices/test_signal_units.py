"""Units with digital and with analogue signals as Tango clients see them, with a simulated input/output unit."""

from __future__ import annotations

import math
import re

import pytest
import tango

from ronda.framework.tango.names import DeviceCommand
from tests.devices.conftest import wait_until

UNIT = {
    "type": "io_unit",
    "shutters": {
        "shutter": {"travel_time": 0.01, "output": 2, "open_input": 1, "closed_input": 2, "interlock_input": 5}
    },
    "sensors": {1: "intensity", 2: "crystal_temperature"},
    "piezo": 1,
}
DIGITAL = {
    "searched": {"channel": 5, "direction": "input", "description": "the hutch is locked"},
    "hutch_open": {"channel": 5, "direction": "input", "inverted": True},
    "lamp": {"channel": 8, "direction": "output"},
    "dark": {"channel": 9, "direction": "output", "inverted": True},
}
DIGITAL["hutch_open"]["channel"] = 6  # nothing is wired there, so it is off
ANALOGUE = {
    "monitor": {"channel": 1, "direction": "input", "digits": 3},
    "crystal": {"channel": 2, "direction": "input", "unit": "K", "factor": 100, "archive": {"absolute_change": 0.5}},
    "piezo": {"channel": 1, "direction": "output", "unit": "urad", "factor": 5, "offset": 2, "limits": [-40, 40]},
}


@pytest.fixture(scope="module")
def units(rig, simulate):
    simulators = simulate(io=UNIT)
    common = {"driver": "simulated", "address": simulators.address("io"), "poll_period": 0.05}
    rig.register(
        "signals",
        {
            "digital": {"kind": "digital_io", **common, "signals": DIGITAL},
            "analogue": {"kind": "analogue_io", **common, "signals": ANALOGUE},
        },
    )
    rig.start("signals")
    yield rig.ready("digital"), rig.ready("analogue"), simulators
    rig.servers["signals"].end()


def refused(action, *arguments) -> tango.DevError:
    with pytest.raises(tango.DevFailed) as failed:
        action(*arguments)
    return failed.value.args[0]


def test_each_signal_is_an_attribute_and_only_outputs_can_be_written(units):
    digital, analogue, _ = units
    assert set(digital.get_attribute_list()) == {
        "Searched",
        "HutchOpen",
        "Lamp",
        "Dark",
        "State",
        "Status",
        "ChangedBy",
    }
    assert set(analogue.get_attribute_list()) == {"Monitor", "Crystal", "Piezo", "State", "Status", "ChangedBy"}
    for unit, written in ((digital, {"Lamp", "Dark"}), (analogue, {"Piezo"})):
        assert set(unit.get_command_list()) == {*map(str, DeviceCommand), "State", "Status", "Init"}
        configured = {each: unit.get_attribute_config(each) for each in unit.get_attribute_list()}
        can = {name for name, each in configured.items() if each.writable == tango.AttrWriteType.READ_WRITE}
        assert can == written
        assert all(re.fullmatch(r"[A-Z][A-Za-z0-9]*", name) for name in configured)


def test_signals_say_unit_label_limits_and_what_they_are(units):
    digital, analogue, _ = units
    searched = digital.get_attribute_config("Searched")
    assert (searched.label, searched.description) == ("searched", "the hutch is locked")
    piezo = analogue.get_attribute_config("Piezo")
    assert (piezo.unit, piezo.min_value, piezo.max_value, piezo.format) == ("urad", "-40.0", "40.0", "%.4f")
    assert analogue.get_attribute_config("Crystal").events.arch_event.archive_abs_change == "0.5"


def test_inputs_follow_the_hardware_with_events(units, listen):
    digital, _, simulators = units
    assert (digital.Searched, digital.HutchOpen) == (True, True)
    events = listen(digital, "Searched")
    events.clear()
    simulators.ask(do="hutch", searched=False)
    wait_until(lambda: events.of("Searched") == [False], "it is told")
    assert digital.Searched is False
    simulators.ask(do="hutch", searched=True)
    wait_until(lambda: events.of("Searched") == [False, True], "it is told")


def test_an_output_is_set_and_read_back(units, listen):
    digital, _, _ = units
    events = listen(digital, "Lamp")
    events.clear()
    digital.Lamp = True
    wait_until(lambda: events.of("Lamp") == [True], "it is told")
    assert digital.Lamp is True
    digital.Lamp = False
    wait_until(lambda: events.of("Lamp") == [True, False], "it is told")


def test_an_inverted_output_is_on_for_false(units):
    digital, _, _ = units
    assert digital.Dark is True, "the output is off"
    digital.Dark = False
    wait_until(lambda: digital.Dark is False, "it is read back")


def test_analogue_values_are_in_their_units(units):
    _, analogue, simulators = units
    volts = simulators.ask(do="truth")["instruments"]["io"]["sensors"]
    assert analogue.Monitor == pytest.approx(volts["1"], abs=0.2)
    assert analogue.Crystal == pytest.approx(100 * volts["2"], abs=2.0)


def test_an_analogue_output_is_set_in_its_unit(units):
    _, analogue, simulators = units
    analogue.Piezo = -13.0
    wait_until(lambda: abs(analogue.Piezo + 13.0) < 0.01, "it is read back")
    assert simulators.ask(do="truth")["instruments"]["io"]["outputs"]["1"] == pytest.approx(-3.0, abs=0.001)
    error = refused(analogue.write_attribute, "Piezo", 41.0)
    assert error.reason == "API_WAttrOutsideLimit"
    assert analogue.Piezo == pytest.approx(-13.0, abs=0.01)


def test_what_the_unit_refuses_is_told_in_its_words(rig, simulate):
    simulators = simulate(io={"type": "io_unit"})
    signals = {"far": {"channel": 1, "direction": "output", "factor": 0.1}}
    entry = {"kind": "analogue_io", "driver": "simulated", "address": simulators.address("io"), "signals": signals}
    rig.register("strict", {"strict": entry})
    rig.start("strict")
    error = refused(rig.ready("strict").write_attribute, "Far", 2.0)
    assert error.desc == (
        "strict: cannot set far to 2.0: strict refuses AO: the voltage 20.0 should be from -10.0 to 10.0 V"
    )
    assert error.reason == "RONDA_HARDWARE"
    rig.servers["strict"].end()


def test_without_its_hardware_values_are_invalid_and_outputs_refused(units):
    digital, analogue, simulators = units
    simulators.ask(do="close", instrument="io", seconds=600)
    for unit in (digital, analogue):
        wait_until(lambda unit=unit: unit.state() == tango.DevState.FAULT, "the loss is seen")
    assert digital.read_attribute("Lamp").quality == tango.AttrQuality.ATTR_INVALID
    assert math.isnan(analogue.read_attribute("Monitor", extract_as=tango.ExtractAs.Numpy).value or math.nan)
    assert refused(digital.write_attribute, "Lamp", True).reason == "RONDA_COMMUNICATION"
    simulators.ask(do="close", instrument="io", seconds=0)
    for unit in (digital, analogue):
        wait_until(lambda unit=unit: unit.state() == tango.DevState.ON, "it is back")
    assert digital.read_attribute("Lamp").quality == tango.AttrQuality.ATTR_VALID


def test_an_end_of_the_server_leaves_outputs_as_they_are(rig, units):
    digital, _, _ = units
    digital.Lamp = True
    rig.servers["signals"].end()
    rig.start("signals")
    digital = rig.ready("digital")
    assert digital.Lamp is True
