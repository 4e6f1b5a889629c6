"""What continuous scans do: `python tests/bench/fly.py [points [rate]]`, by default 50 000 points at 10 kHz.

Motor, card of 8 channels and writer are separate servers. Prints one line per figure: name, value with unit, the limit
that we hold ourselves to.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from ronda.framework.clients.beamline import Beamline
from ronda.framework.scan.standard import Scans

STEPS = 1000
"""Of the axis for one unit."""

CONFIGURATION = """
version: 1
beamline: {name: flybench}
simulators:
  instruments:
    motion: {type: motor_controller, axes: {1: {name: stage, steps_per_unit: 1000, velocity: 20, fastest: 100}}}
    counting:
      type: counter_card
      channels: {1: i0, 2: i0, 3: i0, 4: i0, 5: i0, 6: i0, 7: i0, 8: i0}
      gate: "motion:1"
      clock_skew: 5.0e-5
servers:
  motors:
    devices:
      mc:
        kind: motor
        driver: simulated
        address: simulator:motion
        axes:
          stage: {channel: 1, steps_per_unit: 1000, velocity: 20.0, acceleration_time: 0.1}
          slow: {channel: 2, steps_per_unit: 1000, velocity: 20.0, acceleration_time: 0.1}
  counters:
    devices:
      ct:
        kind: counter
        driver: simulated
        address: simulator:counting
        wiring: {gate: [stage]}
        channels:
"""


def configuration(folder: Path) -> None:
    """One axis wired to a card of eight channels, and a writer."""
    folder.mkdir()
    text = CONFIGURATION.replace("axes: {1: {name: stage", "axes: {2: {}, 1: {name: stage")
    text += "".join(f"          c{n}: {{channel: {n}}}\n" for n in range(1, 9))
    text += "  writer:\n    devices:\n      nexus: {kind: writer, data_root: data}\n"
    (folder / "beamline.yml").write_text(text)


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
    print(f"{name:56s} {value:8.2f} {unit:9s} (limit {limit})", flush=True)


def measure(beamline: Beamline, points: int, rate: float) -> None:
    """Print all figures."""
    scans = Scans(beamline, "bench")
    step = max(1.0, 10_000 / rate) * 0.005
    scans.fscan("stage", 0.0, step, 100, 1 / rate, "ct", save=False)  # connections and imports are made once
    cpu = time.process_time()
    scan = scans.fscan("stage", 0.0, step, points, 1 / rate, "ct")
    cpu = time.process_time() - cpu
    spent = scan.durations
    figure(f"fscan of {points} points at {rate:g} Hz, 8 channels", scan.took, "s", f"{points / rate:g} s of points")
    figure("  last point in the stream after the last trigger", spent.readout, "s", "1 s: it keeps up")
    figure("  the scan's own program", 100 * cpu / scan.took, "% of core", "none")
    figure("  its memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB", "none")
    begun = time.perf_counter()
    saved = scan.wait_for_file(60)
    figure("  file closed after the end", time.perf_counter() - begun, "s", "none")
    with h5py.File(saved.path) as file:
        data = file[f"{scan.number}.1/measurement"]
        good = int(np.sum(data["valid"][:]))
        figure("  points in the file, valid", min(good, len(data["c8"])), "points", str(points))
        figure("  skew of the clocks as measured", 1e6 * data["ct_clock_skew"][0], "ppm", "50, as simulated")
        started = data["stage_start"][:]
        worst = np.abs(started - step * np.arange(points)).max() * STEPS
        figure("  latched positions beside those asked for", worst, "steps", "1")
    lines, npoints = 10, 100
    scan = scans.fmesh("slow", 0.0, 1.0, lines - 1, "stage", 0.0, 0.01, npoints, 0.002, "ct", backnforth=True)
    spent = scan.durations
    figure(
        f"fmesh of {lines} lines there and back, beside points and motion",
        1e3 * (spent.setup + spent.readout) / lines,
        "ms/line",
        "30 ms",
    )
    turn = np.linspace(0, 2 * np.pi, 201)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    points, passes = 2000, 4
    scan = scans.ftrajectory(["stage", "slow"], circle, points, 0.001, "ct", passes=passes)
    spent = scan.durations
    figure(
        f"ftrajectory of two axes, {passes} passes of {points} points at 1 kHz, beside points and motion",
        1e3 * (spent.setup + spent.readout) / passes,
        "ms/pass",
        "none",
    )
    angle = 2 * np.pi * np.arange(points) / points
    worst = np.hypot(scan["stage_start"][:points] - np.cos(angle), scan["slow_start"][:points] - np.sin(angle)).max()
    figure("  latched positions beside the circle", worst * STEPS, "steps", "1")
    figure("  valid", float(np.sum(scan["valid"])), "points", str(points * passes))


def main() -> None:
    """Bring the beamline up, measure, take it down."""
    points, rate = (int(text) for text in (*sys.argv[1:], *("50000", "10000")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "flybench"
        configuration(folder)
        ronda("up", folder, "--detach")
        try:
            exports = dict(line.removeprefix("export ").split("=", 1) for line in ronda("env", folder).splitlines())
            url = exports["RONDA_REDIS_URL"].strip("'")
            beamline = Beamline.connect(exports["TANGO_HOST"], url, "flybench", os.environ)
            measure(beamline, points, rate)
            beamline.close()
        finally:
            ronda("down", folder)


if __name__ == "__main__":
    main()
