"""A Tango database, simulated instruments, and device servers, as real processes."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import tango

from ronda.framework.config.kinds import TangoDevice, load_driver, load_kind
from ronda.framework.host.entries import FIXED, LAST_POSITION, RUNTIME_SETTINGS, Wanted, server_name
from ronda.framework.host.registration import Registry
from ronda.framework.services.tango_database import READY_LINE, server_command
from tests.ports import free_port

BEAMLINE = "test"

CLIENT_LIMIT = 60_000
"""Milliseconds that clients of the tests wait for an answer: the machine may be busy."""


def wait_until(condition: Callable[[], Any], what: str, limit: float = 150.0) -> Any:
    """Wait for a condition; returns what it returned."""
    deadline = time.monotonic() + limit
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {limit} s: {what}"
        time.sleep(0.005)
    return found


@dataclass
class Program:
    """A process of ours that reports on a ready pipe."""

    process: subprocess.Popen[bytes]
    report: dict[str, Any]
    log: Path

    @classmethod
    def start(cls, command: list[str], environment: dict[str, str], log: Path) -> Program:
        read, write = os.pipe()
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                env={**os.environ, **environment, "RONDA_READY_FD": str(write), "PYTHONUNBUFFERED": "1"},
                pass_fds=(write,),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        os.close(write)
        with os.fdopen(read) as pipe:
            line = pipe.readline()
        assert line, f"said nothing: {log.read_text()}"
        return cls(process, json.loads(line), log)

    def end(self, number: signal.Signals = signal.SIGTERM, limit: float = 150.0) -> int:
        self.process.send_signal(number)
        self.process.send_signal(signal.SIGCONT)
        return self.process.wait(limit)


@dataclass
class Simulators:
    """The simulated instruments of a test."""

    program: Program
    ports: dict[str, int]
    control_port: int

    def address(self, name: str) -> str:
        return f"127.0.0.1:{self.ports[name]}"

    def ask(self, **request: Any) -> dict[str, Any]:
        """Ask the control port."""
        with socket.create_connection(("127.0.0.1", self.control_port), timeout=60) as connection:
            connection.sendall(json.dumps(request).encode() + b"\n")
            reply = b""
            while not reply.endswith(b"\n"):
                reply += connection.recv(65536)
        answer: dict[str, Any] = json.loads(reply)
        assert "error" not in answer, answer
        return answer

    def axis(self, name: str, channel: int) -> dict[str, Any]:
        found: dict[str, Any] = self.ask(do="truth")["instruments"][name]["axes"][str(channel)]
        return found


@dataclass
class Rig:
    """Registers devices as the host agent does, and runs their servers."""

    tango_host: str
    folder: Path
    servers: dict[str, Program] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)

    def tango_devices(self, name: str, entry: dict[str, Any]) -> list[TangoDevice]:
        kind = load_kind(entry["kind"])
        driver = load_driver(entry["kind"], entry["driver"], kind.contract) if kind.contract else None
        return kind.devices(name, kind.parameters(driver).model_validate(entry))

    def register(self, server: str, devices: dict[str, dict[str, Any]]) -> None:
        """Write the devices of YAML entries into the database.

        One that is new to this rig is as nobody has used it yet, whatever a device of this name went through in another
        module of tests that shares the database.
        """
        registry = Registry(self.tango_host, BEAMLINE)
        registered = registry.read()
        for name, entry in devices.items():
            for device in self.tango_devices(name, entry):
                full = f"{BEAMLINE}/{device.family}/{device.name.lower()}"
                if full not in self.known:
                    self.known.add(full)
                    self.database().delete_device_property(full, [RUNTIME_SETTINGS, FIXED, LAST_POSITION])
                configuration = {**device.configuration, "implementation": device.implementation}
                registry.write(
                    Wanted(
                        full,
                        device.name,
                        device.tango_class,
                        server_name(BEAMLINE, server),
                        configuration,
                        device.attributes,
                        device.live,
                    ),
                    registered.get(full),
                )

    def launch(self, server: str, **environment: str) -> Program:
        """Start a server, whatever it reports."""
        port = self.ports[server] = self.ports.get(server) or free_port()
        program = Program.start(
            [sys.executable, "-m", "ronda.devices", server],
            {
                "TANGO_HOST": self.tango_host,
                "RONDA_BEAMLINE": BEAMLINE,
                "RONDA_SERVER_PORT": str(port),
                "RONDA_SERVER_ADDRESS": "127.0.0.1",
                **environment,
            },
            self.folder / f"{server}.log",
        )
        self.servers[server] = program
        return program

    def start(self, server: str) -> Program:
        """Start a server that must become ready."""
        program = self.launch(server)
        assert program.report == {"ready": True}, program.log.read_text()
        return program

    def end(self) -> None:
        """Kill whatever still runs."""
        for program in self.servers.values():
            if program.process.poll() is None:
                program.end(signal.SIGKILL)

    def proxy(self, name: str) -> tango.DeviceProxy:
        """A client of a device, by its alias."""
        proxy = tango.DeviceProxy(f"tango://{self.tango_host}/{name}")
        proxy.set_green_mode(tango.GreenMode.Synchronous)
        proxy.set_timeout_millis(CLIENT_LIMIT)
        return proxy

    def ready(self, name: str) -> tango.DeviceProxy:
        """A client of a device that has reached its hardware."""
        proxy = self.proxy(name)
        wait_until(lambda: proxy.state() not in (tango.DevState.UNKNOWN, tango.DevState.FAULT), f"{name} is ready")
        return proxy

    def database(self) -> tango.Database:
        return tango.Database(*self.tango_host.split(":"))

    def runtime_settings(self, full_name: str) -> dict[str, Any]:
        values = self.database().get_device_property(full_name, RUNTIME_SETTINGS)[RUNTIME_SETTINGS]
        found: dict[str, Any] = json.loads(values[0]) if values else {}
        return found


def run_database(host: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start a Tango database whose file is in a folder, and wait until it answers."""
    log = folder / f"database-{time.monotonic_ns()}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            server_command(host),
            env={**os.environ, "PYTANGO_DATABASE_NAME": str(folder / "tango.db"), "TANGO_HOST": host},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    wait_until(lambda: READY_LINE in log.read_text(), "the Tango database is ready")
    return process


