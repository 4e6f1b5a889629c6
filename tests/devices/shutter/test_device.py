"""A shutter as Tango clients see it, with a simulated input/output unit."""

from __future__ import annotations

import re

import pytest
import tango

from ronda.framework.tango.names import DeviceCommand, ShutterAttribute, ShutterCommand
from tests.devices.conftest import wait_until

SHUTTERS = {
    "fsh": {"travel_time": 0.005, "output": 1, "open_input": 1, "closed_input": 2},
    "shutter": {"travel_time": 0.4, "output": 2, "open_input": 3, "closed_input": 4, "interlock_input": 5},
}


@pytest.fixture(scope="module")
def rigged(rig, simulate):
    simulators = simulate(io={"type": "io_unit", "shutters": SHUTTERS})
    simulators.ask(do="truth")  # loads numpy, for which nobody else shall wait
    common = {"kind": "shutter", "driver": "simulated", "address": simulators.address("io"), "idle_poll_period": 0.05}
    fast = {**common, "output": 1, "open_input": 1, "closed_input": 2, "poll_period": 0.002, "time_limit": 5.0}
    safe = {**common, "output": 2, "open_input": 3, "closed_input": 4, "interlock_input": 5, "time_limit": 2.0}
    rig.register("beam", {"fsh": fast, "shutter": {**safe, "interlock": "the hutch is not searched"}})
    rig.start("beam")
    yield rig, simulators
    rig.servers["beam"].end()


@pytest.fixture
def shutter(rigged):
    """The safety shutter, open, with the hutch searched."""
    rig, simulators = rigged
    simulators.ask(do="hutch", searched=True)
    simulators.ask(do="jam", shutter="shutter", jammed=False)
    proxy = rig.proxy("shutter")
    wait_until(lambda: proxy.read_attribute("Forbidden").quality == tango.AttrQuality.ATTR_VALID, "it is heard")
    wait_until(lambda: proxy.Forbidden == "", "the interlock is satisfied")
    proxy.Open()
    arrive(proxy)
    assert proxy.Position == "open"
    return proxy


def arrive(proxy) -> None:
    wait_until(lambda: proxy.state() != tango.DevState.MOVING, "it has arrived")


def opened(simulators, name) -> float:
    return float(simulators.ask(do="truth")["instruments"]["io"]["shutters"][name]["opened"])


def refused(action, *arguments) -> tango.DevError:
    with pytest.raises(tango.DevFailed) as failed:
        action(*arguments)
    return failed.value.args[0]


def test_names_are_the_documented_ones(shutter):
    assert set(shutter.get_attribute_list()) == {*map(str, ShutterAttribute), "State", "Status", "ChangedBy"}
    assert set(shutter.get_command_list()) == {
        *(str(name) for name in [*ShutterCommand, *DeviceCommand]),
        "State",
        "Status",
        "Init",
    }
    assert all(re.fullmatch(r"[A-Z][A-Za-z0-9]*", name) for name in shutter.get_attribute_list())


def test_close_returns_at_once_with_state_moving_and_open_brings_it_back(rigged, shutter):
    _, simulators = rigged
    simulators.ask(do="jam", shutter="shutter", jammed=True)  # else it might have arrived before we look
    shutter.Close()
    assert shutter.state() == tango.DevState.MOVING
    assert shutter.status() == "shutter: closing"
    simulators.ask(do="jam", shutter="shutter", jammed=False)
    arrive(shutter)
    assert (shutter.state(), shutter.Position, shutter.status()) == (tango.DevState.ON, "closed", "shutter: closed")
    assert opened(simulators, "shutter") == 0.0
    simulators.ask(do="jam", shutter="shutter", jammed=True)
    shutter.Open()
    assert shutter.state() == tango.DevState.MOVING
    simulators.ask(do="jam", shutter="shutter", jammed=False)
    arrive(shutter)
    assert (shutter.Position, opened(simulators, "shutter")) == ("open", 1.0)


def test_writing_its_position_moves_it(rigged, shutter):
    _, simulators = rigged
    simulators.ask(do="jam", shutter="shutter", jammed=True)
    shutter.Position = "closed"
    assert shutter.state() == tango.DevState.MOVING
    simulators.ask(do="jam", shutter="shutter", jammed=False)
    arrive(shutter)
    assert shutter.Position == "closed"
    error = refused(shutter.write_attribute, "Position", "ajar")
    assert (error.desc, error.reason) == (
        "shutter: cannot go to 'ajar'; it goes to open or closed",
        "RONDA_BAD_VALUE",
    )


