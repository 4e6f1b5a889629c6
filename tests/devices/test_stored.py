"""Run-time settings reach the Tango database before they take effect, or are refused."""

from __future__ import annotations

import signal
import threading
import time

import pytest
import tango

AXIS = {"channel": 1, "steps_per_unit": 2000, "velocity": 2.0, "acceleration_time": 0.1, "limits": [-10, 10]}


def wait_until(condition, limit=150.0):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def lone(own_database, new_rig, simulate):
    """An axis whose database can be stopped."""
    host, process = own_database()
    simulators = simulate(motion={"type": "motor_controller", "axes": 1})
    rig = new_rig(host)
    entry = {"kind": "motor", "driver": "simulated", "address": simulators.address("motion"), "axes": {"lone": AXIS}}
    rig.register("lone", {"mcl": entry})
    rig.start("lone")
    return rig, rig.ready("lone"), process


def test_a_setting_is_refused_while_the_database_is_away_and_nothing_changes(lone, halt):
    rig, axis, database = lone
    halt(database.pid)
    try:
        failures: list[tango.DevFailed] = []

        def change() -> None:
            with tango.EnsureOmniThread():
                try:
                    axis.Velocity = 1.0
                except tango.DevFailed as failed:
                    failures.append(failed)

        thread = threading.Thread(target=change)
        thread.start()
        answers = 0
        while thread.is_alive():
            assert axis.state() == tango.DevState.ON
            answers += 1
            time.sleep(0.01)
        assert answers > 2, "others are not kept waiting"
        assert failures[0].args[0].reason == "RONDA_SERVICE"
        sentence = "lone: the setting cannot be stored and was not changed, because the Tango database does not answer"
        assert failures[0].args[0].desc.startswith(sentence)
        assert axis.Velocity == 2.0
    finally:
        database.send_signal(signal.SIGCONT)
    # the database has carried out by now what had reached it before, and we took that back
    wait_until(lambda: rig.runtime_settings("test/axis/lone") == {} and axis.Velocity == 2.0)
    wait_until(lambda: not _fails(lambda: axis.write_attribute("Velocity", 1.5)))
    assert rig.runtime_settings("test/axis/lone") == {"velocity": 1.5}


def test_moving_needs_no_database(lone):
    _, axis, database = lone
    database.kill()
    database.wait()
    axis.Position = 1.0
    wait_until(lambda: axis.state() == tango.DevState.ON)
    assert axis.Position == 1.0
    axis.Stop()


def test_a_setting_made_just_before_a_crash_of_both_is_kept(lone, own_database):
    rig, axis, database = lone
    axis.Offset = 3.25
    database.kill()
    rig.servers["lone"].end(signal.SIGKILL)
    database.wait()
    own_database(rig.tango_host)
    rig.start("lone")
    assert rig.ready("lone").Offset == 3.25


def _fails(action) -> bool:
    try:
        action()
    except tango.DevFailed:
        return True
    return False
