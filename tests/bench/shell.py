"""How the shell feels: `python tests/bench/shell.py [starts] [echo] [memory] [--commands N]`; all of them without a name.

Prints one line per figure: name, value with unit, the limit that we hold ourselves to.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import pexpect
import psutil

DEMO = Path(__file__).parents[2] / "config" / "demo"
STARTS, KEYS = 5, 200
UNUSED = "ZQJ"
"""Letters that the screen does not show by itself."""

COMMANDS = ("1 + 1", "samx.position", "np.arange(10)", "wa(samx, samy)", "wrong", "lsmot('s1*')")
"""What people type all day, one of them wrong."""


def figure(name: str, value: float, unit: str, limit: float) -> None:
    """Print one figure."""
    print(f"{name:64s} {value:9.2f} {unit:3s} (limit {limit:g} {unit})", flush=True)


class Seat:
    """Somebody at a prompt."""

    def __init__(self, folder: Path) -> None:
        environment = {**os.environ, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
        began = time.perf_counter()
        self.terminal = pexpect.spawn(
            "ronda", ["shell", str(folder)], env=environment, dimensions=(50, 120), encoding="utf-8", timeout=120
        )
        self.terminal.delaybeforesend = None
        self.number = 1
        self.terminal.expect(r"\[1\]:")
        self.start = time.perf_counter() - began

    def enter(self, text: str) -> None:
        """Type a command and wait for the next prompt."""
        self.number += 1
        self.terminal.send(text + "\r")
        self.terminal.expect(rf"\[{self.number}\]:")

    def drain(self) -> None:
        """Forget what was printed until now."""
        self.terminal.expect([pexpect.TIMEOUT, r"(?s).+"], timeout=0)
        self.terminal.expect([pexpect.TIMEOUT, r"(?s).+"], timeout=0)

    def leave(self) -> None:
        """Ctrl-D."""
        self.terminal.sendeof()
        self.terminal.expect(pexpect.EOF)
        self.terminal.close()


def starts(folder: Path) -> None:
    """From the command to its answer, and to the first prompt."""
    took = []
    for _ in range(STARTS):
        began = time.perf_counter()
        subprocess.run(["ronda", "shell", folder, "-c", "1"], check=True, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - began)
    figure("ronda shell -c 1, median", statistics.median(took), "s", 1.5)
    seats = [Seat(folder) for _ in range(STARTS)]
    figure("to the first prompt, median", statistics.median(seat.start for seat in seats), "s", 1.5)
    for seat in seats:
        seat.leave()


def echo(folder: Path) -> None:
    """From a key to its echo, while a scan runs in the same shell as fast as it can."""
    seat = Seat(folder)
    seat.enter("background = loopscan(1000000, 0.001, i0, save=False, run=False).start()")
    took = []
    for number in range(KEYS):
        key = UNUSED[number % len(UNUSED)]
        seat.drain()
        began = time.perf_counter()
        seat.terminal.send(key)
        seat.terminal.expect_exact(key)
        took.append((time.perf_counter() - began) * 1e3)
        time.sleep(0.05)
    took.sort()
    figure("key to echo while a scan runs, median", statistics.median(took), "ms", 20)
    figure("key to echo while a scan runs, 95 of 100", took[int(0.95 * KEYS)], "ms", 50)
    seat.terminal.sendintr()
    seat.number -= 1
    seat.enter("")
    seat.enter("background.stop()")
    seat.leave()


def memory(folder: Path, commands: int) -> None:
    """What the shell grows by from the first fifth to the end of many commands, a scan among each hundred."""
    seat = Seat(folder)
    process = psutil.Process(seat.terminal.pid)
    sizes = []
    for number in range(commands):
        scan = "loopscan(5, 0.001, i0, save=False)"
        seat.enter(scan if number % 100 == 50 else COMMANDS[number % len(COMMANDS)])
        if (number + 1) % (commands // 10) == 0:
            sizes.append(process.memory_info().rss / 1e6)
    print("resident after each tenth of the commands, MB: " + " ".join(f"{size:.1f}" for size in sizes))
    figure(f"growth from {commands // 5} to {commands} commands", sizes[-1] - sizes[1], "MB", 10)
    seat.leave()


def main() -> None:
    """Measure on a copy of the demo."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="*", choices=["starts", "echo", "memory", []])
    parser.add_argument("--commands", type=int, default=10_000)
    arguments = parser.parse_args()
    chosen = arguments.what or ["starts", "echo", "memory"]
    work = Path(tempfile.mkdtemp(prefix="ronda-bench-"))
    os.environ["XDG_STATE_HOME"] = str(work)
    shutil.copytree(DEMO, work / "demo", ignore=shutil.ignore_patterns(".ronda"))
    try:
        subprocess.run(["ronda", "up", work / "demo", "--detach"], check=True, stdout=subprocess.DEVNULL)
        if "starts" in chosen:
            starts(work / "demo")
        if "echo" in chosen:
            echo(work / "demo")
        if "memory" in chosen:
            memory(work / "demo", arguments.commands)
    finally:
        subprocess.run(["ronda", "down", work / "demo"], check=False, stdout=subprocess.DEVNULL)
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
