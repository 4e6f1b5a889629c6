"""A beamline whose Redis, network, disk and processes a test may maltreat."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from ronda.framework.services.redis import find_server

PROGRAMS = Path(__file__).parent


class OwnRedis:
    """A Redis with a log, as the embedded one has, on a socket that only the proxy knows."""

    def __init__(self, folder: Path) -> None:
        self.socket = f"{folder}/real"
        self._command = [str(find_server()), "--port", "0", "--unixsocket", self.socket, "--dir", str(folder)]
        self._command += ["--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory", "96mb"]
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < deadline, "Redis does not answer"
            time.sleep(0.01)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def halt(self, seconds: float) -> None:
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            with redis.Redis(unix_socket_path=self.socket) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class Proxy:
    """Stands between Redis and everybody else: cuts connections, also in the middle of a message, and holds them."""

    def __init__(self, socket_path: str, target: str) -> None:
        self.url = f"unix://{socket_path}"
        self._target = target
        self._flows = threading.Event()
        self._flows.set()
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._cut_after: int | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(socket_path)
        self._listener.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Cut all connections."""
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut_within(self, size: int) -> None:
        """Cut the next connection over which something goes after so many bytes of it."""
        self._cut_after = size

    def hold(self, seconds: float) -> None:
        """Let nothing through for a time."""
        self._flows.clear()
        time.sleep(seconds)
        self._flows.set()

    def close(self) -> None:
        self._flows.set()
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._target)
            except OSError:
                client.close()
                server.close()
                continue
            with self._lock:
                self._ends |= {client, server}
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self._forward, args=pair, daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 18):
                self._flows.wait()
                size, self._cut_after = self._cut_after, None
                if size is not None:
                    target.sendall(data[:size])
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            with self._lock:
                self._ends.discard(end)
        source.close()


class SmallDisk:
    """A small file system in memory, which can be filled and freed."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        folder.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], capture_output=True, text=True
        ).returncode
        self.mounted = mounted == 0

    def fill(self) -> None:
        """Leave not a byte."""
        with (self.folder / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                if not file.write(bytes(1 << 16)):
                    return

    def free(self) -> None:
        (self.folder / "filler").unlink(missing_ok=True)

    def remove(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", self.folder], check=True)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path is short enough for sockets, in memory where possible: fsync costs nothing there."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="rc", dir=memory if os.access(memory, os.W_OK) else "/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def own_redis(short_folder: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(short_folder)
    yield server
    with contextlib.suppress(ProcessLookupError):
        server.process.send_signal(signal.SIGCONT)
    server.kill()


@pytest.fixture
def proxy(short_folder: Path, own_redis: OwnRedis) -> Iterator[Proxy]:
    made = Proxy(f"{short_folder}/s", own_redis.socket)
    yield made
    made.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    made = SmallDisk(tmp_path / "disk", 192)
    if not made.mounted:
        pytest.skip("this user may not mount the small file system that is to be filled (root may)")
    yield made
    made.remove()


@pytest.fixture
def beamline(demo_folder: Path, bring_up: Callable[[Path], Any], proxy: Proxy, disk: SmallDisk) -> Any:
    """The demo beamline with two writers, its files on the small disk, its stream behind the proxy."""
    restart = "restart: {backoff: 0.1, backoff_limit: 0.5}"
    for name, old, new in (
        ("beamline.yml", "  name: demo", f"  services: {{redis: {{url: '{proxy.url}'}}}}\n  name: demo"),
        ("counters.yml", "    devices:\n      ct1:", f"    {restart}\n    devices:\n      ct1:"),
    ):
        text = (demo_folder / name).read_text()
        assert old in text
        (demo_folder / name).write_text(text.replace(old, new, 1))
    writers = "".join(
        f"  {name}:\n    {restart}\n    devices:\n"
        f"      nexus_{name}: {{kind: writer, data_root: '{disk.folder}', minimum_free: 1}}\n"
        for name in ("writer", "spare_writer")
    )
    (demo_folder / "writer.yml").write_text(f"servers:\n{writers}")
    return bring_up(demo_folder)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """`program("owner", …)` starts one of the programs beside this file."""
    started: list[subprocess.Popen[str]] = []

    def start(name: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        with (tmp_path / f"{name}.log").open("ab") as log:
            started.append(
                subprocess.Popen(
                    [sys.executable, PROGRAMS / f"{name}.py", *map(str, arguments)],
                    env={**os.environ, **environment},
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
            )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.communicate()
