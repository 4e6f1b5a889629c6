"""The program of a device server: how it starts, what it says when it cannot, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import psutil
import pytest
import tango

from ronda.framework.host.entries import CONFIGURATION
from ronda.framework.turns import TURN, take_short_turns, turn


def axis(channel: int, **keys: Any) -> dict[str, Any]:
    return {"channel": channel, "steps_per_unit": 2000, "velocity": 2.0, "acceleration_time": 0.1, **keys}


def wait_until(condition, limit=150.0):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(scope="module")
def simulators(simulate):
    return simulate(
        motion={"type": "motor_controller", "axes": 4}, counters={"type": "counter_card", "channels": {1: "i0"}}
    )


@pytest.fixture(scope="module")
def mixed_devices(rig, simulators):
    rig.register(
        "mixed",
        {
            "mcm": {
                "kind": "motor",
                "driver": "simulated",
                "address": simulators.address("motion"),
                "axes": {"mx": axis(1), "my": axis(2)},
            },
            "ctm": {
                "kind": "counter",
                "driver": "simulated",
                "address": simulators.address("counters"),
                "channels": {"i0": {"channel": 1}},
            },
        },
    )


@pytest.fixture
def mixed(rig, mixed_devices):
    """A server with two kinds of devices; a new one if the test before has ended it."""
    program = rig.servers.get("mixed")
    if program is None or program.process.poll() is not None:
        program = rig.start("mixed")
    return program


def test_it_serves_devices_of_several_kinds(mixed, rig):
    assert rig.ready("mx").state() == tango.DevState.ON
    assert rig.ready("ctm").state() == tango.DevState.ON
    assert list(rig.ready("mcm").Axes) == ["mx", "my"]


def test_when_it_says_ready_all_its_devices_answer(mixed, rig):
    for name in ("mcm", "mx", "my", "ctm"):
        rig.proxy(name).ping()


def test_its_threads_run_as_soon_as_they_wake(mixed):
    if not take_short_turns(mixed.process.pid):
        pytest.skip("this system gives threads no turns of their own length; Linux does from 6.12 on")
    turns = [turn(thread.id) for thread in psutil.Process(mixed.process.pid).threads()]
    assert turns.count(TURN) > 5  # all but those that libraries begin when they are imported


def test_it_listens_on_the_configured_interface_only(mixed, rig):
    connections = psutil.Process(mixed.process.pid).net_connections("tcp")
    own = {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN}
    assert own == {"127.0.0.1"}


def test_events_come_from_the_configured_interface_too(mixed, rig):
    admin = tango.DeviceProxy(f"tango://{rig.tango_host}/dserver/Ronda/test-mixed")
    _, endpoints = admin.command_inout("ZmqEventSubscriptionChange", ["info"])
    assert not [each for each in endpoints if "tcp://" in each and "tcp://127.0.0.1:" not in each]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_mid_move_stops_motion_in_order_before_the_end(mixed, rig, simulators, number):
    mx = rig.ready("mx")
    mx.Position = mx.Position + 30.0
    wait_until(lambda: simulators.axis("motion", 1)["state"] == "MOVING")
    assert mixed.end(number) == 0
    truth = simulators.axis("motion", 1)
    assert truth["state"] == "IDLE"
    assert truth["ends"] < truth["started"] + 10.0  # it decelerated long before the target
    assert "ended" in mixed.log.read_text()


def test_a_signal_that_came_while_it_was_halted_ends_it_too(mixed, rig, halt):
    rig.ready("mx")
    halt(mixed.process.pid)
    assert mixed.end() == 0


def test_after_the_end_its_devices_are_no_longer_exported(mixed, rig):
    rig.ready("mx")
    mixed.end()
    assert not rig.database().get_device_info("test/axis/mx").exported


def test_after_kill_the_motion_goes_on_and_the_next_server_shows_it(mixed, rig, simulators):
    mx = rig.ready("mx")
    start = mx.Position
    mx.Position = start + 80.0
    mixed.end(signal.SIGKILL)
    rig.start("mixed")
    mx = rig.ready("mx")
    assert mx.state() == tango.DevState.MOVING
    assert mx.status() == "mx: moving"
    mx.Stop()
    wait_until(lambda: mx.state() == tango.DevState.ON)
    assert start < mx.Position < start + 80.0


def test_it_starts_again_right_after_its_end(mixed, rig):
    for _ in range(2):
        rig.servers["mixed"].end()
        rig.start("mixed")
        assert rig.ready("mx").state() == tango.DevState.ON


def test_the_log_has_one_line_for_each_event_with_time_level_and_device(mixed, rig):
    rig.ready("mx").Velocity = 1.0
    rig.ready("mx").Velocity = 2.0
    lines = mixed.log.read_text().splitlines()
    setting = next(line for line in lines if "setting changed" in line)
    assert setting.split()[2:4] == ["[info", "]"]
    assert "device=mx" in setting
    assert "velocity=1.0" in setting


def test_what_passes_is_in_the_log_while_tangos_level_of_it_is_debug(mixed, rig):
    axis, controller = rig.ready("mx"), rig.ready("mcm")

    def talk():
        axis.Velocity = 1.5
        return [line for line in mixed.log.read_text().splitlines() if "[debug" in line]

    def has_begun():
        found = talk()
        return any("device=mx" in line for line in found) and any("device=mcm" in line for line in found)

    try:
        for proxy in (axis, controller):
            proxy.set_logging_level(5)
        wait_until(has_begun)
    finally:
        for proxy in (axis, controller):
            proxy.set_logging_level(3)
    asked = next(line for line in talk() if "device=mx" in line and "1.5" in line)
    assert "velocity" in asked
    assert "ms" in asked
    assert any("-> ['OK" in line for line in talk() if "device=mcm" in line)
    wait_until(lambda: len(talk()) == len(talk()))


def refusal(rig, server, **environment):
    """What a server that cannot start says on the ready pipe; it must be gone with status 1."""
    program = rig.launch(server, **environment)
    assert program.process.wait(150) == 1
    return program.report["error"]


def test_a_server_without_devices_says_so(rig):
    error = refusal(rig, "empty")
    assert error.startswith("Ronda/test-empty: the Tango database knows no device of this server; `ronda up` registers")


def test_a_device_class_that_does_not_import_is_named_with_the_reason(rig, simulators):
    entry = {"kind": "motor", "driver": "simulated", "address": simulators.address("motion"), "axes": {"bad": axis(3)}}
    rig.register("badclass", {"mcbad": entry})
    database = rig.database()
    name = "test/axis/bad"
    configuration = json.loads(database.get_device_property(name, CONFIGURATION)[CONFIGURATION][0])
    for path, expected in (
        (
            "nowhere.device:Axis",
            "the device class nowhere.device:Axis cannot be imported: ModuleNotFoundError: No module",
        ),
        ("ronda.devices.motor.axis:Missing", "ronda.devices.motor.axis:Missing is not a device class (derived from"),
    ):
        changed = json.dumps({**configuration, "implementation": path})
        database.put_device_property(name, {CONFIGURATION: [changed]})
        assert expected in refusal(rig, "badclass")


def test_one_device_with_a_wrong_configuration_does_not_keep_the_others_from_working(rig, simulators):
    entry = {
        "kind": "motor",
        "driver": "simulated",
        "address": simulators.address("motion"),
        "axes": {"good": axis(3), "sick": axis(4)},
    }
    rig.register("sickness", {"mcs": entry})
    implementation = rig.tango_devices("mcs", entry)[1].implementation
    database = rig.database()
    for value, expected in (
        ("{not json", "is not JSON"),
        (
            json.dumps({"implementation": implementation, "driver": "nix"}),
            "no motor driver 'nix'",
        ),
    ):
        database.put_device_property("test/axis/sick", {CONFIGURATION: [value]})
        program = rig.start("sickness")
        assert rig.ready("good").state() == tango.DevState.ON
        sick = rig.proxy("sick")
        assert sick.state() == tango.DevState.FAULT
        assert expected in sick.status()
        with pytest.raises(tango.DevFailed) as failed:
            sick.Position = 1.0
        assert failed.value.args[0].reason == "RONDA_NOT_READY"
        assert expected in failed.value.args[0].desc
        program.end()


def test_a_configuration_that_was_corrected_is_taken_by_init(rig, simulators):
    entry = {
        "kind": "motor",
        "driver": "simulated",
        "address": simulators.address("motion"),
        "axes": {"cured": axis(4)},
    }
    rig.register("cure", {"mcc": entry})
    database = rig.database()
    right = database.get_device_property("test/axis/cured", CONFIGURATION)[CONFIGURATION][0]
    wrong = json.dumps({**json.loads(right), "velocity": -1})
    database.put_device_property("test/axis/cured", {CONFIGURATION: [wrong]})
    program = rig.start("cure")
    cured = rig.proxy("cured")
    assert cured.state() == tango.DevState.FAULT
    database.put_device_property("test/axis/cured", {CONFIGURATION: [right]})
    cured.Init()
    assert rig.ready("cured").state() == tango.DevState.ON
    program.end()


def test_a_port_in_use_is_said(rig, simulators):
    entry = {"kind": "motor", "driver": "simulated", "address": simulators.address("motion"), "axes": {"ax": axis(3)}}
    rig.register("inuse", {"mcu": entry})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = refusal(rig, "inuse", RONDA_SERVER_PORT=str(port))
    assert error == (
        f"Ronda/test-inuse: cannot listen on 127.0.0.1:{port}: Address already in use; "
        "stop the program that has the port, or choose another port"
    )


def test_a_tango_database_that_is_away_is_said(rig):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
        error = refusal(rig, "nowhere", TANGO_HOST=host)
    assert error.startswith(f"Ronda/test-nowhere: the Tango database at {host} does not answer: ")


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ([], {}, "usage: python -m ronda.devices SERVER"),
        (["../evil"], {}, "usage: python -m ronda.devices SERVER"),
        (["motors"], {"RONDA_BEAMLINE": ""}, "server motors: RONDA_BEAMLINE not set in the environment"),
        (["motors"], {"RONDA_SERVER_PORT": "many"}, "RONDA_SERVER_PORT should be a port, not 'many'"),
    ],
)
def test_a_wrong_call_is_said_without_a_traceback(arguments, environment, expected):
    surroundings = {"TANGO_HOST": "127.0.0.1:1", "RONDA_BEAMLINE": "test", "RONDA_SERVER_PORT": "20000", **environment}
    done = subprocess.run(
        [sys.executable, "-m", "ronda.devices", *arguments],
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert expected in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_two_classes_under_one_tango_name_are_refused(rig, simulators):
    entry = {
        "kind": "motor",
        "driver": "simulated",
        "address": simulators.address("motion"),
        "axes": {"one": axis(1), "two": axis(2)},
    }
    rig.register("twice", {"mct": entry})
    database = rig.database()
    configuration = json.loads(database.get_device_property("test/axis/two", CONFIGURATION)[CONFIGURATION][0])
    changed = json.dumps({**configuration, "implementation": "ronda.devices.counter.card:CardDevice"})
    database.put_device_property("test/axis/two", {CONFIGURATION: [changed]})
    assert "a Tango class can be only one thing in a server" in refusal(rig, "twice")
