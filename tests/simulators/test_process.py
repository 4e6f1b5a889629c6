"""The process of all simulators: how it starts, says so, fails and ends."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ronda.simulators.catalogue import instrument_types

Write = Callable[..., Path]
Start = Callable[[Path], Any]

TYPES = ", ".join(instrument_types())

MOTION = {"type": "motor_controller", "axes": 2}


def test_it_says_when_it_is_ready_and_on_which_ports(running: Any) -> None:
    assert running.message["ready"] is True
    assert set(running.message["ports"]) == {"motion", "counters", "ice", "pi", "io"}
    for port in (*running.message["ports"].values(), running.message["control_port"]):
        socket.create_connection(("127.0.0.1", port)).close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_with_clients_connected(write_file: Write, start: Start, number: signal.Signals) -> None:
    simulators = start(write_file({"motion": MOTION}))
    simulators.client("motion").ask("MOVE 1 100000")
    simulators.process.send_signal(number)
    assert simulators.process.wait(150) == 0


def test_a_port_in_use_is_one_clear_sentence(write_file: Write, start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        simulators = start(write_file({"motion": {**MOTION, "port": port}}))
        assert simulators.message == {
            "error": f"simulator motion: port {port} of 127.0.0.1 is used by another program; "
            "stop that one or choose another port"
        }
        assert simulators.process.wait(150) == 1


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"type": "piano"}, f"simulator motion: type should be one of {TYPES}, not 'piano'"),
        ({"axes": 2}, f"simulator motion: type should be one of {TYPES}, not None"),
        ({**MOTION, "axis": 2}, "simulator motion: axis: Extra inputs are not permitted"),
        ({**MOTION, "port": None}, "simulator motion: port should be a number from 0 to 65535, not None"),
        (
            {"type": "motor_controller", "axes": {"1": {"name": "samy"}, "2": {"name": "samy"}}},
            "simulator motion: two axes are called samy; each name should stand once",
        ),
    ],
)
def test_a_wrong_instrument_is_one_clear_sentence(
    write_file: Write, start: Start, entry: dict[str, Any], error: str
) -> None:
    simulators = start(write_file({"motion": entry}))
    assert simulators.message == {"error": error}
    assert simulators.process.wait(150) == 1


def test_an_input_that_is_wired_to_no_encoder_is_one_clear_sentence(write_file: Write, start: Start) -> None:
    card = {"type": "counter_card", "port": 0, "channels": {"1": "i0"}, "encoders": {"1": "motion:1"}}
    simulators = start(write_file({"motion": MOTION, "counters": card}))
    assert "an input is wired to the encoder of motion:1, but there is none; an axis of" in simulators.message["error"]
    assert simulators.process.wait(150) == 1


def test_a_file_that_is_not_there_or_not_right_is_one_clear_sentence(tmp_path: Path, start: Start) -> None:
    absent = start(tmp_path / "absent.json")
    assert absent.message["error"].endswith("absent.json: No such file or directory")
    (tmp_path / "odd.json").write_text('{"seed": -1, "instruments": {}}')
    odd = start(tmp_path / "odd.json")
    assert odd.message["error"].endswith("odd.json: seed: Input should be greater than or equal to 0")
    assert [each.process.wait(150) for each in (absent, odd)] == [1, 1]


def test_an_address_that_is_not_of_this_machine_is_one_clear_sentence(write_file: Write, start: Start) -> None:
    simulators = start(write_file({"motion": MOTION}, address="203.0.113.1"))
    assert simulators.message["error"].startswith("simulator motion: cannot listen on port 0 of 203.0.113.1: ")
    assert simulators.process.wait(150) == 1


def test_an_idle_process_sleeps(write_file: Write, start: Start) -> None:
    simulators = start(write_file({"motion": {**MOTION, "axes": 100}}))
    client = simulators.client("motion")
    client.ask("MOVE 1 1000000")
    before = wake_ups(simulators.process.pid)
    time.sleep(1.0)  # the time over which is measured
    assert wake_ups(simulators.process.pid) - before <= 3


def wake_ups(pid: int) -> int:
    """How often a process has gone to sleep since it started."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def test_the_documented_file_and_control_requests_work(tmp_path: Path, start: Start) -> None:
    documentation = (Path(__file__).parents[2] / "docs/reference/simulator-protocols.md").read_text()
    [example] = re.findall(r"```json\n(.*?)```", documentation, re.DOTALL)
    path = tmp_path / "documented.json"
    path.write_text(re.sub(r'port": 2100\d', 'port": 0', example))
    simulators = start(path)
    assert simulators.message.keys() == {"ready", "ports", "control_port"}
    control = simulators.control()
    requests = [line for line in documentation.splitlines() if line.startswith('| `{"do"')]
    assert len(requests) >= 15
    for request in re.findall(r"`(\{.*?\})`", "\n".join(requests)):
        reply = json.loads(control.ask(request.replace('"at": t', '"at": 1.5')))
        assert reply["ok"] is True, request


def test_without_a_pipe_errors_are_told_on_standard_error() -> None:
    done = subprocess.run([sys.executable, "-m", "ronda.simulators"], capture_output=True, text=True, check=False)
    assert done.stderr == "usage: python -m ronda.simulators FILE.json\n"
    assert done.returncode == 1


def test_without_a_control_port_there_is_none(write_file: Write, start: Start) -> None:
    simulators = start(write_file({"motion": MOTION}, control_port=None))
    assert simulators.message["control_port"] is None


def test_motors_alone_need_no_numpy(write_file: Write, start: Start) -> None:
    simulators = start(write_file({"motion": MOTION}))
    simulators.client("motion").ask("MOVE 1 1000")
    loaded = Path(f"/proc/{simulators.process.pid}/maps").read_text()
    assert "/numpy/" not in loaded
