"""Axes of a controller that hangs, goes away, talks nonsense, or knows nothing of an axis."""

from __future__ import annotations

import signal
import threading
import time

import pytest
import tango

from ronda.framework.errors import CommunicationFailed, TimedOut
from ronda.framework.tango.errors import from_dev_failed
from tests.ports import free_port

QUICK = 45.0
"""Seconds within which State and Stop must answer, whatever hangs: much less than that does, but a busy machine has room."""


def wait_until(condition, limit=150.0):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def timed(action, *arguments):
    """Outcome of an action (its DevFailed if it failed), and how long it took in s."""
    begun = time.monotonic()
    try:
        outcome = action(*arguments)
    except tango.DevFailed as failed:
        outcome = failed
    return outcome, time.monotonic() - begun


@pytest.fixture
def slow(rig, simulate):
    """An axis whose driver waits 60 s for an answer: for Tango clients a hang without end."""
    simulators = simulate(slowmotion={"type": "motor_controller", "axes": 2})
    axes = {
        name: {"channel": channel, "steps_per_unit": 2000, "velocity": 2.0, "acceleration_time": 0.1}
        for name, channel in (("lame", 1), ("idle", 2))
    }
    address = simulators.address("slowmotion")
    rig.register(
        "slow", {"mcslow": {"kind": "motor", "driver": "simulated", "address": address, "timeout": 60, "axes": axes}}
    )
    program = rig.start("slow")
    yield rig.ready("lame"), simulators, program
    if program.process.poll() is None:
        program.end()


def test_state_status_and_stop_answer_while_a_driver_call_hangs(slow, rig):
    lame, simulators, _ = slow
    lame.Position = 50.0
    simulators.ask(do="hang", instrument="slowmotion", seconds=600)
    wait_until(lambda: "mcslow has not answered for" in lame.status())  # a driver call hangs
    state, duration = timed(lame.state)
    assert duration < QUICK
    assert state in (tango.DevState.MOVING, tango.DevState.FAULT)
    status, duration = timed(lame.status)
    assert duration < QUICK
    assert "mcslow has not answered for" in status
    failed, duration = timed(lame.Stop)
    assert duration < QUICK
    error = from_dev_failed(failed)
    assert isinstance(error, TimedOut)
    assert str(error).startswith("lame: cannot stop yet: mcslow has not answered for")
    assert str(error).endswith("s; it will as soon as mcslow answers")
    failed, duration = timed(rig.proxy("idle").write_attribute, "Position", 1.0)
    assert duration < QUICK
    assert "nothing was done" in failed.args[0].desc
    # after 3 s of silence nobody is left waiting for a state that does not come
    wait_until(lambda: lame.state() == tango.DevState.FAULT)
    wait_until(lambda: rig.proxy("mcslow").state() == tango.DevState.FAULT)
    # it answers again: the stop is delivered first, and everything is known again
    simulators.ask(do="hang", instrument="slowmotion", seconds=0)
    wait_until(lambda: lame.state() == tango.DevState.ON)
    assert lame.Position < 50.0
    wait_until(lambda: rig.proxy("idle").state() == tango.DevState.ON)
    wait_until(lambda: rig.proxy("mcslow").state() == tango.DevState.ON)


def test_state_of_one_client_does_not_wait_for_the_move_of_another(slow):
    lame, simulators, _ = slow
    simulators.ask(do="hang", instrument="slowmotion", seconds=600)
    outcome: list[object] = []

    def move() -> None:
        with tango.EnsureOmniThread():
            outcome.append(timed(lame.write_attribute, "Position", 1.0))

    thread = threading.Thread(target=move)
    thread.start()
    wait_until(lambda: "mcslow has not answered for" in lame.status())
    state, duration = timed(lame.state)
    assert duration < QUICK
    assert isinstance(state, tango.DevState)
    simulators.ask(do="hang", instrument="slowmotion", seconds=0)
    thread.join(60)
    assert outcome


def test_a_server_ends_in_time_whatever_hangs(slow):
    lame, simulators, program = slow
    lame.Position = 50.0
    simulators.ask(do="hang", instrument="slowmotion", seconds=600)
    wait_until(lambda: "mcslow has not answered for" in lame.status())
    begun = time.monotonic()
    assert program.end(signal.SIGTERM) == 0
    assert time.monotonic() - begun < QUICK


@pytest.fixture(scope="module")
def frail_server(rig, simulate):
    """An axis of a controller that answers within 1 s or not at all."""
    simulators = simulate(frail={"type": "motor_controller", "axes": 2})
    axes = {
        name: {"channel": channel, "steps_per_unit": 2000, "velocity": 2.0, "acceleration_time": 0.1}
        for name, channel in (("glass", 1), ("vase", 2))
    }
    address = simulators.address("frail")
    rig.register("frail", {"mcf": {"kind": "motor", "driver": "simulated", "address": address, "axes": axes}})
    program = rig.start("frail")
    yield simulators, program
    program.end()


