"""A PostgreSQL of the tests' own, from Debian's packages: on a socket in a folder of its own, under a user who is not root."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

USER, PASSWORD = "ronda", "näh: ?'"

VARIABLE = "RONDA_TEST_PASSWORD"
"""The environment variable that has it while the server runs."""


class Postgresql:
    """The server; a test may kill it and start it again.

    Attributes:
        folder: where everything of it is, and its socket.
    """

    def __init__(self, programs: Path, owner: dict[str, Any]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ronda-postgresql-", dir="/tmp"))  # a socket's path is short
        password = self.folder / "password"
        password.write_text(f"{PASSWORD}\n")
        self._programs = programs
        self._owner = owner
        self._numbers = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        if owner:
            for path in (self.folder, password):
                os.chown(path, owner["user"], owner["group"])
        self.folder.chmod(0o755)
        options = ["-U", USER, "-A", "scram-sha-256", f"--pwfile={password}", "-E", "UTF8", "--no-sync"]
        done = subprocess.run(
            [programs / "initdb", "-D", self.folder / "data", "--locale=C", *options],
            capture_output=True,
            text=True,
            cwd=self.folder,
            check=False,
            **owner,
        )
        if done.returncode:
            shutil.rmtree(self.folder)
            pytest.skip(f"PostgreSQL cannot run here: {done.stderr.strip()}")
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "shared_buffers": "64MB",
        }
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "INT"),  # it ends with the tests, however they end
                    self._programs / "postgres",
                    *("-D", self.folder / "data"),
                    *itertools.chain(*(("-c", f"{name}={value}") for name, value in settings.items())),
                ],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                **self._owner,
            )
        deadline = time.monotonic() + 120
        while not self.answers():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL did not start within 120 s"
            time.sleep(0.02)

    def answers(self) -> bool:
        import psycopg

        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        """`kill -9` all of its processes."""
        self._all(signal.SIGSTOP)  # none of them comes to see that another one is gone
        gone = self._all(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(60)
        psutil.wait_procs(gone, 60)

    def halt(self) -> None:
        """Let it hang, until `go`."""
        self._all(signal.SIGSTOP)

    def go(self) -> None:
        self._all(signal.SIGCONT)

    def _all(self, number: signal.Signals) -> list[psutil.Process]:
        """Send a signal to it and to the processes that it started, each of which leads a group of its own."""
        assert self._process is not None
        first = psutil.Process(self._process.pid)
        processes = [first, *first.children(recursive=True)]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        return processes

    def end(self) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://{USER}@/{name}?host={self.folder}"

    def new_database(self) -> str:
        """The URL of a database with nothing in it."""
        name = f"hdb{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def connect(self, url: str | None = None) -> Any:
        """A plain connection."""
        import psycopg

        return psycopg.connect(url or self.url(), password=PASSWORD, autocommit=True)


def postgresql() -> Iterator[Postgresql]:
    """Start it, or skip the test and say why."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install -e '.[test]'")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if not found:
        pytest.skip("Debian's package `postgresql` is not installed")
    owner: dict[str, Any] = {}
    if os.geteuid() == 0:  # as root it refuses to run
        try:
            entry = pwd.getpwnam("postgres")
        except KeyError:
            entry = pwd.getpwnam("nobody")
        owner = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    server = Postgresql(found[-1].parent, owner)
    os.environ[VARIABLE] = PASSWORD
    yield server
    del os.environ[VARIABLE]
    server.end()
