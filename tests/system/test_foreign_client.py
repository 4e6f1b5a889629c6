"""A plain PyTango client, given only what `ronda env` prints, moves a motor, sees its events, and counts."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MOVE = """
import json, sys, time, tango
samx = tango.DeviceProxy("samx")
events = []
def take(event):
    assert not event.err, event.errors
    value = event.attr_value
    events.append((value.name, str(value.value), str(value.quality)))
ids = [samx.subscribe_event(name, tango.EventType.CHANGE_EVENT, take) for name in ("Position", "State")]
# the library subscribes in the background: what is sent before is lost, so let the server send something until it comes
came = []
ids.append(samx.subscribe_event("Status", tango.EventType.ATTR_CONF_EVENT, came.append))
deadline = time.monotonic() + 60
while len(came) < 2:  # the first is of the subscription itself
    assert time.monotonic() < deadline
    samx.set_attribute_config(samx.get_attribute_config("Status"))
    time.sleep(0.05)
start, events[:] = samx.Position, []
target = start + (1.0 if start < 0 else -1.0)
samx.Position = target
after_write = str(samx.State())
deadline = time.monotonic() + 60
while not (events and events[-1][0].lower() == "state" and events[-1][1] == "ON"):
    assert time.monotonic() < deadline, events
    time.sleep(0.01)
for id in ids:
    samx.unsubscribe_event(id)
print(json.dumps({"after_write": after_write, "events": events, "target": target, "position": samx.Position}))
"""

COUNT = """
import json, time, tango
ct1 = tango.DeviceProxy("ct1")
ct1.IntegrationTime = 3.0
ct1.Start()
after_start = str(ct1.State())
deadline = time.monotonic() + 60
while ct1.State() == tango.DevState.RUNNING:
    assert time.monotonic() < deadline
    time.sleep(0.01)
print(json.dumps({"after_start": after_start, "i0": ct1.I0, "diode": ct1.Diode, "elapsed": ct1.ElapsedTime}))
"""


def as_foreign_client(demo: Any, script: str) -> dict[str, Any]:
    """Run a script in a process of its own that knows nothing but the exports."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **demo.exports},
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_move_gives_its_events_in_the_right_order(demo: Any) -> None:
    samx = demo.device("samx")
    before, samx.Velocity = samx.Velocity, 0.4  # slower than any pause of the client
    try:
        seen = as_foreign_client(demo, MOVE)
    finally:
        samx.Velocity = before

    assert seen["after_write"] == "MOVING"
    assert seen["position"] == pytest.approx(seen["target"], abs=1e-3)
    positions = [event for event in seen["events"] if event[0].lower() == "position"]
    assert any(quality == "ATTR_CHANGING" for _, _, quality in positions)
    # the final position, valid, and then the state: a client that waits for the state has the right position
    assert seen["events"][-1][:2] == ["State", "ON"] or seen["events"][-1][0].lower() == "state"
    last_position = positions[-1]
    assert last_position[2] == "ATTR_VALID"
    assert float(last_position[1]) == pytest.approx(seen["target"], abs=1e-3)
    assert seen["events"].index(last_position) < len(seen["events"]) - 1


def test_counting_gives_the_counts_of_this_acquisition(demo: Any) -> None:
    seen = as_foreign_client(demo, COUNT)

    assert seen["after_start"] == "RUNNING"
    assert seen["elapsed"] == pytest.approx(3.0, rel=0.05)
    assert seen["i0"] > 0


def test_aliases_are_the_names_of_the_yaml(demo: Any) -> None:
    import tango

    assert tango.DeviceProxy(f"tango://{demo.exports['TANGO_HOST']}/samx").name() == "demo/axis/samx"


def test_every_socket_is_on_loopback_or_in_a_private_folder(demo: Any) -> None:
    import psutil

    pids = {server["pid"] for server in demo.servers().values() if server["pid"]}
    listening = [
        connection.laddr.ip
        for pid in pids
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert set(listening) == {"127.0.0.1"}
    bound = {
        Path(connection.laddr)
        for pid in pids
        for connection in psutil.Process(pid).net_connections("unix")
        if connection.laddr and not connection.laddr.startswith("@")
    }
    assert bound
    for path in bound:
        assert path.parent.stat().st_mode & 0o777 == 0o700, path
