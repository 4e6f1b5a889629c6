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


JANE, JOE = "jane@id01, process 42, mv(samx, 3)", "joe@id01, process 43"


@pytest.fixture
def changed(tmp_path):
    """`changed(*events)` stores events of devices of ours and says what changed in the hour after NOW."""
    archives = []

    def ask(*events, since=NOW + 1):
        with Store(tmp_path) as store:
            store.append(sorted(events, key=lambda event: event.time))
        archives.append(Archive(tmp_path))
        return archives[-1].whatchanged(since, NOW + 3600)

    yield ask
    for archive in archives:
        archive.close()


def read(name, after, value, written):
    return Event(f"demo/axis/samx/{name}", NOW + after, NOW + after, value, "DevDouble", write_value=written)


def noted(after, text):
    return Event("demo/axis/samx/changedby", NOW + after, NOW + after, text, "DevString")


def test_who_moved_an_axis_is_what_it_noted(changed):
    (found,) = changed(
        *(noted(0, ""), read("position", 0, 0.001, 0.0)),
        *(read("position", 100.2, 0.4, 3.0), noted(100.4, f"Position by {JANE}"), read("position", 102, 3.001, 3.0)),
        noted(200, f"Velocity by {JOE}"),
    )
    assert (found.what, found.attribute, found.old, found.new) == ("setting", "demo/axis/samx/position", 0.0, 3.0)
    assert (found.who, found.time, found.times) == (JANE, NOW + 100.2, 1)


def test_a_setting_of_ours_is_compared_by_what_is_read_not_by_what_was_written_before_a_restart(changed):
    (found,) = changed(
        *(noted(0, ""), read("velocity", 0, 2.0, 2.0), read("offset", 0, 1.0, 0.0), read("sign", 0, 1, 1)),
        *(read("velocity", 50, 2.0, 0.0), noted(50, "")),
        *(noted(100, f"Offset, LowLimit by {JOE}"), read("offset", 100.1, 2.0, 0.0)),
    )
    assert (found.attribute, found.old, found.new, found.who) == ("demo/axis/samx/offset", 1.0, 2.0, JOE)


def test_what_came_along_with_another_setting_has_its_author(changed):
    found = changed(
        *(noted(0, ""), read("velocity", 0, 2.0, 2.0), read("acceleration", 0, 20.0, 20.0)),
        *(noted(100, f"Velocity by {JOE}"), read("velocity", 100.1, 1.0, 1.0), read("acceleration", 100.1, 10.0, 20.0)),
    )
    assert {change.attribute.rpartition("/")[2]: change.who for change in found} == {
        "velocity": JOE,
        "acceleration": JOE,
    }


def test_an_axis_that_took_where_it_stood_for_its_setpoint_was_moved_by_nobody(changed):
    assert (
        changed(
            *(noted(0, f"Position by {JANE}"), read("position", 0, 3.001, 3.0)),
            *(noted(100, ""), read("position", 100, 3.0012, 3.0012)),
        )
        == []
    )


def test_an_author_is_not_told_of_what_happened_after_a_restart(changed):
    (found,) = changed(
        *(noted(0, f"Velocity by {JANE}"), read("velocity", 0, 2.0, 2.0)),
        *(noted(100, ""), read("velocity", 200, 4.0, 0.0)),
    )
    assert (found.attribute, found.who) == ("demo/axis/samx/velocity", None)


def test_what_the_archive_began_with_is_no_change(changed):
    assert changed(read("position", 10, 0.0, 0.0), noted(10, ""), since=NOW - 3600) == []


def test_what_changed_while_nobody_listened_is_compared_with_what_was_before(changed):
    (found,) = changed(
        *(read("velocity", -100, 2.0, 2.0), read("sign", -100, 1, 1)),
        *(Event("*", NOW - 50, NOW - 50, kind="gap", text="the logger did not run"), noted(50, "")),
        *(read("velocity", 50, 4.0, 4.0), read("sign", 50, 1, 1)),
    )
    assert (found.what, found.attribute, found.old, found.new) == ("setting", "demo/axis/samx/velocity", 2.0, 4.0)