@pytest.fixture
def frail(frail_server, rig):
    simulators, program = frail_server
    glass = rig.ready("glass")
    wait_until(lambda: glass.state() == tango.DevState.ON)
    return glass, simulators, program


def test_a_controller_that_stops_answering_in_mid_move_ends_in_fault_and_comes_back(frail, rig, listen):
    glass, simulators, _ = frail
    events = listen(glass, "State")
    target = glass.Position + 4.0
    glass.Position = target
    simulators.ask(do="hang", instrument="frail", seconds=600)
    wait_until(lambda: glass.state() == tango.DevState.FAULT)
    assert "did not answer" in glass.status()
    error = from_dev_failed(timed(lambda: glass.Position)[0])
    assert isinstance(error, CommunicationFailed | TimedOut)
    assert str(error).startswith("glass: cannot be read: mcf at 127.0.0.1:")
    wait_until(lambda: rig.proxy("mcf").state() == tango.DevState.FAULT)
    simulators.ask(do="hang", instrument="frail", seconds=0)
    wait_until(lambda: glass.state() == tango.DevState.ON)
    assert glass.Position == target
    wait_until(lambda: events.of("State")[-1] == tango.DevState.ON)
    assert tango.DevState.FAULT in events.of("State")


def test_a_controller_that_is_killed_and_started_again_is_found_again(frail, rig):
    glass, simulators, _ = frail
    simulators.ask(do="close", instrument="frail", seconds=600)
    wait_until(lambda: glass.state() == tango.DevState.FAULT)
    failed, duration = timed(glass.write_attribute, "Position", 1.0)
    assert duration < QUICK
    assert failed.args[0].reason == "RONDA_COMMUNICATION"
    assert failed.args[0].desc.startswith("glass: cannot move to 1.0 mm: ")
    simulators.ask(do="close", instrument="frail", seconds=0)
    wait_until(lambda: glass.state() == tango.DevState.ON)
    wait_until(lambda: rig.proxy("mcf").state() == tango.DevState.ON)


def test_a_stop_that_the_controller_could_not_hear_reaches_it_when_it_is_back(frail):
    glass, simulators, _ = frail
    target = glass.Position + 200.0
    glass.Position = target
    simulators.ask(do="close", instrument="frail", seconds=600)
    wait_until(lambda: glass.state() == tango.DevState.FAULT)
    failed, duration = timed(glass.Stop)
    assert duration < QUICK
    assert failed.args[0].reason == "RONDA_COMMUNICATION"
    assert failed.args[0].desc.endswith("; it will as soon as mcf answers")
    simulators.ask(do="close", instrument="frail", seconds=0)
    wait_until(lambda: glass.state() == tango.DevState.ON)
    assert glass.Position < target


def test_garbage_is_not_taken_for_a_position(frail, listen):
    glass, simulators, _ = frail
    before = glass.Position
    states = listen(glass, "State")  # it is over within a tenth of a second
    simulators.ask(do="garbage", instrument="frail", answers=1)
    wait_until(lambda: tango.DevState.FAULT in states.of("State"))
    wait_until(lambda: glass.state() == tango.DevState.ON)
    assert glass.Position == before


def test_init_while_the_hardware_is_away_neither_hangs_nor_fails(frail, rig):
    glass, simulators, _ = frail
    simulators.ask(do="close", instrument="frail", seconds=600)
    for device in ("mcf", "glass"):
        outcome, duration = timed(rig.proxy(device).Init)
        assert not isinstance(outcome, tango.DevFailed)
        assert duration < QUICK
    simulators.ask(do="close", instrument="frail", seconds=0)
    wait_until(lambda: glass.state() == tango.DevState.ON)


def test_init_of_an_axis_leaves_its_motion_alone(frail):
    glass, _, _ = frail
    start = glass.Position
    glass.Position = start + 2.0
    glass.Init()
    wait_until(lambda: glass.state() == tango.DevState.ON)  # it is not ON as long as the hardware moves
    assert glass.Position == pytest.approx(start + 2.0)


def test_a_following_fault_is_a_fault_with_a_sentence(frail, rig):
    glass, simulators, _ = frail
    simulators.ask(do="fault", instrument="frail", axis=1)
    wait_until(lambda: glass.state() == tango.DevState.FAULT)
    assert glass.status() == "glass: following fault"
    with pytest.raises(tango.DevFailed, match="glass: following fault"):
        glass.AwaitRest(1.0)
    rig.proxy("mcf").Query("POWER 1 OFF")
    rig.proxy("mcf").Query("POWER 1 ON")
    wait_until(lambda: glass.state() == tango.DevState.ON)


