"""A running demo beamline as scans see it, and what they tell."""

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ronda.framework.clients.beamline import Beamline
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.standard import Scans
from ronda.shell.commands.connecting import wait_until_settled


class Recorder(Observer):
    """Keeps what a scan tells; `at(index, action)` does something when a point is there."""

    def __init__(self) -> None:
        self.prepared = 0
        self.points: list[tuple[int, dict[str, Any]]] = []
        self.waiting: list[str] = []
        self.ended: list[str] = []
        self._actions: dict[int, Callable[[], object]] = {}

    def at(self, index: int, action: Callable[[], object]) -> None:
        self._actions[index] = action

    def on_prepared(self, scan):
        self.prepared += 1
        self._actions.pop(-1, lambda: None)()

    def on_point(self, scan, index, values):
        self.points.append((index, dict(values)))
        self._actions.pop(index, lambda: None)()

    def on_waiting(self, scan, sentence):
        self.waiting.append(sentence)

    def on_end(self, scan):
        self.ended.append(scan.state)


def connect(exports: dict[str, str]) -> Beamline:
    return Beamline.connect(
        exports["TANGO_HOST"], exports["RONDA_REDIS_URL"].strip("'"), exports["RONDA_BEAMLINE"], os.environ
    )


@pytest.fixture(scope="session")
def beamline(demo) -> Iterator[Beamline]:
    """The demo beamline; tests leave it as they found it."""
    connected = connect(demo.exports)
    yield connected
    connected.close()


@pytest.fixture(scope="session")
def simulators(demo):
    """Asks the control port of the simulators."""
    return simulators_of(demo.folder)


def simulators_of(folder: Path) -> Callable[..., dict[str, Any]]:
    """Asks the control port of the simulators of a beamline."""
    port = json.loads((folder / ".ronda" / "local" / "ports.json").read_text())["simulators' control"]

    def ask(**request):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(connection.makefile().readline())
        assert answer.pop("ok", False), answer
        return answer

    return ask


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def scans(beamline, recorder) -> Scans:
    """Scans of the demo beamline, watched by `recorder`."""
    return Scans(beamline, "tests", "somebody", [recorder])


class Victim:
    """A beamline of one test, whose processes it may kill."""

    def __init__(self, running: Any) -> None:
        self.running = running
        self.beamline = connect(running.exports)

    def pid(self, name: str) -> int:
        return int(self.running.servers()[name]["pid"])

    def signal(self, name: str, number: signal.Signals) -> None:
        pid = self.pid(name)
        assert pid > 0, f"{name} does not run"  # 0 would be all our own processes
        os.kill(pid, number)


def _made(folder: Path, bring_up: Callable[[Path], Any]) -> Iterator[Victim]:
    made = Victim(bring_up(folder))
    yield made
    made.beamline.close()


@pytest.fixture
def victim(bring_up, demo_folder: Path) -> Iterator[Victim]:
    """A beamline that nobody has used, nor will."""
    yield from _made(demo_folder, bring_up)


@pytest.fixture(scope="module")
def _beamline_of_the_module(bring_up_for_module, module_folder: Path) -> Iterator[Victim]:
    yield from _made(module_folder, bring_up_for_module)


@pytest.fixture
def survivor(_beamline_of_the_module: Victim, wait_for) -> Victim:
    """A beamline of one module, whose processes each test may kill: all are there again, and answer, before the next.

    What else a test changes stays: it takes a `victim` then.
    """
    whole = _beamline_of_the_module
    wait_for(lambda: {each["state"] for each in whole.running.servers().values()} == {"RUNNING"}, 150, "all run")
    wait_until_settled(whole.beamline, 150)
    return whole
