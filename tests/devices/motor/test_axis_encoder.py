"""Encoders: what they show, lost steps, and moves that are corrected by them."""

from __future__ import annotations

import pytest
import tango

ON, ALARM = tango.DevState.ON, tango.DevState.ALARM

ENCODER = {"steps_per_unit": 1000, "tolerance": 0.02}
PLANT = {"encoder": 1000}


@pytest.fixture(scope="module")
def axes(serve):
    return serve(
        "encoders",
        {
            "open": ({"encoder": ENCODER}, PLANT),
            "watched": ({"encoder": {**ENCODER, "check_while_moving": True}}, PLANT),
            "closed": (
                {
                    "encoder": {"steps_per_unit": 1000},
                    "closed_loop": {"window": 0.002, "settle_time": 0.02, "retries": 3},
                },
                PLANT,
            ),
            "back": ({"encoder": {"steps_per_unit": -500}, "sign": -1}, {"encoder": 500}),
            "blind": ({"encoder": ENCODER}, {}),
            "none": ({}, {}),
        },
    )


def test_the_encoder_shows_user_positions(axes, go):
    go(axes.open, 2.0)
    assert axes.open.EncoderPosition == pytest.approx(2.0)
    assert axes.open.state() == ON
    # this one counts the other way
    go(axes.back, 2.0)
    assert axes.back.EncoderPosition == pytest.approx(-2.0)


def test_an_axis_without_encoder_shows_none(axes):
    assert axes.none.read_attribute("EncoderPosition").quality == tango.AttrQuality.ATTR_INVALID


def test_a_controller_that_says_nothing_of_the_encoder_is_an_alarm(axes):
    assert axes.rig.proxy("blind").state() == ALARM
    assert axes.rig.proxy("blind").status().startswith("blind: its controller says nothing of its encoder")


def test_lost_steps_are_an_alarm_that_says_both_and_sync_sets_the_controller_right(axes, go):
    axis = axes.open
    go(axis, 0.0)
    axes.simulators.ask(do="slip", instrument="motion", axis=1, part=0.1)
    go(axis, 2.0)
    axes.simulators.ask(do="slip", instrument="motion", axis=1, part=0)
    assert axis.state() == ALARM
    assert axis.status().startswith(
        "open: its encoder says 1.8 mm, its controller 2.0 mm: 0.2 mm apart, more than 0.02 mm; it lost steps"
    )
    axis.Sync()
    assert (axis.state(), axis.Position) == (ON, pytest.approx(1.8))
    go(axis, 2.0)
    assert axes.true(1)["position"] == pytest.approx(2.0)


def test_a_move_that_loses_steps_is_stopped_on_its_way_if_so_wished(axes, stands):
    axis = axes.watched
    axes.simulators.ask(do="slip", instrument="motion", axis=2, part=0.5)
    axis.Position = 50.0
    stands(axis)
    axes.simulators.ask(do="slip", instrument="motion", axis=2, part=0)
    assert axis.state() == ALARM
    assert axis.status().startswith("watched: stopped on its way: its encoder says ")
    assert axis.Position < 40.0


def test_a_closed_loop_ends_where_the_encoder_should_be(axes, go):
    axis = axes.closed
    axes.simulators.ask(do="slip", instrument="motion", axis=3, part=0.05)
    go(axis, 3.0)
    assert axis.state() == ON
    assert axis.Position == pytest.approx(3.0, abs=0.002)
    assert axes.true(3)["position"] == pytest.approx(3.0, abs=0.002)
    assert axes.true(3)["register"] > 6200


def test_a_closed_loop_that_does_not_come_close_enough_says_so(axes, go):
    axis = axes.closed
    axes.simulators.ask(do="slip", instrument="motion", axis=3, part=0.9)
    go(axis, 0.0)
    axes.simulators.ask(do="slip", instrument="motion", axis=3, part=0)
    assert axis.state() == ALARM
    assert axis.status().startswith("closed: is not within 0.002 mm of 0.0 mm after 3 corrections: its encoder says ")
    go(axis, 0.0)
    assert axis.state() == ON


def test_a_stop_ends_the_corrections(axes, stands, slowly):
    axis = axes.closed
    with slowly(axes.simulators):
        axis.Position = 50.0
        axis.Stop()
    stands(axis)
    assert axis.state() == ON
    assert axis.Position < 49.0


def test_a_redefined_dial_takes_the_encoder_along(axes, go):
    axis = axes.closed
    axis.DefineDialPosition(10.0)
    assert axis.DialPosition == pytest.approx(10.0)
    go(axis, axis.Position + 1.0)
    assert axis.DialPosition == pytest.approx(11.0, abs=0.002)
