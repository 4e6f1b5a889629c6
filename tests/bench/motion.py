"""What motion costs: `python tests/bench/motion.py`, with the plain Tango call of the same run beside it.

Prints one line per figure: name, value with unit, the limit that we hold ourselves to.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import tango

GROUP, IDLE = 20, 200
POLL_PERIOD = 0.005
REPEATS = 200


def configuration(folder: Path) -> None:
    """Twenty axes on one controller, twenty on four, and 200 that do nothing in a server of their own."""
    folder.mkdir()
    plant = "{acceleration_time: 0.01, velocity: 20, fastest: 100}"
    lines = ["version: 1", "beamline: {name: bench}", "simulators:", "  instruments:"]

    def simulator(name: str, count: int) -> str:
        axes = ", ".join(f"{number}: {plant}" for number in range(1, count + 1))
        return f"    {name}: {{type: motor_controller, axes: {{{axes}}}}}"

    def controller(name: str, prefix: str, count: int) -> list[str]:
        found = [f"      mc{name}:", "        kind: motor", "        driver: simulated"]
        found += [f"        address: simulator:{name}", f"        poll_period: {POLL_PERIOD}", "        axes:"]
        for number in range(1, count + 1):
            keys = f"channel: {number}, steps_per_unit: 2000, velocity: 20, acceleration_time: 0.01"
            found.append(f"          {prefix}{number}: {{{keys}}}")
        return found

    lines += [simulator("one", GROUP), *(simulator(f"part{n}", GROUP // 4) for n in range(4)), simulator("many", IDLE)]
    lines += ["servers:", "  motors:", "    devices:", *controller("one", "a", GROUP)]
    for part in range(4):
        lines += [f"  motors{part}:", "    devices:", *controller(f"part{part}", f"p{part}x", GROUP // 4)]
    lines += ["  idle:", "    devices:", *controller("many", "i", IDLE)]
    (folder / "beamline.yml").write_text("\n".join(lines) + "\n")


def ronda(*arguments: object) -> str:
    """Run `ronda …`; returns its output."""
    done = subprocess.run(
        ["ronda", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"ronda {' '.join(map(str, arguments))} failed:\n{done.stdout}")
    return done.stdout


def figure(name: str, value: float, unit: str, limit: str) -> None:
    """Print one figure."""
    print(f"{name:<62} {value:9.3f} {unit:<6} {limit}", flush=True)


def seconds(call, repeats: int = REPEATS) -> float:
    """Median time of a call."""
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def wait(*axes: tango.DeviceProxy) -> None:
    """Wait until axes stand."""
    for axis in axes:
        while axis.state() == tango.DevState.MOVING:
            time.sleep(0.001)


class Listener:
    """Collects the times of the events of one attribute."""

    def __init__(self, axis: tango.DeviceProxy, name: str) -> None:
        self.seen: list[tuple[float, object]] = []
        self.came = threading.Condition()
        axis.subscribe_event(name, tango.EventType.CHANGE_EVENT, self._take)

    def _take(self, event: tango.EventData) -> None:
        if not event.err:
            with self.came:
                self.seen.append((time.monotonic(), event.attr_value.value))
                self.came.notify_all()

    def first(self, value: object, since: int) -> float:
        """When a value came first, after so many events."""
        with self.came:
            if not self.came.wait_for(lambda: any(seen == value for _, seen in self.seen[since:]), 20):
                sys.exit(f"no event {value}")
            return next(when for when, seen in self.seen[since:] if seen == value)


def truth(control: int) -> dict:
    """What the simulators say."""
    with socket.create_connection(("127.0.0.1", control), 5) as connection:
        connection.sendall(b'{"do": "truth"}\n')
        reply = b""
        while not reply.endswith(b"\n"):
            reply += connection.recv(1 << 20)
    return json.loads(reply)


def one_axis(control: int) -> None:
    """Start, end and events of single moves."""
    axis = tango.DeviceProxy("a1")
    controller = tango.DeviceProxy("mcone")
    plain = seconds(lambda: axis.read_attribute("Target"))
    figure("a scalar Tango read", 1000 * plain, "ms", "")
    asked = seconds(lambda: controller.command_inout("Query", "STATUS? 1"))
    figure("a question to the controller through its device, in reads", asked / plain, "reads", "")

    by_name, described = [], []
    position = axis.get_attribute_config("Position")  # PyTango asks for it at each write by name; our client keeps it
    for number in range(120):
        named = number % 4 < 2
        begun = time.perf_counter()
        axis.write_attribute("Position" if named else position, 0.5 * (number % 2))
        (by_name if named else described).append(time.perf_counter() - begun)
        wait(axis)
    figure("start of a move, in scalar Tango reads", statistics.median(described) / plain, "reads", "<= 2")
    figure("the same by the attribute's name", statistics.median(by_name) / plain, "reads", "")

    states = Listener(axis, "State")
    late = []
    for number in range(30):
        since = len(states.seen)
        axis.Position = 1.0 + 0.37 * (number % 2) + 0.01 * number
        came = states.first(tango.DevState.ON, since)
        now = truth(control)
        motion = now["instruments"]["one"]["axes"]["1"]
        late.append(came - (now["monotonic"] - (now["time"] - motion["ends"])))
    figure("news of the end after the hardware's, median", 1000 * statistics.median(late), "ms", "")
    figure(
        "news of the end after the hardware's, worst of 30", 1000 * max(late), "ms", f"<= {1000 * POLL_PERIOD + 3:g}"
    )

    positions = Listener(axis, "Position")
    time.sleep(0.1)
    since = len(positions.seen)
    axis.Position = axis.Position + 60.0
    wait(axis)
    times = [when for when, _ in positions.seen[since:]]
    figure("position events while moving", (len(times) - 1) / (times[-1] - times[0]), "Hz", "<= 20")


def groups(control: int) -> None:
    """Start spreads by the simulators' clock."""
    order = {f"a{number}": 2.0 for number in range(1, GROUP + 1)}
    controller = tango.DeviceProxy("mcone")
    axes = [tango.DeviceProxy(name) for name in order]

    def spread(*names: str) -> float:
        instruments = truth(control)["instruments"]
        starts = [axis["started"] for name in names for axis in instruments[name]["axes"].values()]
        return 1000 * (max(starts) - min(starts))

    controller.MoveTogether(json.dumps(order))
    figure(f"start spread of {GROUP} axes, MoveTogether", spread("one"), "ms", "<= 5")
    wait(*axes)
    asked = [(axis, axis.write_attribute_asynch("Position", 4.0)) for axis in axes]
    for axis, number in asked:
        axis.write_attribute_reply(number, 3000)
    figure(f"start spread of {GROUP} axes, each by its own write, one controller", spread("one"), "ms", "")
    wait(*axes)
    names = [f"p{part}x{number}" for part in range(4) for number in range(1, GROUP // 4 + 1)]
    axes = [tango.DeviceProxy(name) for name in names]
    controllers = [tango.DeviceProxy(f"mcpart{part}") for part in range(4)]
    asked = []
    for part, each in enumerate(controllers):
        order = {f"p{part}x{number}": 3.0 for number in range(1, GROUP // 4 + 1)}
        asked.append((each, each.command_inout_asynch("MoveTogether", json.dumps(order))))
    for each, number in asked:
        each.command_inout_reply(number, 3000)
    figure(f"start spread of {GROUP} axes on 4 controllers", spread(*(f"part{n}" for n in range(4))), "ms", "<= 20")
    wait(*axes)


def idle(folder: Path) -> None:
    """What a server of idle axes takes."""
    servers = json.loads(ronda("status", folder, "--json"))["servers"]
    process = psutil.Process(next(server["pid"] for server in servers if server["name"] == "idle"))
    before, begun = sum(process.cpu_times()[:2]), time.monotonic()
    time.sleep(10)
    used = sum(process.cpu_times()[:2]) - before
    figure(f"a server of {IDLE} idle axes, of a core", 100 * used / (time.monotonic() - begun), "%", "< 1")


def main() -> None:
    """Bring the beamline up, measure, take it down."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "bench"
        configuration(folder)
        ronda("up", folder, "--detach")
        try:
            exports = dict(line.removeprefix("export ").split("=", 1) for line in ronda("env", folder).splitlines())
            os.environ["TANGO_HOST"] = exports["TANGO_HOST"].strip("'")
            [file] = folder.rglob("simulators.json")
            control = json.loads(file.read_text())["control_port"]
            one_axis(control)
            groups(control)
            idle(folder)
        finally:
            ronda("down", folder)


if __name__ == "__main__":
    main()