@pytest.fixture(scope="session")
def tango_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty Tango database."""
    host = f"127.0.0.1:{free_port()}"
    process = run_database(host, tmp_path_factory.mktemp("database"))
    yield host
    process.kill()
    process.wait()


@pytest.fixture
def own_database(tmp_path: Path) -> Iterator[Callable[..., tuple[str, subprocess.Popen[bytes]]]]:
    """Starts a database that the test may stop or kill; the same one again if given its host."""
    running: list[subprocess.Popen[bytes]] = []

    def start(host: str = "") -> tuple[str, subprocess.Popen[bytes]]:
        host = host or f"127.0.0.1:{free_port()}"
        running.append(run_database(host, tmp_path))
        return host, running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def new_rig(tmp_path: Path) -> Iterator[Callable[[str], Rig]]:
    """Makes device servers of a test with a database of its own."""
    made: list[Rig] = []

    def make(host: str) -> Rig:
        made.append(Rig(host, tmp_path))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.fixture(scope="module")
def rig(tango_host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Device servers of one test module; whatever still runs is ended."""
    made = Rig(tango_host, tmp_path_factory.mktemp("servers"))
    yield made
    made.end()


@pytest.fixture(scope="module")
def simulate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Simulators]]:
    """Starts simulated instruments."""
    running: list[Program] = []

    def start(**instruments: dict[str, Any]) -> Simulators:
        folder = tmp_path_factory.mktemp("simulators")
        entries = {name: {"port": 0, **entry} for name, entry in instruments.items()}
        (folder / "file.json").write_text(json.dumps({"seed": 1, "control_port": 0, "instruments": entries}))
        command = [sys.executable, "-m", "ronda.simulators", str(folder / "file.json")]
        program = Program.start(command, {}, folder / "log")
        running.append(program)
        return Simulators(program, program.report["ports"], program.report["control_port"])

    yield start
    for program in running:
        if program.process.poll() is None:
            program.end(signal.SIGKILL)


@pytest.fixture
def slowly() -> Callable[..., AbstractContextManager[None]]:
    """`with slowly(simulators):` no simulated motion ends meanwhile, however long a process is halted."""

    @contextmanager
    def slow(simulators: Simulators, factor: float = 0.01) -> Iterator[None]:
        simulators.ask(do="speed", factor=factor)
        try:
            yield
        finally:
            simulators.ask(do="speed", factor=1)

    return slow


