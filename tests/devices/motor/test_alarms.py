"""Alarm and warning bounds from YAML: clients see them in the quality of what they read; State is not touched."""

from __future__ import annotations

import time

import pytest
import tango

AXIS = {
    "channel": 1,
    "steps_per_unit": 2000,
    "velocity": 20.0,
    "acceleration_time": 0.05,
    "limits": [-10, 10],
    "alarms": {"alarm": [-4.0, 4.0], "warning": [-2.0, 2.0]},
}


@pytest.fixture(scope="module")
def guarded(rig, simulate):
    """An axis whose position should stay within ±2 mm."""
    simulators = simulate(guarded={"type": "motor_controller", "axes": 1})
    entry = {"kind": "motor", "driver": "simulated", "address": simulators.address("guarded"), "axes": {"tower": AXIS}}
    rig.register("alarms", {"mcalarm": entry})
    rig.start("alarms")
    yield rig.ready("tower")
    rig.servers["alarms"].end()


@pytest.mark.parametrize(
    ("target", "quality"),
    [
        (1.0, tango.AttrQuality.ATTR_VALID),
        (3.0, tango.AttrQuality.ATTR_WARNING),
        (5.0, tango.AttrQuality.ATTR_ALARM),
        (-3.0, tango.AttrQuality.ATTR_WARNING),
        (0.0, tango.AttrQuality.ATTR_VALID),
    ],
)
def test_a_position_beyond_its_bounds_has_the_quality_that_says_so(guarded, go, target, quality):
    go(guarded, target)
    read = guarded.read_attribute("Position")
    assert (read.value, read.quality) == (pytest.approx(target), quality)
    assert guarded.state() == tango.DevState.ON


def test_the_bounds_stand_in_tangos_description(guarded):
    alarms = guarded.get_attribute_config("Position").alarms
    assert (alarms.min_alarm, alarms.max_alarm) == ("-4.0", "4.0")
    assert (alarms.min_warning, alarms.max_warning) == ("-2.0", "2.0")


def test_the_last_event_of_a_move_has_the_quality_too(guarded, go, listen):
    go(guarded, 0.0)
    events = listen(guarded, "Position")

    def ended() -> list[tango.AttrQuality]:
        settled = [(value, each) for _, value, each in list(events.seen) if each != tango.AttrQuality.ATTR_CHANGING]
        return [each for value, each in settled if value == pytest.approx(5.0, abs=0.0005)]

    go(guarded, 5.0)
    deadline = time.monotonic() + 60
    while not ended() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ended()[-1] == tango.AttrQuality.ATTR_ALARM
