"""A server that pushes serial numbers, and a look into an archive."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tango

from ronda.framework.archive.buffer import ROWS, event
from ronda.framework.archive.record import Event
from tests.devices.conftest import CLIENT_LIMIT, Rig, wait_until
from tests.ports import free_port

PROGRAM = Path(__file__).with_name("pusher.py")


@dataclass
class Pusher:
    """The server, which a test may kill and start again."""

    host: str
    name: str
    log: Path
    port: int
    process: subprocess.Popen[str]

    @classmethod
    def start(cls, host: str, instance: str, log: Path, port: int = 0) -> Pusher:
        port = port or free_port()
        process = subprocess.Popen(
            [sys.executable, PROGRAM, instance, str(port), str(log)],
            env={**os.environ, "TANGO_HOST": host},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        said = iter(process.stdout.readline, "")
        assert any("Ready" in line for line in said), "the pusher did not start"
        return cls(host, f"test/pusher/{instance}", log, port, process)

    def again(self) -> None:
        """Start it anew on the same port."""
        self.process = Pusher.start(self.host, self.name.rpartition("/")[2], self.log, self.port).process

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def proxy(self) -> Any:
        proxy = tango.DeviceProxy(f"tango://{self.host}/{self.name}")
        proxy.set_timeout_millis(CLIENT_LIMIT)
        return proxy

    def pushed(self) -> dict[int, tuple[str, float]]:
        """Attribute and time of each serial number that it may have pushed."""
        lines = [line.split() for line in self.log.read_text().splitlines()]
        whole = [line for line in lines if len(line) == 3 and "." in line[2]]
        return {int(serial): (f"{self.name}/serial{at}", float(when)) for serial, at, when in whole}


@pytest.fixture
def new_pusher(tmp_path: Path) -> Iterator[Callable[..., Pusher]]:
    """`new_pusher(rig, "one")` starts a server `Pusher/one` with the device test/pusher/one."""
    made: list[Pusher] = []

    def start(rig: Rig, instance: str) -> Pusher:
        info = tango.DbDevInfo()
        info.name, info._class, info.server = f"test/pusher/{instance}", "Pusher", f"Pusher/{instance}"
        rig.database().add_device(info)
        (tmp_path / instance).touch()
        made.append(Pusher.start(rig.tango_host, instance, tmp_path / instance))
        return made[-1]

    yield start
    for pusher in made:
        pusher.kill()


def stored(folder: Path) -> list[Event]:
    """All events of an archive, in the order in which they were stored; none while it is being made."""
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{folder / 'buffer.db'}?mode=ro", uri=True, timeout=60)
        ) as connection:
            return [event(row) for row in connection.execute(f"{ROWS} ORDER BY e.serial")]
    except sqlite3.OperationalError:
        return []


def values_of(folder: Path, attribute: str) -> list[Any]:
    """The values of an attribute that are stored, in order: not its configuration, nor that it came."""
    return [one.value for one in stored(folder) if one.attribute == attribute and one.kind == "value"]


def kept(folder: Path) -> dict[str, str]:
    """Of which attributes a value is stored, and its type."""
    query = (
        "SELECT DISTINCT a.name, t.type FROM events e JOIN attributes a ON a.id = e.attribute "
        "JOIN tags t ON t.id = e.tag WHERE t.kind = 'value'"
    )
    try:
        with contextlib.closing(sqlite3.connect(f"file:{folder / 'buffer.db'}?mode=ro", uri=True, timeout=60)) as file:
            return dict(file.execute(query).fetchall())
    except sqlite3.OperationalError:
        return {}


def newest(folder: Path, attribute: str) -> Event | None:
    """The last event of an attribute."""
    with contextlib.closing(sqlite3.connect(f"file:{folder / 'buffer.db'}?mode=ro", uri=True, timeout=60)) as file:
        row = file.execute(f"{ROWS} AND a.name = ? ORDER BY e.serial DESC LIMIT 1", (attribute,)).fetchone()
    return None if row is None else event(row)


def wait_for_event(folder: Path, what: str, fits: Callable[[Event], bool]) -> Event:
    """Wait until an event that fits is stored."""

    def found() -> Event | None:
        return next((one for one in stored(folder) if fits(one)), None)

    found_one: Event = wait_until(found, what)
    return found_one
