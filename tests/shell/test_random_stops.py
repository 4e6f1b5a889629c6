"""Ctrl-C at random moments: the prompt is always sane, and the simulators say that nothing moves any more.

RONDA_MOMENTS says how many moments of each phase are tried, RONDA_SEED draws other moments.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.shell.conftest import end

MOMENTS = int(os.environ.get("RONDA_MOMENTS", "2"))
SEED = int(os.environ.get("RONDA_SEED", "1"))

WORK = """
import time

def away():
    "A place that is far from where samx stands."
    return 4 if samx.position < 0 else -4

def motion():
    mv(samx, away(), samz, away())

def shown():
    umv(samx, away())

def scan():
    dscan(samx, -1, 1, 40, 0.02, diode, save=False)

def script():
    while True:
        move(samx, away(), wait=False)
        time.sleep(0.2)
        stop(samx)
        with rockit(samz, 1):
            ct(0.05, diode)
        for _ in range(200000):
            pass
        mv(samx, away() / 2)

def hung():
    mv(samx, away(), samz, away())
"""


@pytest.fixture(scope="module")
def typist(demo: Any, seat: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("scripts") / "work.py"
    file.write_text(WORK)
    found = seat(demo.folder)
    found.enter(f"user_script_load('{file}')")
    return found


AXES = ("samx", "samz")


@pytest.fixture
def slow(demo: Any, wait_for: Callable[..., Any]) -> Iterator[None]:
    """Motions take longer than any moment; afterwards samx and samz are as fast as before, and stand at 0 again."""
    before = {name: demo.device(name).Velocity for name in AXES}
    for name in AXES:
        demo.device(name).Velocity = 0.4
    yield
    for name in AXES:
        wait_for(lambda name=name: attempt(lambda: go_home(demo.device(name), before[name])), 150, f"{name} back at 0")


def go_home(axis: Any, velocity: float) -> bool:
    """Send an axis to 0 if it stands elsewhere; returns whether it is there."""
    if str(axis.state()) != "ON":
        return False
    axis.Velocity = velocity
    if abs(axis.Position) >= 0.01:
        axis.Position = 0.0
        return False
    return True


def attempt(action: Callable[[], bool]) -> bool:
    """Do something with a device whose server may just be started again."""
    import tango

    try:
        return action()
    except (tango.DevFailed, AttributeError):
        return False


def moving(folder: Path) -> list[str]:
    """The axes that really move, as the simulators know."""
    port = json.loads((folder / ".ronda" / "local" / "simulators.json").read_text())["control_port"]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        line.sendall(b'{"do": "truth"}\n')
        answer = json.loads(line.makefile().readline())
    axes = [axis for one in answer["instruments"].values() for axis in one.get("axes", {}).values()]
    return [axis["name"] for axis in axes if axis["state"] == "MOVING"]


def press_until_prompt(typist: Any) -> int:
    """Press Ctrl-C, and again if nothing comes of it; returns how often."""
    for presses in range(1, 10):
        typist.terminal.sendintr()
        if typist.terminal.expect([pexpect.TIMEOUT, rf"\[{typist.prompts + 1}\]:"], timeout=1):
            typist.prompts += 1
            typist.at_prompt = True
            return presses
    raise AssertionError("no prompt came")


@pytest.mark.parametrize("phase", ["motion", "shown", "scan", "script"])
def test_ctrl_c_at_any_moment_stops_all_and_gives_a_sane_prompt(phase: str, typist: Any, demo: Any, slow: None) -> None:
    chance = random.Random(f"{SEED} {phase}")
    print(f"RONDA_SEED={SEED}")
    for _ in range(MOMENTS):
        moment = chance.uniform(0.0, 1.0)
        typist.send(f"print('be' + 'gun'); user.{phase}()")
        typist.wait_for("begun")
        time.sleep(moment)
        typist.press_ctrl_c()

        assert moving(demo.folder) == [], f"{moment} s after the begin of {phase}"
        assert "interrupted" in typist.told()
        assert "Traceback" not in typist.told()
        assert "42" in typist.enter("6 * 7")


def test_ctrl_c_while_a_server_hangs_gives_the_prompt_back(
    typist: Any, demo: Any, slow: None, wait_for: Callable[..., Any]
) -> None:
    chance = random.Random(f"{SEED} hung")
    print(f"RONDA_SEED={SEED}")
    for _ in range(max(MOMENTS // 2, 1)):
        motors = demo.servers()["motors"]["pid"]
        moment = chance.uniform(0.0, 1.0)
        typist.send("print('be' + 'gun'); user.hung()")
        typist.wait_for("begun")
        time.sleep(moment)
        os.kill(motors, signal.SIGSTOP)
        press_until_prompt(typist)
        with contextlib.suppress(ProcessLookupError):  # its agent may have taken it for dead meanwhile
            os.kill(motors, signal.SIGCONT)

        assert "42" in typist.enter("6 * 7")
        wait_for(lambda: demo.servers()["motors"]["state"] == "RUNNING", 150, "the server runs")
        wait_for(lambda: not moving(demo.folder), 60, f"all to stand; stopped {moment} s after the begin")


def test_ctrl_c_at_the_start_gives_the_prompt_or_leaves(demo: Any, seat: Callable[..., Any]) -> None:
    chance = random.Random(f"{SEED} start")
    print(f"RONDA_SEED={SEED}")
    for _ in range(MOMENTS):
        moment = chance.uniform(0.2, 2.0)
        typist = seat(demo.folder, wait=False)
        time.sleep(moment)
        typist.terminal.sendintr()
        if typist.terminal.expect([pexpect.EOF, r"\[1\]:"], timeout=150):
            typist.prompts, typist.at_prompt = 1, True
            assert "42" in typist.enter("6 * 7"), f"{moment} s after the start"
        end(typist.terminal)
