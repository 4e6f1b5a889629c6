"""What the tests of the host agent share: small real processes, a supervisor for them, a Tango database."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ronda.framework.config.beamline import (
    Beamline,
    BeamlineParameters,
    Device,
    HostParameters,
    Location,
    RestartParameters,
    Server,
    ServerParameters,
    SimulatorsParameters,
)
from ronda.framework.config.kinds import DeviceParameters, TangoDevice
from ronda.framework.config.load import load_beamline
from ronda.framework.host import control
from ronda.framework.host.layout import Layout, make_layout
from ronda.framework.host.managed import Managed, ProcessPlan
from ronda.framework.host.names import HEARTBEAT
from ronda.framework.host.process import Identity, Launch, marked
from ronda.framework.host.status import HostStatus, ProcessStatus, State, read_status
from ronda.framework.host.supervisor import Supervisor
from ronda.framework.services import tango_database
from ronda.framework.services.ports import Ports, is_free

CHILD = """
import fcntl, json, os, signal, socket, sys, time
does = json.loads(sys.argv[1])
def note(what):
    with open(does["journal"], "a") as journal:
        journal.write(f"{what} {does['name']} {os.getpid()}\\n")
lock = open(does["journal"] + "." + does["name"], "w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    note("SECOND")
def end(*_):
    note("end")
    os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if does.get("stubborn") else end)
note("start")
print(does.get("prints", "ready soon"), flush=True)
while os.path.exists(does.get("waits_for", "")):
    time.sleep(0.01)
pipe = int(os.environ.get("RONDA_READY_FD", "-1"))
if "dies" in does:
    os._exit(does["dies"])
if pipe >= 0 and does.get("says") is not None:
    os.write(pipe, does["says"].encode("latin1"))
    os.close(pipe)
if "dies_after" in does:
    os._exit(does["dies_after"])
if "listens" in does:
    server = socket.socket(socket.AF_UNIX)
    server.bind(does["listens"])
    server.listen()
    while True:
        client, _ = server.accept()
        while os.path.exists(does["hangs"]):
            time.sleep(0.01)
        client.send(b"here")
        client.close()
while True:
    signal.pause()
