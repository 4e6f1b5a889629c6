"""How long a beamline takes to come up, to be planned, and what it costs when idle: `python tests/bench/beamline.py`.

Prints one line per figure: name, value with unit, the limit that we hold ourselves to.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

DEMO = Path(__file__).parents[2] / "config" / "demo"
SERVERS, AXES = 5, 100
IDLE = 10.0


def ronda(*arguments: object) -> tuple[float, str]:
    """Run `ronda …`; returns seconds and output."""
    began = time.perf_counter()
    done = subprocess.run(
        ["ronda", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"ronda {' '.join(map(str, arguments))} failed:\n{done.stdout}")
    return time.perf_counter() - began, done.stdout


def figure(name: str, value: float, unit: str, limit: float) -> None:
    """Print one figure."""
    print(f"{name:56s} {value:8.2f} {unit:4s} (limit {limit:g} {unit})", flush=True)


def many_axes(folder: Path) -> None:
    """A configuration of `SERVERS` servers with one controller of `AXES` axes each."""
    folder.mkdir()
    lines = ["version: 1", "beamline: {name: bench}", "simulators:", "  instruments:"]
    lines += [f"    motion{server}: {{type: motor_controller, axes: {AXES}}}" for server in range(SERVERS)]
    lines += ["servers:"]
    for server in range(SERVERS):
        lines += [f"  motors{server}:", "    devices:", f"      mc{server}:", "        kind: motor"]
        lines += ["        driver: simulated", f"        address: simulator:motion{server}", "        axes:"]
        lines += [
            f"          a{server}_{axis}: {{channel: {axis + 1}, unit: mm, steps_per_unit: 2000, velocity: 2.0, "
            "acceleration_time: 0.1, limits: [-10, 10]}"
            for axis in range(AXES)
        ]
    (folder / "beamline.yml").write_text("\n".join(lines) + "\n")


def processor_time(which: str) -> float:
    """Seconds of processor time that the processes of a beamline have used."""
    servers = json.loads(ronda("status", which, "--json")[1])["servers"]
    total = 0.0
    for server in servers:
        if server["pid"]:
            used = psutil.Process(server["pid"]).cpu_times()
            total += used.user + used.system
    return total


def idle_load(which: str) -> float:
    """Percent of one core that a beamline uses when nobody asks anything of it."""
    began, before = time.perf_counter(), processor_time(which)
    time.sleep(IDLE)
    return (processor_time(which) - before) / (time.perf_counter() - began) * 100


def main() -> None:
    """Measure on a copy of the demo and on 500 axes."""
    work = Path(tempfile.mkdtemp(prefix="ronda-bench-"))
    try:
        demo, many = work / "demo", work / "many"
        shutil.copytree(DEMO, demo, ignore=shutil.ignore_patterns(".ronda"))
        figure("up of the demo, cold", ronda("up", demo, "--detach")[0], "s", 5.0)
        time.sleep(3.0)
        figure("idle load of the demo", idle_load(str(demo)), "%", 3.0)
        figure("status of the demo", ronda("status", demo)[0], "s", 1.0)
        figure("down of the demo", ronda("down", demo)[0], "s", 5.0)
        many_axes(many)
        figure(
            f"up of {SERVERS * AXES} axes in {SERVERS} servers, first time", ronda("up", many, "--detach")[0], "s", 8.0
        )
        figure(f"plan of {SERVERS * AXES} unchanged axes", ronda("config", "plan", many)[0], "s", 2.0)
        figure(f"idle load of {SERVERS * AXES} axes", idle_load(str(many)), "%", 2.5)
        ronda("down", many)
        figure(f"up of {SERVERS * AXES} axes in {SERVERS} servers, again", ronda("up", many, "--detach")[0], "s", 5.0)
        ronda("down", many)
    finally:
        for folder in ("demo", "many"):
            subprocess.run(["ronda", "down", work / folder], capture_output=True, check=False, env=os.environ)
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
