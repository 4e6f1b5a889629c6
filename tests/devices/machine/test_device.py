"""The machine as Tango clients see it, with a simulated information server."""

from __future__ import annotations

import math
import re

import pytest
import tango

from ronda.framework.tango.names import DeviceCommand, MachineAttribute
from tests.devices.conftest import wait_until


@pytest.fixture(scope="module")
def machine(rig, simulate):
    simulators = simulate(control_room={"type": "machine_server"})
    entry = {
        "kind": "machine",
        "driver": "simulated",
        "address": simulators.address("control_room"),
        "poll_period": 0.1,
        "lowest_current": 10.0,
        "archive": {"period": 60},
    }
    rig.register("beam", {"machine": entry})
    rig.start("beam")
    yield rig.ready("machine"), simulators
    rig.servers["beam"].end()


def test_names_are_the_documented_ones(machine):
    proxy, _ = machine
    assert set(proxy.get_attribute_list()) == {*map(str, MachineAttribute), "State", "Status", "ChangedBy"}
    assert set(proxy.get_command_list()) == {*map(str, DeviceCommand), "State", "Status", "Init"}


def test_attributes_say_their_units_and_when_they_are_archived(machine):
    proxy, _ = machine
    current = proxy.get_attribute_config("RingCurrent")
    assert (current.unit, current.format) == ("mA", "%.3f")
    assert current.events.arch_event.archive_period == "60000"
    assert proxy.get_attribute_config("SecondsToTopUp").unit == "s"


def test_it_tells_the_current_the_front_end_and_the_time_to_top_up(machine):
    proxy, simulators = machine
    truth = simulators.ask(do="truth")["instruments"]["control_room"]
    assert proxy.RingCurrent == pytest.approx(truth["current"], abs=0.1)
    assert proxy.SecondsToTopUp == pytest.approx(truth["next_injection"], abs=5)
    assert (proxy.FrontEndOpen, proxy.Beam) == (True, True)
    assert (proxy.state(), proxy.status()) == (tango.DevState.ON, "machine: beam")


def test_a_beam_loss_is_told_by_events(machine, listen):
    proxy, simulators = machine
    events = listen(proxy, "RingCurrent", "FrontEndOpen", "Beam", "SecondsToTopUp")
    events.clear()
    simulators.ask(do="ring", current=4.0)
    wait_until(lambda: False in events.of("Beam"), "the loss is told")
    assert re.match(r"machine: no beam: the current is (4|3\.\d+) mA, below 10 mA", proxy.status())  # it decays
    assert math.isnan(events.of("SecondsToTopUp")[-1])
    assert events.of("RingCurrent")[-1] == pytest.approx(4.0, abs=1.0)
    simulators.ask(do="ring", current=None, front_end=False)
    wait_until(lambda: False in events.of("FrontEndOpen"), "the front end is told")
    wait_until(lambda: proxy.status() == "machine: no beam: the front end is closed", "the status follows")
    simulators.ask(do="ring", front_end=True)
    wait_until(lambda: events.of("Beam")[-1], "there is beam again")


def test_values_that_do_not_change_are_told_once(machine, listen):
    proxy, _ = machine
    events = listen(proxy, "Beam", "SecondsToTopUp")
    events.clear()
    wait_until(lambda: len(events.of("SecondsToTopUp")) >= 3, "some time passes")
    assert events.of("Beam") == []


def test_without_its_server_values_are_invalid_and_it_comes_back(machine):
    proxy, simulators = machine
    simulators.ask(do="close", instrument="control_room", seconds=600)
    wait_until(lambda: proxy.state() == tango.DevState.FAULT, "the loss is seen")
    assert proxy.read_attribute("RingCurrent").quality == tango.AttrQuality.ATTR_INVALID
    simulators.ask(do="close", instrument="control_room", seconds=0)
    wait_until(lambda: proxy.state() == tango.DevState.ON, "it is back")
    assert proxy.RingCurrent > 100


def test_an_answer_that_makes_no_sense_is_a_fault_with_what_was_said(rig, instrument):
    answers = {"IDN?": "OK RONDA-SIM-MI,1,ring", "STATUS?": "OK plenty"}
    odd = instrument(lambda line: answers[line])
    rig.register("odd", {"odd": {"kind": "machine", "driver": "simulated", "address": odd.address}})
    rig.start("odd")
    proxy = rig.proxy("odd")
    wait_until(lambda: "odd answers STATUS? with 'plenty'" in proxy.status(), "the fault is told")
    assert proxy.state() == tango.DevState.FAULT
    rig.servers["odd"].end()
