"""Fixtures that all tests share: the program `ronda`, and a running demo beamline."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.postgresql import Postgresql
from tests.postgresql import postgresql as own_postgresql

# the machine of the tests is shared: how long an example takes says nothing; and what is checked of a change depends on
# nothing but the change. `pytest --hypothesis-profile explore` looks for examples that nobody has seen
PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ronda", derandomize=True, **PATIENT)
settings.register_profile("explore", max_examples=1000, **PATIENT)
settings.load_profile("ronda")

DEMO = Path(__file__).parents[1] / "config" / "demo"

IN_THE_BEAM = ("samx", "samy", "samz")
"""Axes that move the sample of the demo through the beam."""

CLOSE = 1e-3
"""Millimetres by which they may stand elsewhere."""


UNBUFFERED = "PYTHONUNBUFFERED"


def pytest_configure() -> None:
    """Let what tests start print at once, be compiled once, and keep its state apart, whatever the machine has set."""
    os.environ[UNBUFFERED] = "1"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # not the user's own; all workers share it, so that no two of their beamlines choose the same ports
    os.environ["XDG_STATE_HOME"] = str(Path(tempfile.gettempdir()) / f"ronda-tests-{os.getuid()}")


LONGEST_FIRST = ("tests/system", "tests/docs", "tests/framework/host", "tests/framework/scan")
"""Folders of tests that take long for their number: begun last, one of them would be what all wait for at the end."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several tests run at a time, begin with the long ones; files stay together."""
    if not hasattr(config, "workerinput"):
        return

    def place(item: pytest.Item) -> int:
        folders = enumerate(LONGEST_FIRST)
        return next((at for at, folder in folders if item.nodeid.startswith(f"{folder}/")), len(LONGEST_FIRST))

    items.sort(key=place)


def _wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def wait_for() -> Callable[[Callable[[], Any], float, str], Any]:
    """`wait_for(condition, seconds, what)` waits until `condition()` is true and returns its value, or fails."""
    return _wait_for


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """A PostgreSQL server, or the reason why there is none."""
    yield from own_postgresql()


