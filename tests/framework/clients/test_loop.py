"""A regulation loop as scientists use it, on the demo beamline's oven."""

from __future__ import annotations

import os
import time

import pytest

from ronda.framework.errors import HardwareFault, NotAllowed, OutOfRange
from ronda.framework.stream.connection import Server
from ronda.framework.stream.live import read_live


@pytest.fixture
def temp(beamline):
    loop = beamline["temp"]
    deadline = time.monotonic() + 60
    while loop.state == "UNKNOWN":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    loop.deadband, loop.deadband_time, loop.ramp_rate = 2.0, 0.3, 0.0
    yield loop
    loop.off()


def warmer(temp):
    """A setpoint that is soon reached: it cools slowly, and noise would let it leave its deadband again where it enters."""
    return round(temp.input) + 3.0


def test_a_setpoint_is_gone_to_and_waited_for(temp):
    temp.ramp_rate = 60.0  # after a jump it would be too warm for a while
    goal = temp.setpoint = warmer(temp)
    assert temp.is_regulating
    assert temp.wait(150)
    assert temp.in_deadband
    assert temp.position == pytest.approx(goal, abs=2.5)
    assert temp.target == temp.setpoint == goal


def test_its_table_says_units_and_gains(temp):
    temp.ramp_rate = 5.0
    text = temp.__info__()
    assert "ramp rate  5 K/min" in text
    assert "gains      kp 8, ki 0.25, kd 18" in text


def test_as_an_axis_it_moves_and_refuses_what_is_outside_its_limits(temp):
    goal = warmer(temp)
    temp.move(goal)
    assert temp.setpoint == goal
    with pytest.raises(OutOfRange, match=r"temp: cannot go to 900 K, outside limits \[290.0, 600.0\] K"):
        temp.move(900)
    with pytest.raises(NotAllowed, match=r"temp: what it measures cannot be renamed; temp.setpoint = 3 goes there"):
        temp.position = 3


def test_an_interrupted_move_holds_the_ramp_and_does_not_cut_the_heater(temp, monkeypatch):
    temp.setpoint = 297.0
    temp.ramp_rate = 30.0

    def interrupted(limit):
        raise KeyboardInterrupt

    monkeypatch.setattr(temp, "await_rest", interrupted)
    with pytest.raises(KeyboardInterrupt):
        temp.move(400.0)
    assert temp.is_regulating
    assert temp.setpoint < 350


def test_waiting_for_a_loop_that_is_off_is_told(temp):
    temp.off()
    with pytest.raises(HardwareFault, match="temp: off"):
        temp.wait()


def test_it_has_counters_for_scans(temp):
    assert {(one.name, one.unit) for one in temp.counters()} == {
        ("temp_input", "K"),
        ("temp_setpoint", "K"),
        ("temp_output", "%"),
        ("temp_error", "K"),
    }


def test_what_it_does_is_in_the_stream(temp, beamline):
    temp.setpoint = warmer(temp)
    server = Server(
        beamline.redis_url,
        user=os.environ.get("RONDA_REDIS_USER"),
        password=os.environ.get("RONDA_REDIS_PASSWORD"),
    )
    deadline = time.monotonic() + 60
    while not server.call("EXISTS", "ronda:live:temp"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    described, rows = read_live(server, "temp")
    server.close()
    assert list(described.units) == [
        *("time", "input", "setpoint", "working_setpoint", "output", "proportional", "integral", "derivative")
    ]
    assert rows.shape[1] == 8
    assert rows[-1, 1] == pytest.approx(temp.input, abs=10)
