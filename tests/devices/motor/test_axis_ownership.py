"""Several clients and one axis: who may move it, seen by plain PyTango clients in processes of their own."""

from __future__ import annotations

import getpass
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tango

OTHER = """
import sys, tango
axis = tango.DeviceProxy(sys.argv[1])
for line in sys.stdin:
    try:
        print(eval(line), flush=True)
    except tango.DevFailed as failed:
        print(failed.args[0].reason, failed.args[0].desc, flush=True)
"""


class Client:
    """A plain PyTango program in a process of its own."""

    def __init__(self, device: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OTHER, device], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, code: str) -> str:
        """Let it evaluate an expression; `axis` is its proxy. Returns what it prints, or reason and description."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(code + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    @property
    def name(self) -> str:
        """As the server tells others."""
        return f"{getpass.getuser()}@{socket.gethostname()}, process {self.process.pid}"


@pytest.fixture(scope="module")
def other(motors: Any) -> Iterator[Client]:
    """Somebody else who works with samx."""
    client = Client(f"tango://{motors.rig.tango_host}/samx")
    assert client("axis.state()") == "ON"
    yield client
    client.process.kill()
    client.process.communicate()


@pytest.fixture
def samx(motors: Any, stands: Callable[..., None]) -> Iterator[tango.DeviceProxy]:
    axis = motors.samx
    yield axis
    axis.Stop()
    stands(axis)
    axis.Release()
    axis.Unlock("alice, alignment")


def test_the_second_of_two_clients_is_told_who_moves_the_axis(samx: tango.DeviceProxy, other: Client) -> None:
    assert other("axis.write_attribute('Position', 5.0)") == "None"

    with pytest.raises(tango.DevFailed) as failed:
        samx.Position = -5.0
    assert failed.value.args[0].reason == "RONDA_BUSY"
    assert failed.value.args[0].desc == (
        f"samx: cannot move to -5.0 mm: it is moving, asked for by {other.name}; stop it first"
    )
    assert f"samx: the motion was asked for by {other.name}" in samx.status()
    samx.Stop()


def test_who_moved_is_forgotten_when_the_motion_has_ended(samx: Any, other: Client, stands: Any) -> None:
    other("axis.write_attribute('Position', axis.Position + 0.01)")
    stands(samx)

    assert samx.status() == "samx: stands"


def test_a_locked_axis_is_moved_and_changed_by_its_owner_only(samx: Any, other: Client, stands: Any) -> None:
    samx.Lock("alice, alignment")

    in_use = "it is in use by alice, alignment; stop that, or wait for its end"
    assert other("axis.write_attribute('Position', 1.0)") == f"RONDA_BUSY samx: cannot move to 1.0 mm: {in_use}"
    assert other("axis.write_attribute('Velocity', 1.0)") == f"RONDA_BUSY samx: cannot set the velocity to 1: {in_use}"
    assert other("axis.write_attribute('Offset', 1.0)") == f"RONDA_BUSY samx: cannot change the offset: {in_use}"
    assert other("axis.write_attribute('LowLimit', -1.0)") == f"RONDA_BUSY samx: cannot change its limits: {in_use}"
    assert other("axis.DefineDialPosition(1.0)") == f"RONDA_BUSY samx: cannot be at dial 1.0 mm: {in_use}"
    assert other("axis.Lock('bob')") == f"RONDA_BUSY samx: cannot be locked: {in_use}"
    assert other("axis.Unlock('alice, alignment')") == f"RONDA_BUSY samx: cannot be unlocked: {in_use}"
    assert other("axis.Owner") == "alice, alignment"
    samx.Position = 0.5
    stands(samx)
    assert samx.Position == 0.5

    samx.Unlock("alice, alignment")
    assert other("axis.write_attribute('Position', 0.6)") == "None"


def test_stop_is_for_everyone(samx: Any, other: Client, stands: Any) -> None:
    samx.Lock("alice, alignment")
    samx.Position = 9.0
    assert other("axis.Stop()") == "None"
    stands(samx)

    assert samx.Position < 9.0


def test_a_change_of_owner_is_an_event(samx: Any, listen: Callable[..., Any]) -> None:
    events = listen(samx, "Owner")
    samx.Lock("alice, alignment")
    samx.Unlock("alice, alignment")

    deadline = time.monotonic() + 60
    while events.of("Owner")[-2:] != ["alice, alignment", ""] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert events.of("Owner") == ["", "alice, alignment", ""]


def test_a_lock_of_a_client_that_died_ends_by_itself_and_stops_nothing(
    samx: Any, motors: Any, stands: Any, listen: Callable[..., Any]
) -> None:
    dying = Client(f"tango://{motors.rig.tango_host}/samx")
    dying("axis.Lock('somebody')")
    dying("axis.write_attribute('Position', -9.0)")
    dying.process.kill()
    dying.process.communicate()
    stands(samx)
    assert samx.Position == -9.0
    assert samx.Owner == "somebody"
    events = listen(samx, "Owner")

    deadline = time.monotonic() + 60
    while events.of("Owner")[-1] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert events.of("Owner")[-1] == ""
    samx.Position = -8.9


def test_a_fixed_axis_moves_for_nobody_and_says_why(samx: Any, other: Client) -> None:
    samx.Fix(["glued to the cryostat", "alice@id01"])

    refused = other("axis.write_attribute('Position', 1.0)")
    assert refused.startswith(
        "RONDA_NOT_ALLOWED samx: cannot move to 1.0 mm: it is fixed: glued to the cryostat (alice@id01, "
    )
    assert refused.endswith("; release it first")
    with pytest.raises(tango.DevFailed, match="it is fixed"):
        samx.Position = 1.0
    assert "samx: is fixed: glued to the cryostat" in samx.status()

    assert other("axis.Release()") == "None"
    assert samx.Fixed == ""
    samx.Position = 0.0


def test_who_fixed_it_is_told_also_for_a_plain_client(samx: Any, other: Client) -> None:
    other("axis.Fix(['hands off'])")

    assert samx.Fixed.startswith(f"hands off ({other.name}, ")


def test_a_fix_survives_a_server_that_is_killed(samx: Any, motors: Any, stands: Any) -> None:
    samx.Fix(["glued to the cryostat", "alice@id01"])
    motors.rig.servers["motors"].end(signal.SIGKILL)
    motors.rig.start("motors")
    again = motors.samx

    assert again.Fixed.startswith("glued to the cryostat (alice@id01, ")
    with pytest.raises(tango.DevFailed, match="it is fixed: glued to the cryostat"):
        again.Position = 1.0
    again.Release()
    again.Position = again.Position
