import random

import pytest

from ronda.framework.archive.questions import Archive
from ronda.framework.archive.record import Event
from ronda.framework.archive.store import Store

NOW = 1_795_046_400.0


def positions(name, chance, setpoint, times, who=None):
    """Readings that jitter about a setpoint."""
    return [
        Event(name, time, time, setpoint + chance.gauss(0, 0.01), "DevDouble", write_value=setpoint, who=who)
        for time in times
    ]


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """A night in which 200 motors jittered, as did 200 readings without setpoints, and a few things happened."""
    chance, events = random.Random(4), []
    hours = [NOW + 600 * number for number in range(12)]
    for number in range(200):
        events += positions(f"demo/motor/m{number}/position", chance, float(number), hours)
        events += [Event(f"foreign/gauge/g{number}/p", time, time, chance.gauss(5, 1), "DevDouble") for time in hours]
    moved = "demo/motor/m17/position"
    events += positions(moved, chance, 18.5, [NOW + 1000], "jane@console")
    events += positions(moved, chance, 20.0, [NOW + 2000], "joe@office") + positions(moved, chance, 20.0, [NOW + 7000])
    events = [e for e in events if not (e.attribute == moved and e.write_value == 17.0 and e.time > NOW + 1000)]
    events += [
        Event("foreign/valve/v/state", NOW, NOW, "OPEN", "DevState"),
        Event("foreign/valve/v/state", NOW + 3000, NOW + 3000, "CLOSE", "DevState"),
        Event("demo/motor/m5", NOW + 4000, NOW + 4000, kind="vanish"),
        Event("demo/motor/m6", NOW, NOW, kind="configuration", text='{"velocity": 1}'),
        Event("demo/motor/m6", NOW + 5000, NOW + 5000, kind="configuration", text='{"velocity": 2}'),
        Event("foreign/knob/k/gain", NOW, NOW, 1.0, "DevDouble"),
        Event("foreign/knob/k/gain", NOW + 10, NOW + 10, 4.0, "DevDouble", who="jane@console"),
    ]
    events = [e for e in events if not (e.attribute == "demo/motor/m5/position" and e.time > NOW + 4000)]
    events.sort(key=lambda event: event.time)
    folder = tmp_path_factory.mktemp("night")
    with Store(folder) as store:
        store.append(events[:3000])
        store.compact(now=NOW)
        store.append(events[3000:])
    with Archive(folder) as archive:
        yield archive


def test_the_one_motor_that_somebody_moved_is_found_among_readings_that_jitter(night):
    settings = [change for change in night.whatchanged(NOW + 1, NOW + 7100) if change.what == "setting"]
    motor, knob = settings
    assert (motor.attribute, motor.old, motor.new) == ("demo/motor/m17/position", 17.0, 20.0)
    assert (motor.who, motor.time, motor.times) == ("joe@office", NOW + 2000, 2)
    assert motor.command() == "tango.DeviceProxy('demo/motor/m17').write_attribute('position', 17.0)"
    assert (knob.attribute, knob.old, knob.new, knob.who) == ("foreign/knob/k/gain", 1.0, 4.0, "jane@console")


def test_states_devices_that_vanished_and_configurations_are_told_apart(night):
    others = [change for change in night.whatchanged(NOW + 1, NOW + 7100) if change.what != "setting"]
    assert [(change.what, change.attribute) for change in others] == [
        ("configuration", "demo/motor/m6"),
        ("state", "foreign/valve/v/state"),
        ("presence", "demo/motor/m5/position"),
    ]
    assert (others[1].old, others[1].new, others[1].time) == ("OPEN", "CLOSE", NOW + 3000)
    assert "its device was away" in others[2].reason
    assert [change.command() for change in others] == ["", "", ""]


def test_what_was_there_at_both_times_is_no_change(night):
    assert night.whatchanged(NOW + 5500, NOW + 6900) == []


def test_changes_are_told_of_a_pattern_only_when_it_is_given(night):
    changes = night.whatchanged(NOW + 1, NOW + 7100, "foreign/*")
    assert {change.attribute for change in changes} == {"foreign/knob/k/gain", "foreign/valve/v/state"}
