"""Waiting for the end of a motion in one call."""

from __future__ import annotations

import math
import threading
import time

import pytest
import tango


def test_an_axis_that_stands_says_so_at_once(motors):
    samx = motors.samx
    assert samx.AwaitRest(1.0) == samx.Position


def test_the_wait_ends_with_the_motion_at_the_final_position(motors, go):
    samx = motors.samx
    go(samx, 0.0)
    for target in (0.1, 0.2, 0.3, 0.0):
        samx.Position = target
        while math.isnan(position := samx.AwaitRest(1.0)):
            pass
        assert samx.state() == tango.DevState.ON
        assert position == samx.Position == pytest.approx(target)
        assert samx.read_attribute("Position").quality == tango.AttrQuality.ATTR_VALID


@pytest.mark.parametrize("limit", [0.0, 0.05, -1.0, math.nan])
def test_one_that_still_moves_when_the_time_is_over_answers_with_no_number(motors, go, stands, slowly, limit):
    samx = motors.samx
    go(samx, 0.0)
    with slowly(motors.simulators):
        samx.Position = 5.0
        assert math.isnan(samx.AwaitRest(limit))
    samx.Stop()
    stands(samx)


def test_a_call_never_waits_for_longer_than_clients_do(motors, go, stands):
    samx = motors.samx
    go(samx, 0.0)
    samx.Velocity = 0.05  # three minutes
    try:
        samx.Position = 9.0
        begun = time.monotonic()
        assert math.isnan(samx.AwaitRest(1e6))
        assert 0.9 < time.monotonic() - begun < 60
    finally:
        samx.Stop()
        stands(samx)
        samx.Velocity = 2.0


def test_others_are_served_and_may_stop_the_axis_meanwhile(motors, go, stands):
    samx = motors.samx
    go(samx, 0.0)
    samx.Velocity = 0.05  # three minutes
    ended = []

    def wait() -> None:
        with tango.EnsureOmniThread():
            proxy = tango.DeviceProxy(f"{samx.get_db_host()}:{samx.get_db_port()}/{samx.name()}")
            while math.isnan(position := proxy.AwaitRest(1.0)):
                pass
            ended.append(position)

    waiting = threading.Thread(target=wait)
    try:
        samx.Position = 9.0
        waiting.start()
        assert samx.state() == tango.DevState.MOVING
        samx.Stop()
        waiting.join(150)
    finally:
        samx.Stop()
        stands(samx)
        samx.Velocity = 2.0
    assert ended == [samx.Position]
    assert ended[0] < 9.0