@dataclass
class Ronda:
    """Runs the program `ronda` as a user would."""

    environment: dict[str, str] = field(
        default_factory=lambda: {
            **{name: value for name, value in os.environ.items() if name != UNBUFFERED},  # as users have it
            "COLUMNS": "200",
        }
    )

    def __call__(
        self, *arguments: object, code: int | None = 0, timeout: float = 180, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """`ronda …` with its output; fails unless it ends with `code` (None: whatever)."""
        done = subprocess.run(
            [Path(sys.executable).parent / "ronda", *map(str, arguments)],
            env=self.environment | environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
        if code is not None:
            assert done.returncode == code, (
                f"ronda {' '.join(map(str, arguments))} gave {done.returncode}:\n{done.stdout}"
            )
        return done

    def servers(self, which: object) -> dict[str, dict[str, Any]]:
        """The processes of a running beamline, by name, as `ronda status --json` has them, read as it does.

        Tests ask for this again and again; a program of its own for each time would cost most of theirs.
        """
        from ronda.framework.host import control

        hosts = control.all_hosts(control.select(str(which)))
        return {
            process.name: {**asdict(process), "state": str(process.state)}
            for host in hosts
            for process in host.processes
        }

    def exports(self, which: object) -> dict[str, str]:
        """What `ronda env` prints."""
        lines = self("env", which).stdout.splitlines()
        return dict(line.removeprefix("export ").split("=", 1) for line in lines)


@pytest.fixture(scope="session")
def ronda() -> Ronda:
    """The program."""
    return Ronda()


@dataclass
class Beamline:
    """A running beamline."""

    folder: Path
    exports: dict[str, str]
    ronda: Ronda
    stood: dict[str, float] = field(default_factory=dict)

    def put_back(self) -> None:
        """Move axes to where they `stood`, if they stand elsewhere."""
        for name, place in self.stood.items():
            axis = self.device(name)
            _wait_for(lambda axis=axis: str(axis.State()) != "MOVING" and not axis.Owner, 150, f"{name} is free")
            if abs(axis.Position - place) > CLOSE:
                axis.Position = place
                _wait_for(lambda axis=axis: str(axis.State()) == "ON", 150, f"{name} is back")

    def servers(self) -> dict[str, dict[str, Any]]:
        """Its processes by name."""
        return self.ronda.servers(self.folder)

    def device(self, name: str) -> Any:
        """A plain PyTango proxy, given only what `ronda env` says; it waits longer than 3 s: the machine is shared."""
        import tango

        proxy = tango.DeviceProxy(f"tango://{self.exports['TANGO_HOST']}/{name}")
        proxy.set_timeout_millis(60_000)
        return proxy

    def marked(self) -> list[str]:
        """Names of all its processes that are alive, each as often as it is there, not what is only being forked."""
        from ronda.framework.host.process import marked

        return sorted(name for _, name, each in marked(self.folder / ".ronda" / "local") if not each.is_copy())


@pytest.fixture
def halt() -> Callable[[int], None]:
    """`halt(pid)` stops a process (SIGSTOP) and returns when none of its threads runs: the signal alone only asks."""

    def standing(pid: int) -> bool:
        stats = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
        return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)

    def stop(pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        deadline = time.monotonic() + 60
        while not standing(pid):
            assert time.monotonic() < deadline, f"process {pid} runs on"
            time.sleep(0.001)

    return stop


def _copy_demo(folder: Path) -> Path:
    shutil.copytree(DEMO, folder, ignore=shutil.ignore_patterns(".ronda", "data"))
    return folder


def _bring_up(ronda: Ronda, folder: Path) -> Beamline:
    """Returns when its devices have heard from their hardware; a server is ready before they have."""
    from ronda.framework.clients.beamline import Beamline as Client
    from ronda.shell.commands.connecting import wait_until_settled

    ronda("up", folder, "--detach")
    running = Beamline(folder, ronda.exports(folder), ronda)
    told = running.exports
    client = Client.connect(
        told["TANGO_HOST"], told["RONDA_REDIS_URL"].strip("'"), told["RONDA_BEAMLINE"], ronda.environment
    )
    try:
        wait_until_settled(client, 150)
    finally:
        client.close()
    return running


@pytest.fixture(scope="session")
def demo(ronda: Ronda, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beamline]:
    """The demo beamline, running; tests leave it as they found it."""
    folder = _copy_demo(tmp_path_factory.mktemp("session") / "demo")
    try:
        running = _bring_up(ronda, folder)
        _wait_for(lambda: str(running.device("cam").State()) == "ON", 150, "cam has compiled its kernels")
        running.stood = {name: running.device(name).Position for name in IN_THE_BEAM}
        yield running
    finally:
        ronda("down", folder, code=None)


@pytest.fixture(scope="module", autouse=True)
def _the_sample_in_the_beam(request: pytest.FixtureRequest) -> None:
    """Where the tests of a module meet the demo, its sample stands as at first, whatever another module has left."""
    tests = [test for test in request.session.items if getattr(test, "module", None) is request.module]
    if any("demo" in getattr(test, "fixturenames", ()) for test in tests):
        request.getfixturevalue("demo").put_back()


@pytest.fixture
def demo_folder(tmp_path: Path) -> Path:
    """A copy of the demo's YAML files, to change and bring up; what is left running is taken down by `bring_up`."""
    return _copy_demo(tmp_path / "demo")


@pytest.fixture
def bring_up(ronda: Ronda) -> Iterator[Callable[[Path], Beamline]]:
    """`bring_up(folder)` brings a beamline up for this test; each is taken down at its end."""
    yield from _brought_up(ronda)


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `demo_folder`, for all tests of a module."""
    return _copy_demo(tmp_path_factory.mktemp("module") / "demo")


@pytest.fixture(scope="module")
def bring_up_for_module(ronda: Ronda) -> Iterator[Callable[[Path], Beamline]]:
    """As `bring_up`; what came up is taken down when the tests of a module have ended."""
    yield from _brought_up(ronda)


def _brought_up(ronda: Ronda) -> Iterator[Callable[[Path], Beamline]]:
    folders: list[Path] = []

    def up(folder: Path) -> Beamline:
        folders.append(folder)
        return _bring_up(ronda, folder)

    yield up
    for folder in folders:
        ronda("down", folder, code=None)