@dataclass
class Events:
    """Collects change events of a device in the order of their arrival."""

    proxy: tango.DeviceProxy
    seen: list[tuple[str, Any, tango.AttrQuality]] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    _ids: list[int] = field(default_factory=list)

    def subscribe(self, *names: str, kind: tango.EventType = tango.EventType.CHANGE_EVENT) -> Events:
        """Returns when all events from now on arrive; the first of each attribute is its present value."""
        for name in names:
            self._ids.append(self.proxy.subscribe_event(name, kind, self._take))
        self._wait_for_life()
        return self

    def _wait_for_life(self) -> None:
        """ZeroMQ subscribes in the background, and loses what is sent before it is done: cause events until one comes.

        They are of the configuration of Status, which is written as it is; its subscription was the last, on the same
        connection, so that the others live when it does.
        """
        came: list[tango.AttrConfEventData] = []
        kind = tango.EventType.ATTR_CONF_EVENT
        mine = self.proxy.subscribe_event("Status", kind, came.append)
        first = len(came)  # by the subscription itself
        as_it_is = self.proxy.get_attribute_config("Status")

        def provoked() -> bool:
            self.proxy.set_attribute_config(as_it_is)
            pause = time.monotonic() + 0.1
            while len(came) == first and time.monotonic() < pause:
                time.sleep(0.002)
            return len(came) > first

        try:
            wait_until(provoked, f"the events of {self.proxy.dev_name()} arrive")
        finally:
            self.proxy.unsubscribe_event(mine)

    def _take(self, event: tango.EventData) -> None:
        if not event.err:
            name = event.attr_name.rpartition("/")[2].partition("#")[0].lower()
            self.arrived.append(time.monotonic())
            self.seen.append((name, event.attr_value.value, event.attr_value.quality))

    def clear(self) -> None:
        self.seen.clear()
        self.arrived.clear()

    def of(self, name: str) -> list[Any]:
        return [value for seen, value, _ in list(self.seen) if seen == name.lower()]

    def close(self) -> None:
        while self._ids:
            self.proxy.unsubscribe_event(self._ids.pop())


@pytest.fixture
def listen() -> Iterator[Callable[..., Events]]:
    """`listen(proxy, *names)` collects change events until the test ends; none after it returned is lost."""
    made: list[Events] = []

    def begin(proxy: tango.DeviceProxy, *names: str, kind: tango.EventType = tango.EventType.CHANGE_EVENT) -> Events:
        made.append(Events(proxy))
        return made[-1].subscribe(*names, kind=kind)

    yield begin
    for events in made:
        events.close()


class Instrument:
    """A TCP server whose answers a test scripts: a function of the line, or an exception-like word.

    The answer is text to send (its line end is added), bytes to send as they are, `None` to say nothing, or `CLOSE`.
    """

    CLOSE = object()

    def __init__(self, answer: Callable[[str], Any], port: int = 0) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", port))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # closed already
            self._listener.shutdown(socket.SHUT_RDWR)  # closed alone, it would still take the next client
        self._listener.close()
        self._accepting.join(60)
        for connection in self._open:
            with contextlib.suppress(OSError):  # the other side was first
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        for _ in itertools.count():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        received = b""
        while True:
            try:
                chunk = connection.recv(65536)
            except OSError:
                return
            if not chunk:
                return
            received += chunk
            while b"\n" in received:
                line, _, received = received.partition(b"\n")
                self.asked.append(line.decode())
                reply = self.answer(line.decode())
                if reply is Instrument.CLOSE:
                    connection.close()
                    return
                if reply is not None:
                    try:
                        connection.sendall(reply if isinstance(reply, bytes) else f"{reply}\n".encode())
                    except OSError:  # closed meanwhile
                        return


@pytest.fixture
def instrument() -> Iterator[Callable[..., Instrument]]:
    """Makes scripted instruments."""
    made: list[Instrument] = []

    def make(answer: Callable[[str], Any], port: int = 0) -> Instrument:
        made.append(Instrument(answer, port))
        return made[-1]

    yield make
    for each in made:
        each.close()
