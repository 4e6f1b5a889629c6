"""What tests of the simulators share: a world with a clock set by hand, and a running process with clients."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ronda.simulators.physics.clock import Clock
from ronda.simulators.physics.world import World

DEADLINE = 120.0
"""Longest wait for anything that should happen at once, in s."""


class HandClock(Clock):
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = 0.0
        super().__init__(source=lambda: self.time)

    def advance(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def world(clock: HandClock) -> World:
    return World(clock, seed=7)


class Client:
    """A TCP client that sends lines and waits for one line of reply to each."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE)
        self._lines = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> bytes:
        """The next line with its end; empty if the other side closed."""
        return self._lines.readline()

    def ask(self, line: str) -> str:
        self.send(line.encode("latin-1") + b"\n")
        return self.receive().decode("ascii").rstrip("\n")

    def do(self, **request: Any) -> dict[str, Any]:
        """Send a request to the control port."""
        reply: dict[str, Any] = json.loads(self.ask(json.dumps(request)))
        return reply

    def close(self) -> None:
        self._lines.close()
        self.socket.close()


class Simulators:
    """The simulators' process."""

    def __init__(self, file: Path) -> None:
        reader, writer = os.pipe()
        environment = {**os.environ, "RONDA_READY_FD": str(writer)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ronda.simulators", str(file)], pass_fds=[writer], env=environment
        )
        os.close(writer)
        with os.fdopen(reader) as pipe:
            self.message: dict[str, Any] = json.loads(pipe.readline())
        self._clients: list[Client] = []

    def client(self, instrument: str) -> Client:
        return self._connect(self.message["ports"][instrument])

    def control(self) -> Client:
        return self._connect(self.message["control_port"])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the process; returns its exit code."""
        self.close_clients()
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)

    def close_clients(self) -> None:
        for client in self._clients:
            client.close()
        self._clients.clear()

    def _connect(self, port: int) -> Client:
        client = Client(port)
        self._clients.append(client)
        return client


@pytest.fixture(scope="session")
def write_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a file for the simulators, with free ports where none are given."""

    def write(instruments: dict[str, dict[str, Any]], **others: Any) -> Path:
        path = tmp_path_factory.mktemp("simulators") / "simulators.json"
        with_ports = {name: {"port": 0, **entry} for name, entry in instruments.items()}
        path.write_text(json.dumps({"control_port": 0, **others, "instruments": with_ports}))
        return path

    return write


@pytest.fixture
def start() -> Iterator[Callable[[Path], Simulators]]:
    """Starts simulators of a file, and sees to it that they end with the test."""
    started: list[Simulators] = []

    def start(file: Path) -> Simulators:
        started.append(Simulators(file))
        return started[-1]

    yield start
    for simulators in started:
        if simulators.process.poll() is None:
            simulators.stop()
        simulators.close_clients()


SHUTTER = {"travel_time": 3.0, "output": 1, "open_input": 1, "closed_input": 2, "interlock_input": 3}


@pytest.fixture(scope="session")
def running(write_file: Callable[..., Path]) -> Iterator[Simulators]:
    """`motion`, `counters`, IcePAP `ice`, GCS `pi`, a shutter at `io`; 20 times faster than real time; many tests share."""
    axes = {
        "1": {"name": "samx"},
        "2": {"name": "samy"},
        "3": {"name": "samz"},
        "4": {},
        "5": {},
        "6": {},
    }
    file = write_file(
        {
            "motion": {"type": "motor_controller", "axes": axes},
            "counters": {"type": "counter_card", "channels": {"1": "i0", "2": "diode"}},
            "ice": {"type": "icepap", "axes": {"1": {}, "2": {}, "11": {}}},
            "io": {"type": "io_unit", "shutters": {"shutter": SHUTTER}},
            "pi": {"type": "pi_gcs", "axes": {"1": {}, "Z": {}}},
        },
        speed=20.0,
    )
    simulators = Simulators(file)
    try:
        yield simulators
    finally:
        if simulators.process.poll() is None:
            simulators.stop()
