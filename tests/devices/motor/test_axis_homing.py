"""Homing: the dial is right where the mark is, whatever it was before; a search that fails leaves it as it was."""

from __future__ import annotations

import json
import signal

import pytest
import tango

from ronda.framework.host.entries import LAST_POSITION
from tests.devices.conftest import wait_until

ON, MOVING, ALARM = tango.DevState.ON, tango.DevState.MOVING, tango.DevState.ALARM

HOME = {"home": 3.0, "lower_switch": -20.0, "upper_switch": 20.0}


@pytest.fixture(scope="module")
def axes(serve):
    return serve(
        "homing",
        {
            "ref": (
                {"homing": {"mark": "home_switch", "direction": 1, "velocity": 10, "position": 5.0}, "offset": 1.0},
                HOME,
            ),
            "low": ({"homing": {"mark": "low_limit", "velocity": 20, "position": -50.0}}, HOME),
            "index": (
                {"homing": {"mark": "index", "required": True}, "encoder": {"steps_per_unit": 1000, "tolerance": 0.01}},
                {"index": -1.0, "encoder": 1000, "encoder_zero": 777, **HOME},
            ),
            "lost": ({"homing": {"mark": "home_switch", "timeout": 0.5}}, {}),
            "blank": ({"homing": {"mark": "home_switch", "velocity": 50}}, {**HOME, "home": None}),
            "bare": ({}, {}),
        },
    )


def test_the_dial_is_right_at_the_home_switch(axes, stands, go, slowly):
    ref = axes.ref
    assert not ref.Homed
    with slowly(axes.simulators):
        ref.Home()
        assert ref.state() == MOVING
        assert ref.status().startswith("ref: searching for its home switch")
    stands(ref)
    assert ref.state() == ON
    assert ref.Homed
    # its edge is at 2.95 mm of the stage, and shall be dial 5
    assert ref.DialPosition - axes.true(1)["position"] == pytest.approx(5.0 - 2.95, abs=0.001)
    assert ref.Position == pytest.approx(ref.DialPosition + 1.0)
    go(ref, 1.0)
    ref.Home()
    stands(ref)
    assert ref.DialPosition - axes.true(1)["position"] == pytest.approx(5.0 - 2.95, abs=0.001)


def test_a_limit_switch_may_be_the_mark(axes, stands):
    low = axes.low
    low.Home()
    stands(low)
    assert (low.state(), low.Homed, low.LowLimitSwitch) == (ALARM, True, True)
    assert low.DialPosition - axes.true(2)["position"] == pytest.approx(-50.0 + 20.0, abs=0.001)


def test_an_axis_that_must_be_homed_refuses_moves_until_it_is(axes, stands, refusal, go):
    index = axes.index
    assert index.status().startswith("index: has not been homed yet; Home does it")
    assert refusal(index.write_attribute, "Position", 0.0) == (
        "RONDA_NOT_READY",
        "index: cannot move to 0.0 mm: it has not been homed yet; Home does it",
    )
    index.Home()
    stands(index)
    # its encoder was redefined with the dial
    assert (index.state(), index.status()) == (ON, "index: stands")
    assert index.EncoderPosition == pytest.approx(index.Position, abs=0.0011)
    assert index.DialPosition - axes.true(3)["position"] == pytest.approx(1.0, abs=0.001)
    go(index, 2.0)
    assert index.state() == ON


def test_while_an_axis_homes_other_orders_are_refused(axes, stands, refusal, slowly):
    ref = axes.ref
    orders = (
        lambda: ref.write_attribute("Position", 0.0),
        lambda: ref.write_attribute("Offset", 0.0),
        lambda: ref.DefineDialPosition(0.0),
        ref.Home,
        ref.Sync,
        ref.Disable,
    )
    with slowly(axes.simulators):
        ref.Home()
        assert [refusal(order)[0] for order in orders] == ["RONDA_BUSY"] * len(orders)
    stands(ref)
    assert ref.Homed


def test_a_stopped_search_leaves_the_dial_as_it_was(axes, stands, go, slowly):
    ref = axes.ref
    go(ref, -5.0)
    shift = ref.DialPosition - axes.true(1)["position"]
    with slowly(axes.simulators, 0.1):
        ref.Home()
        wait_until(lambda: axes.true(1)["state"] == "MOVING", "it searches")
        ref.Stop()
    stands(ref)
    assert ref.state() == ON
    assert not ref.Homed
    assert ref.DialPosition - axes.true(1)["position"] == pytest.approx(shift, abs=0.001)


def test_a_search_that_takes_too_long_is_stopped(axes, stands):
    lost = axes.lost
    lost.Home()
    stands(lost)
    assert lost.state() == ALARM
    assert lost.status().startswith("lost: did not home on its home switch within 0.5 s and was stopped")
    assert not lost.Homed


def test_a_search_that_finds_nothing_says_what_the_controller_said(axes, stands):
    blank = axes.blank
    blank.Home()
    stands(blank)
    assert blank.state() == ALARM
    assert blank.status().startswith("blank: cannot home on its home switch: no home switch between the limit switches")


def test_an_axis_without_homing_says_so(axes, refusal):
    assert refusal(axes.bare.Home) == ("RONDA_NOT_ALLOWED", "bare: cannot home: its configuration has no `homing`")


def test_homed_survives_a_server_that_is_killed_and_a_redefinition_ends_it(axes, stands, rig):
    ref = axes.ref
    ref.Home()
    stands(ref)
    position, dial = ref.Position, ref.DialPosition

    def stored() -> bool:
        """Whether the database has what a restart needs; it is given that soon after the end of a motion."""
        (text,) = rig.database().get_device_property("test/axis/ref", LAST_POSITION)[LAST_POSITION]
        return bool(json.loads(text)["homed"] and json.loads(text)["dial"] == pytest.approx(dial))

    wait_until(stored, "it is kept")
    rig.servers["homing"].end(signal.SIGKILL)
    rig.start("homing")
    ref = axes.ref
    assert (ref.state(), ref.Homed, ref.Position) == (ON, True, pytest.approx(position))
    ref.DefineDialPosition(0.0)
    assert not ref.Homed