def test_a_server_starts_without_its_hardware_and_comes_alive_when_it_appears(rig, instrument):
    port = free_port()
    axes = {"late": {"channel": 1, "steps_per_unit": 2000, "velocity": 2.0, "acceleration_time": 0.1}}
    rig.register(
        "late", {"mclate": {"kind": "motor", "driver": "simulated", "address": f"127.0.0.1:{port}", "axes": axes}}
    )
    program = rig.start("late")
    late = rig.proxy("late")
    wait_until(lambda: late.state() == tango.DevState.FAULT)
    assert f"cannot connect to mclate at 127.0.0.1:{port}: Connection refused" in late.status()
    wait_until(lambda: rig.proxy("mclate").status().endswith("; trying again"))
    answers = {
        "IDN?": "OK RONDA-SIM-MC,1,8",
        "VEL?": "OK 4000.0",
        "ACC?": "OK 0.1",
        "RANGE?": "OK 2.0 100000.0 0.01 10.0",
        "STATUS?": "OK 1,IDLE,500,0",
    }
    listener = instrument(lambda line: answers.get(line.split()[0], "OK"), port)
    wait_until(lambda: late.state() == tango.DevState.ON)
    assert late.Position == 0.25
    # a half line, and then nothing: the axis says so, and recovers
    whole, answers["STATUS?"] = answers["STATUS?"], b"OK 1,ID"
    wait_until(lambda: late.state() == tango.DevState.FAULT)
    assert "it sent b'OK 1,ID'" in late.status() or "did not answer" in late.status()
    answers["STATUS?"] = whole
    wait_until(lambda: late.state() == tango.DevState.ON)
    program.end()
    listener.close()


def test_an_axis_that_the_controller_does_not_have_spoils_nothing_for_the_others(rig, simulate):
    simulators = simulate(small={"type": "motor_controller", "axes": 1})
    axes = {
        name: {"channel": channel, "steps_per_unit": 2000, "velocity": 2.0, "acceleration_time": 0.1}
        for name, channel in (("real", 1), ("ghost", 7))
    }
    address = simulators.address("small")
    rig.register("small", {"mcsmall": {"kind": "motor", "driver": "simulated", "address": address, "axes": axes}})
    program = rig.start("small")
    real, ghost = rig.ready("real"), rig.proxy("ghost")
    wait_until(lambda: ghost.state() == tango.DevState.FAULT)
    assert ghost.status().startswith("ghost: mcsmall refuses STATUS?: there is no axis 7")
    real.Position = 0.1
    wait_until(lambda: real.state() == tango.DevState.ON)
    assert real.Position == 0.1
    program.end()


def test_an_axis_on_a_limit_switch_is_in_alarm_and_says_which(motors):
    samy = motors.samy  # its switches are at -1 and 1 mm
    samy.Position = 3.0
    wait_until(lambda: samy.state() == tango.DevState.ALARM)
    assert samy.status().startswith("samy: the high limit switch ended the move to 3.0 mm: it stands at 1.")
    assert samy.status().endswith(" mm; move it back from there")
    assert samy.HighLimitSwitch
    assert not samy.LowLimitSwitch
    assert samy.Position < 2.0
    samy.Position = 0.0
    wait_until(lambda: samy.state() == tango.DevState.ON)


def test_a_driver_that_fails_by_mistake_gives_a_sentence_and_no_traceback(rig, tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("site")
    (folder / "site_motor.py").write_text(
        "from ronda.devices.motor.contract import AxisReading, MotorController\n"
        "class Broken(MotorController):\n"
        "    def read(self, channels):\n"
        "        return {channel: AxisReading(0.0) for channel in channels}\n"
        "    def start(self, moves):\n"
        "        raise KeyError('oops')\n"
        "    def stop(self, channels):\n"
        "        pass\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    axes = {"wreck": {"channel": 1, "steps_per_unit": 1, "velocity": 1, "acceleration_time": 0}}
    rig.register("broken", {"mcb": {"kind": "motor", "driver": "site_motor:Broken", "axes": axes}})
    program = rig.start("broken")
    wreck = rig.ready("wreck")
    failed, _ = timed(wreck.write_attribute, "Position", 1.0)
    assert failed.args[0].reason == "RONDA_INTERNAL"
    assert failed.args[0].desc == "mcb: its driver failed (KeyError: 'oops'); see the log"
    assert "Traceback" in program.log.read_text()
    failed, _ = timed(wreck.write_attribute, "Velocity", 2.0)
    assert failed.args[0].desc == "wreck: its controller cannot set the velocity"
    program.end()


def test_a_controller_that_is_halted_in_mid_move_ends_in_fault_and_is_found_again(frail, halt):
    glass, simulators, _ = frail
    target = glass.Position + 6.0
    glass.Position = target
    halt(simulators.program.process.pid)
    try:
        wait_until(lambda: glass.state() == tango.DevState.FAULT)
        assert "did not answer" in glass.status()
        _, duration = timed(glass.Stop)
        assert duration < QUICK
        assert glass.state() == tango.DevState.FAULT
    finally:
        simulators.program.process.send_signal(signal.SIGCONT)
    wait_until(lambda: glass.state() in (tango.DevState.ON, tango.DevState.ALARM))
    assert glass.Position <= target
    glass.Position = target - 6.0
    wait_until(lambda: glass.state() == tango.DevState.ON)
    assert glass.Position == pytest.approx(target - 6.0)
