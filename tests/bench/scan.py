"""What scans cost beyond motion and exposure: `python tests/bench/scan.py`, with a bare serial PyTango loop beside it.

Motor and counters are separate device servers. Prints one line per figure: name, value with unit, the limit that we
hold ourselves to.
"""

import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from ronda.framework.clients.beamline import Beamline
from ronda.framework.scan.scan import Scan
from ronda.framework.scan.standard import Scans
from ronda.framework.turns import take_short_turns

POINTS = 300
EXPOSURE = 0.001
STEP = 0.001
VELOCITY, ACCELERATION_TIME = 20.0, 0.01

MOTION = 2 * math.sqrt(STEP * ACCELERATION_TIME / VELOCITY)
"""Seconds for one step of the simulated axis: it never reaches its velocity."""


def configuration(folder: Path) -> None:
    """One axis; a card of ten channels; two cards of five and ten cards of one in two servers."""
    folder.mkdir()
    cards = [f"card{number}" for number in range(10)]
    five = ", ".join(f"{n}: i0" for n in range(1, 6))
    lines = ["version: 1", "beamline: {name: bench}", "simulators:", "  instruments:"]
    lines += [
        "    motion: {type: motor_controller, axes: {1: {name: stage, acceleration_time: 0.01, velocity: 20}}}",
        f"    wide: {{type: counter_card, channels: {{{', '.join(f'{n}: i0' for n in range(1, 11))}}}}}",
        *(f"    half{number}: {{type: counter_card, channels: {{{five}}}}}" for number in range(2)),
        *(f"    {card}: {{type: counter_card, channels: {{1: i0}}}}" for card in cards),
        "servers:",
        "  motors:",
        "    devices:",
        "      mc:",
        '        {kind: motor, driver: simulated, address: "simulator:motion", poll_period: 0.001,',
        "         axes: {stage: {channel: 1, unit: mm, steps_per_unit: 2000,",
        f"                        velocity: {VELOCITY}, acceleration_time: {ACCELERATION_TIME}}}}}}}",
        "  first:",
        "    devices:",
        "      wide:",
        "        kind: counter",
        "        driver: simulated",
        "        address: simulator:wide",
        f"        channels: {{{', '.join(f'w{n}: {{channel: {n}}}' for n in range(1, 11))}}}",
    ]
    for number, card in enumerate(cards):
        if number == 5:
            lines += ["  second:", "    devices:"]
        if number % 5 == 0:
            channels = ", ".join(f"h{number + n}: {{channel: {n}}}" for n in range(1, 6))
            lines += [
                f"      half{number // 5}: {{kind: counter, driver: simulated, "
                f"address: 'simulator:half{number // 5}', channels: {{{channels}}}}}"
            ]
        lines += [
            f"      {card}: {{kind: counter, driver: simulated, address: 'simulator:{card}', "
            f"channels: {{c{number}: {{channel: 1}}}}}}"
        ]
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
    print(f"{name:56s} {value:8.2f} {unit:9s} (limit {limit})", flush=True)


def bare(beamline: Beamline, cards: list[str]) -> float:
    """Seconds for each point of a loop of plain PyTango calls that does the same, one call after the other."""
    axis = beamline.remote("stage", "stage").proxy
    counters = [beamline.remote(card, card).proxy for card in cards]
    for counter in counters:
        counter.IntegrationTime = EXPOSURE
    axis.Position = 0.0
    while str(axis.state()) == "MOVING":
        time.sleep(0.001)
    begun = time.perf_counter()
    for index in range(POINTS):
        axis.write_attribute("Position", index * STEP)
        while str(axis.state()) == "MOVING":
            pass
        axis.read_attribute("Position")
        for counter in counters:
            counter.command_inout("Start")
        for counter in counters:
            while str(counter.state()) == "RUNNING":
                pass
            counter.read_attribute("Counts")
    return (time.perf_counter() - begun) / POINTS


def ours(scans: Scans, *counters: str, points: int = POINTS) -> tuple[float, float]:
    """Seconds for each point of a step scan, and for its preparation and end. It goes to and fro: the way is short."""
    axis = scans.beamline["stage"]
    axis.move(0.0)
    axis.wait()
    plan = scans.ascan(axis, 0.0, STEP, points - 1, EXPOSURE, *counters, save=False, run=False).plan
    targets = tuple((index % 2 * STEP,) for index in range(points))
    scan = Scan(scans.beamline, replace(plan, targets=targets), save=False)
    begun = time.perf_counter()
    scan.run()
    total = time.perf_counter() - begun
    first, last = (float(scan.stream.read("elapsed_time", at, at + 1)[0]) for at in (points // 10, points - 1))
    each = (last - first) / (points - 1 - points // 10)
    return each, total - last - each


def measure(beamline: Beamline) -> None:
    """Print all figures."""
    scans = Scans(beamline, "bench")
    beyond = MOTION + EXPOSURE
    cards, halves = [f"card{number}" for number in range(10)], ["half0", "half1"]
    for name, counters, devices, limit in (
        ("step scan, 1 counter", ["c0"], ["card0"], "1.5 ms, at first 3"),
        ("step scan, 10 channels of one card", ["wide"], ["wide"], "1.7 ms, at first 3.4"),
        ("step scan, 10 counters of 2 cards in 2 servers", halves, halves, "2.2 ms, at first 4.4"),
        ("step scan, 10 cards in 2 servers", [f"c{n}" for n in range(10)], cards, "none"),
    ):
        ours(scans, *counters)  # connections and imports are made once
        each, around = ours(scans, *counters)
        figure(name, (each - beyond) * 1e3, "ms/point", limit)
        figure("  its preparation and end", around * 1e3, "ms", "60 ms")
        figure("  a bare serial PyTango loop", (bare(beamline, devices) - beyond) * 1e3, "ms/point", "none")
    for points in (100, 1000, 10_000):
        each, _ = ours(scans, "c0", points=points)
        figure(f"step scan, 1 counter, {points} points", (each - beyond) * 1e3, "ms/point", "the same for each length")
    begun = time.perf_counter()
    scans.loopscan(1000, 0.0001, "c0", save=False)
    figure("loopscan, exposure 0.1 ms", 1000 / (time.perf_counter() - begun), "points/s", "1000, at first 500")


def main() -> None:
    """Bring the beamline up, measure, take it down."""
    take_short_turns()  # as `ronda shell` does
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "bench"
        configuration(folder)
        ronda("up", folder, "--detach")
        try:
            exports = dict(line.removeprefix("export ").split("=", 1) for line in ronda("env", folder).splitlines())
            url = exports["RONDA_REDIS_URL"].strip("'")
            beamline = Beamline.connect(exports["TANGO_HOST"], url, "bench", os.environ)
            measure(beamline)
            beamline.close()
        finally:
            ronda("down", folder)


if __name__ == "__main__":
    main()