def test_the_last_position_comes_before_the_state(shutter, listen):
    events = listen(shutter, "State", "Position")
    events.clear()
    shutter.Close()
    wait_until(lambda: tango.DevState.ON in events.of("State"), "the end is told")
    assert events.of("State") == [tango.DevState.MOVING, tango.DevState.ON]
    assert events.seen[-2:] == [
        ("position", "closed", tango.AttrQuality.ATTR_VALID),
        ("state", tango.DevState.ON, tango.AttrQuality.ATTR_VALID),
    ]
    changing = [quality for name, _, quality in events.seen[:-2] if name == "position"]
    assert changing
    assert set(changing) == {tango.AttrQuality.ATTR_CHANGING}


def test_a_fast_shutter_opens_and_closes_in_a_few_milliseconds(rigged):
    rig, simulators = rigged
    fsh = rig.ready("fsh")
    for order, end in ((fsh.Close, "closed"), (fsh.Open, "open")):
        order()
        arrive(fsh)
        assert fsh.Position == end
        assert opened(simulators, "fsh") == (end == "open")


def test_it_shuts_when_somebody_opens_the_hutch_and_says_why_it_stays_so(rigged, shutter, listen):
    _, simulators = rigged
    events = listen(shutter, "State", "Position", "Forbidden")
    events.clear()
    simulators.ask(do="hutch", searched=False)
    wait_until(lambda: "closed" in events.of("Position"), "it has closed")
    arrive(shutter)
    assert events.of("Forbidden") == ["the hutch is not searched"]
    assert shutter.status() == "shutter: closed; may not be opened: the hutch is not searched"
    error = refused(shutter.Open)
    assert error.desc == "shutter: cannot be opened: the hutch is not searched"
    assert (error.reason, error.origin) == ("RONDA_NOT_ALLOWED", "test/shutter/shutter")
    assert refused(shutter.write_attribute, "Position", "open").reason == "RONDA_NOT_ALLOWED"
    shutter.Close()
    assert opened(simulators, "shutter") == 0.0


def test_one_that_is_stuck_is_told_after_its_time(rigged, shutter):
    _, simulators = rigged
    simulators.ask(do="jam", shutter="shutter", jammed=True)
    shutter.Close()
    wait_until(lambda: shutter.state() == tango.DevState.FAULT, "the time is over")
    assert shutter.status() == "shutter: did not close within 2 s; it is open"
    simulators.ask(do="jam", shutter="shutter", jammed=False)
    wait_until(lambda: shutter.state() == tango.DevState.ON, "it came free")
    assert shutter.Position == "closed"


def test_one_that_somebody_else_moves_is_moving(rigged, shutter, listen, slowly):
    rig, simulators = rigged
    rig.register(
        "others",
        {
            "valves": {
                "kind": "digital_io",
                "driver": "simulated",
                "address": simulators.address("io"),
                "signals": {"safety": {"channel": 2, "direction": "output"}},
            }
        },
    )
    rig.start("others")
    events = listen(shutter, "State", "Position")
    events.clear()
    valves = rig.ready("valves")
    with slowly(simulators):
        valves.Safety = False
        wait_until(lambda: events.of("State") == [tango.DevState.MOVING], "it is seen to move")
    wait_until(lambda: "closed" in events.of("Position"), "it has closed")
    wait_until(lambda: events.of("State")[-1:] == [tango.DevState.ON], "it rests")
    assert events.of("State") == [tango.DevState.MOVING, tango.DevState.ON]
    rig.servers["others"].end()


def test_close_is_made_up_for_when_the_hardware_answers_again(rigged, shutter):
    _, simulators = rigged
    simulators.ask(do="close", instrument="io", seconds=600)
    wait_until(lambda: shutter.state() == tango.DevState.FAULT, "the loss is seen")
    assert shutter.read_attribute("Position").quality == tango.AttrQuality.ATTR_INVALID
    assert refused(shutter.Open).reason == "RONDA_COMMUNICATION"
    error = refused(shutter.Close)
    assert error.reason == "RONDA_COMMUNICATION"
    assert "shutter: cannot close yet" in error.desc
    assert error.desc.endswith("it will as soon as shutter answers")
    simulators.ask(do="close", instrument="io", seconds=0)
    wait_until(lambda: opened(simulators, "shutter") == 0.0, "it closed by itself", 60)
    wait_until(lambda: shutter.state() == tango.DevState.ON, "it is back", 60)
    assert shutter.Position == "closed"


def test_an_end_of_the_server_leaves_it_as_it_is(rigged, shutter):
    rig, simulators = rigged
    rig.servers["beam"].end()
    assert opened(simulators, "shutter") == 1.0
    rig.start("beam")
    wait_until(lambda: shutter.state() == tango.DevState.ON, "it is heard")
    assert shutter.Position == "open"