"""
"""A process of which a test says how it behaves; it notes its start and its end, and that it is not alone."""

READY_WORD = '{"ready": true}\n'


def child(**does: Any) -> list[str]:
    """The command of such a process."""
    return [sys.executable, "-SE", "-c", CHILD, json.dumps({"says": READY_WORD, **does})]


@dataclass
class Stage:
    """A supervisor, its processes, and what they noted."""

    folder: Path
    supervisor: Supervisor = field(init=False)
    changes: int = 0

    def __post_init__(self) -> None:
        (self.folder / "logs").mkdir(parents=True)
        self.supervisor = Supervisor(self._changed, lambda: None)

    def _changed(self) -> None:
        self.changes += 1

    def add(
        self,
        name: str,
        needs: list[str] | None = None,
        *,
        launch: Launch | None = None,
        restart: dict[str, Any] | None = None,
        plan: dict[str, Any] | None = None,
        **does: Any,
    ) -> Managed:
        """Supervise a process that behaves as told, and want it."""
        command = child(name=name, journal=str(self.folder / "journal"), **does)
        made = ProcessPlan(
            launch or Launch(name, command, {}),
            "server",
            needs or [],
            RestartParameters.model_validate({"backoff": 0.1, **(restart or {})}),
            **{"start_timeout": 60.0, "stop_timeout": 5.0, **(plan or {})},
        )
        status = ProcessStatus(name, "server", "local")
        process = Managed(made, status, self.folder, self.folder / "logs")
        self.supervisor.processes[name] = process
        process.want(True)
        return process

    def until(self, condition: Callable[[], Any], seconds: float = 150.0) -> None:
        """Supervise until the condition holds; the supervisor is woken often, so that no test waits for its clock."""
        deadline = time.monotonic() + seconds
        done = threading.Event()

        def wake() -> None:
            while not done.wait(0.02):
                self.supervisor.wake()

        waker = threading.Thread(target=wake)
        waker.start()
        try:
            self.supervisor.run(lambda: condition() or time.monotonic() > deadline)
        finally:
            done.set()
            waker.join()
        assert condition(), {name: process.status for name, process in self.supervisor.processes.items()}

    def until_state(self, process: Managed, state: State, seconds: float = 150.0) -> None:
        """Supervise until a process is in a state."""
        self.until(lambda: process.status.state == state, seconds)

    def journal(self, *kinds: str) -> list[str]:
        """What the processes noted, without process numbers; only of these kinds if given."""
        file = self.folder / "journal"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.rpartition(" ")[0] for line in lines if not kinds or line.split()[0] in kinds]

    def alive(self, name: str) -> list[Identity]:
        """The living processes of this name."""
        return [identity for _, found, identity in marked(self.folder) if found == name]


def end_all(state: Path) -> None:
    """Kill every process of a state folder, and wait until it is gone."""
    deadline = time.monotonic() + 60
    while found := list(marked(state)):
        for _, _, identity in found:
            identity.signal(signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(identity.pid, os.WNOHANG)
        assert time.monotonic() < deadline, found
        time.sleep(0.01)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """An empty stage; nothing on it survives the test."""
    made = Stage(tmp_path / "state folder")
    yield made
    end_all(made.folder)
    for process in made.supervisor.processes.values():
        if process.ready_pipe is not None:
            os.close(process.ready_pipe)


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`HOST:PORT` of a real Tango database; tests use beamlines of different names in it."""
    folder = tmp_path_factory.mktemp("database")
    port = Ports(folder / "ports.json", "127.0.0.1").port("tango-database")
    host = f"127.0.0.1:{port}"
    process = subprocess.Popen(
        tango_database.server_command(host),
        env={
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "TANGO_HOST": host,
            "PYTANGO_DATABASE_NAME": str(folder / "tango.db"),
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert any(tango_database.READY_LINE in line for line in process.stdout)
        yield host
    finally:
        process.kill()
        process.communicate()


def make_axis(name: str, **configuration: Any) -> TangoDevice:
    """An axis as its kind would describe it."""
    return TangoDevice(
        name,
        "axis",
        "Axis",
        "example.device:Axis",
        {"channel": 1, "velocity": 2.0, **configuration},
        {"Position": {"unit": "mm"}},
        live=frozenset({"velocity", "limits"}),
        settings=frozenset({"velocity"}),
    )


MakeBeamline = Callable[..., Beamline]


def make_beamline(
    folder: Path,
    servers: dict[str, list[TangoDevice]] | None = None,
    *,
    name: str = "demo",
    instruments: dict[str, dict[str, Any]] | None = None,
    hosts: dict[str, HostParameters] | None = None,
    where: dict[str, str] | None = None,
    parameters: dict[str, dict[str, Any]] | None = None,
    **beamline: Any,
) -> Beamline:
    """A checked beamline, as `load_beamline` would make it of YAML files.

    Args:
        folder: of its YAML files.
        servers: the Tango devices of each server.
        name: of the beamline.
        instruments: the simulated ones.
        hosts: its computers; one if absent.
        where: on which host a server runs; the first one if absent.
        parameters: what else is said about a server.
        beamline: what else is said about the beamline.
    """
    hosts = hosts or {"local": HostParameters(services=True)}
    made = {}
    for server, devices in (servers or {}).items():
        entries = [
            Device(device.name, server, DeviceParameters(kind="example"), [device], Location(folder / "x.yml", 1, 1))
            for device in devices
        ]
        given = ServerParameters.model_validate({"devices": {}, **(parameters or {}).get(server, {})})
        host = (where or {}).get(server, next(iter(hosts)))
        made[server] = Server(server, host, given, entries, list(given.needs), False, Location(folder / "x.yml", 1, 1))
    return Beamline(
        folder,
        sorted(folder.glob("*.yml")),
        BeamlineParameters.model_validate({"name": name, **beamline}),
        hosts,
        SimulatorsParameters(instruments=instruments) if instruments else None,
        made,
    )


@pytest.fixture
def axis() -> Callable[..., TangoDevice]:
    """`axis(name, key=value…)` describes an axis; its velocity and limits can be changed while it runs."""
    return make_axis


@pytest.fixture
def beamline(tmp_path: Path) -> MakeBeamline:
    """`beamline(servers, …)` makes a beamline by hand; see `make_beamline`."""

    def make(servers: dict[str, list[TangoDevice]] | None = None, **more: Any) -> Beamline:
        return make_beamline(tmp_path, servers, **more)

    return make


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Callable[..., Layout]]:
    """`layout(beamline, host=…)` sees a beamline from one of its hosts; its sockets' folder goes at the end."""
    made: list[Layout] = []

    def make(beamline: Beamline, host: str = "local", tango_host: str | None = None) -> Layout:
        layout = make_layout(beamline, host)
        made.append(replace(layout, tango_host=tango_host) if tango_host else layout)
        return made[-1]

    yield make
    for layout in made:
        layout.folders.remove_run()


@dataclass
class Up:
    """A beamline of services and simulators that runs, or is to run."""

    layout: Layout
    said: list[str] = field(default_factory=list)

    @property
    def state(self) -> Path:
        """Its state folder."""
        return self.layout.folders.state

    def bring_up(self) -> HostStatus:
        """As `ronda up --detach` does."""
        return control.bring_up(self.layout, self.said.append)

    def take_down(self) -> None:
        """As `ronda down` does."""
        control.take_down(self.state, self.said.append)

    def status(self) -> dict[str, ProcessStatus]:
        """What the agent says of each process."""
        found = read_status(self.layout.folders.status)
        return {process.name: process for process in found.processes} if found else {}

    def identities(self) -> dict[str, Identity]:
        """The living processes by name; the last one where there are several."""
        return {name: identity for _, name, identity in marked(self.state)}

    def pids(self, *names: str) -> dict[str, int]:
        """Process numbers by name."""
        found = self.identities()
        return {name: found[name].pid for name in names if name in found}

    def replaced(self, name: str, pid: int) -> bool:
        """Whether there is a process of this name, and another one than before."""
        found = self.identities().get(name)
        return found is not None and found.pid != pid

    def all_run(self) -> bool:
        """Whether the agent's last word is that everything runs, and that is true."""
        status = self.status()
        return bool(status) and all(
            process.state == State.RUNNING and Identity(process.pid, process.started).alive()
            for process in status.values()
        )

    def ports(self) -> list[int]:
        """Its TCP ports."""
        return list(self.layout.ports.all().values())

    def leaves_nothing(self) -> None:
        """There is no process, no socket and no heartbeat left."""
        assert list(marked(self.state)) == []
        assert not self.layout.folders.run.exists()
        assert not (self.state / HEARTBEAT).exists()
        assert [port for port in self.ports() if not is_free("127.0.0.1", port)] == []


def write_beamline(folder: Path, name: str, beamline: str = "") -> None:
    """A configuration of services and simulators only."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "beamline.yml").write_text(
        f"version: 1\nbeamline: {{name: {name}{beamline}}}\n"
        "simulators: {instruments: {motion: {type: motor_controller, axes: 2}}}\n"
    )


MakeUp = Callable[..., Up]


def up_of(folder: Path) -> Up:
    """The beamline configured in a folder, not yet up."""
    return Up(make_layout(load_beamline(folder, os.environ), "local"))


@pytest.fixture
def up(tmp_path: Path) -> Iterator[MakeUp]:
    """`up(name)` makes a beamline of services and simulators; its processes end with the test."""
    made: list[Up] = []

    def make(name: str = "small", beamline: str = "") -> Up:
        write_beamline(tmp_path / name, name, beamline)
        made.append(up_of(tmp_path / name))
        return made[-1]

    yield make
    for one in made:
        end_all(one.state)
        one.layout.folders.remove_run()


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A beamline of services and simulators that tests may maltreat."""
    folder = tmp_path_factory.mktemp("a folder with spaces") / ("long " * 20)
    write_beamline(folder, "patient")
    made = up_of(folder)
    try:
        yield made
    finally:
        end_all(made.state)
        made.layout.folders.remove_run()


@pytest.fixture
def running(patient: Up) -> Up:
    """The beamline of these tests, up and well."""
    deadline = time.monotonic() + 60
    while not patient.all_run() and patient.identities() and time.monotonic() < deadline:
        time.sleep(0.05)
    if not patient.all_run():
        end_all(patient.state)
        patient.bring_up()
    patient.said.clear()
    return patient


@pytest.fixture
def never_twice(running: Up) -> Iterator[None]:
    """During the test no process of the running beamline was there twice."""
    twice: list[dict[str, int]] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.05):
            found = [(name, each) for _, name, each in marked(running.state) if not each.is_copy()]
            count = Counter(name for name, each in found if each.leader() == each.pid)
            if any(number > 1 for number in count.values()):
                twice.append(dict(count))

    looking = threading.Thread(target=look)
    looking.start()
    yield
    done.set()
    looking.join()
    assert twice == []
