"""Sweeps of an axis: how it says that it would sweep, in which direction, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tango

ON = tango.DevState.ON


def line(start: float, step: float, npoints: int = 20, time: float = 0.01, **more: Any) -> str:
    return json.dumps({"start": start, "step": step, "npoints": npoints, "time": time, **more})


def test_it_says_how_it_would_sweep_and_does_not_move(motors):
    told = json.loads(motors.samx.CheckSweep(line(0.5, 0.01)))

    assert told["velocity"] == pytest.approx(1.0)
    assert (told["begins"], told["end"], told["rests"]) == pytest.approx((0.445, 0.7, 0.755))
    assert told["duration"] == pytest.approx(0.31 + 0.1)
    assert told["triggers"]
    assert motors.samx.state() == ON


@pytest.mark.parametrize("axis", ["samx", "rev"])
def test_a_sweep_in_user_units_ends_where_it_was_said_and_the_velocity_is_restored(motors, go, stands, axis):
    proxy = getattr(motors, axis)
    told = json.loads(proxy.CheckSweep(line(2.0, -0.01)))
    go(proxy, told["begins"])
    proxy.StartSweep(line(2.0, -0.01))
    stands(proxy)

    assert proxy.Position == pytest.approx(told["rests"]) == pytest.approx(1.745)
    assert proxy.Target == pytest.approx(told["rests"])
    assert proxy.Velocity == pytest.approx(2.0)
    go(proxy, 0.0)


@pytest.mark.parametrize(
    ("asked", "reason", "says"),
    [
        (
            line(9.9, 0.01, 10),
            "RONDA_OUT_OF_RANGE",
            r"from 9.9 to 10 mm: with 0.055 mm to run up .* to 10.055 mm, outside",
        ),
        (line(0, 1.0, 2, 0.01), "RONDA_OUT_OF_RANGE", "takes 100 mm/s, but it moves at 10 mm/s at most"),
        (line(0, 0.0001), "RONDA_OUT_OF_RANGE", "less than one step of its controller, 0.0005 mm"),
        (line(0, 0.01, 0), "RONDA_OUT_OF_RANGE", "needs 1 point or more, not 0"),
        ("{}", "RONDA_BAD_VALUE", "a sweep is JSON such as"),
    ],
)
def test_what_it_cannot_sweep_is_refused_with_the_reason(motors, asked, reason, says):
    with pytest.raises(tango.DevFailed, match=says) as refusal:
        motors.samx.CheckSweep(asked)
    assert refusal.value.args[0].reason == reason


def test_triggers_are_refused_where_its_run_up_does_not_begin(motors):
    with pytest.raises(tango.DevFailed, match=r"it stands at 0.0 mm, and its run-up begins at 0.445 mm"):
        motors.samx.ArmSweep(line(0.5, 0.01, scan="any", line=0))


def test_leaving_a_scan_that_it_is_not_in_does_no_harm(motors):
    motors.samx.DisarmScan("20260101T000000-00000000")
    assert motors.samx.state() == ON
