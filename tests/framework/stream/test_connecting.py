"""Connecting: what is checked, and that each thing that can be wrong is said in a sentence."""

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from ronda.framework.errors import BadValue, CommunicationFailed, ConfigurationError, NotAllowed, ServiceFailed
from ronda.framework.stream import Stream, keys
from tests.ports import free_port

TLS = Path(__file__).parent / "tls"


def test_connects_by_unix_socket_and_by_tcp(redis_server_with, connect):
    port = free_port()
    server = redis_server_with("--port", str(port), "--bind", "127.0.0.1")
    connect(server.url)
    assert connect(f"redis://127.0.0.1:{port}/0").scans() == []


@pytest.fixture
def tls_port(shared_redis, url):
    """A port at which the shared Redis is reached through TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
    listening = socket.create_server(("127.0.0.1", 0))
    ends = [listening]

    def forward(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        target.close()

    def serve() -> None:
        with suppress(OSError):
            while True:
                raw, _ = listening.accept()
                with suppress(ssl.SSLError):
                    client = context.wrap_socket(raw, server_side=True)
                    server = socket.socket(socket.AF_UNIX)
                    server.connect(shared_redis.socket)
                    ends.extend((client, server))
                    for pair in ((client, server), (server, client)):
                        threading.Thread(target=forward, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1]
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


def test_connects_by_tls(tls_port, connect, one_channel):
    stream = connect(f"rediss://127.0.0.1:{tls_port}/0?ssl_ca_certs={TLS}/certificate.pem")
    scan = stream.open_scan(one_channel())
    scan.publisher("dev").publish({"x": 1})
    assert scan.read("x", 0, 1).tolist() == [1]


def test_certificate_that_nobody_vouches_for_is_refused(tls_port):
    with pytest.raises(ServiceFailed, match=r"cannot be reached \(.*certificate"):
        Stream.connect(f"rediss://127.0.0.1:{tls_port}/0")


def test_socket_path_may_have_a_space(own_redis, connect):
    path = Path(own_redis.folder) / "a b"
    path.symlink_to(own_redis.socket)
    assert connect(f"unix://{path}").scans() == []


def test_user_and_password_are_given_apart(redis_server_with, connect):
    server = redis_server_with("--requirepass", "secret", "--user", "ada", "on", ">pw", "~ronda:*", "+@all")
    connect(server.url, user="ada", password="pw")
    connect(server.url, password="secret")


def test_wrong_or_missing_password_is_said_and_never_shown(redis_server_with):
    server = redis_server_with("--requirepass", "secret")
    with pytest.raises(NotAllowed, match="refuses the user or password") as error:
        Stream.connect(server.url, password="wr0ng")
    assert "wr0ng" not in str(error.value)
    with pytest.raises(NotAllowed, match="refuses the user or password"):
        Stream.connect(server.url)


def test_password_in_the_url_is_not_repeated():
    with pytest.raises(ServiceFailed, match=r"Redis at redis://127\.0\.0\.1:1/0: cannot be reached") as error:
        Stream.connect("redis://ada:secret@127.0.0.1:1/0")
    assert "secret" not in str(error.value)


def test_user_without_rights_is_told_which(redis_server_with, connect):
    server = redis_server_with("--user", "guest", "on", "nopass", "~other:*", "+@all")
    connect(server.url)
    with pytest.raises(NotAllowed, match=r"this user may not do that .*allow it the keys ronda:\*"):
        Stream.connect(server.url, user="guest", password="x")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("redis://127.0.0.1:1", r"redis://127.0.0.1:1: cannot be reached \(connection refused\)"),
        ("unix:///nowhere/s", r"unix:///nowhere/s: cannot be reached \(there is no such socket\)"),
        ("redis://no-such-host.invalid:6379", r"cannot be reached \(nobody knows the name of this host\)"),
    ],
)
def test_absent_redis_is_said_with_the_reason(address, message):
    with pytest.raises(ServiceFailed, match=message):
        Stream.connect(address)


def test_address_that_cannot_be_read_is_refused():
    with pytest.raises(BadValue, match="http://x: the address cannot be read; use redis://HOST:PORT"):
        Stream.connect("http://x")


def speak(*answers: bytes) -> str:
    """A server that speaks like no Redis, or like one that it is not; returns its address."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listening:
            connection, _ = listening.accept()
            with connection:
                while connection.recv(65536):
                    connection.sendall(b"".join(answers))

    threading.Thread(target=serve, daemon=True).start()
    return f"redis://127.0.0.1:{listening.getsockname()[1]}"


def test_something_that_is_no_redis_is_recognised():
    with pytest.raises(ServiceFailed, match=r"gives an answer that cannot be used"):
        Stream.connect(speak(b"HTTP/1.1 400 Bad Request\r\n\r\n"))


def test_redis_that_is_too_old_is_refused(monkeypatch, url):
    monkeypatch.setattr("ronda.framework.stream.greeting.OLDEST_REDIS", (99, 0))
    with pytest.raises(ServiceFailed, match=r"its version [\d.]+ is too old; use Redis 6.2 or later"):
        Stream.connect(url)


def test_other_protocol_version_is_refused(shared_redis, url):
    with shared_redis.client() as client:
        client.set(keys.VERSION, keys.PROTOCOL + 1)
    with pytest.raises(
        ConfigurationError, match=f"protocol version {keys.PROTOCOL + 1}, this program speaks version {keys.PROTOCOL}"
    ):
        Stream.connect(url)


def test_redis_that_throws_data_away_is_refused(redis_server_with):
    server = redis_server_with("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    with pytest.raises(ConfigurationError, match=r"throws data away .*set maxmemory-policy noeviction"):
        Stream.connect(server.url)


def test_redis_with_too_little_memory_is_refused(redis_server_with):
    server = redis_server_with("--maxmemory", "10mb")
    with pytest.raises(ConfigurationError, match=r"maxmemory of 10\.5 MB leaves nothing for data; give it at least 32"):
        Stream.connect(server.url)


def test_bound_of_the_memory_follows_the_maxmemory_of_redis(redis_server_with, connect):
    server = redis_server_with("--maxmemory", "100mb")
    assert connect(server.url).memory().limit == 78643200
    with server.client() as client:
        client.config_set("maxmemory", "200mb")
    assert connect(server.url).memory().limit == 157286400
    connect(server.url).configure(limit=1_000_000)
    with server.client() as client:
        client.config_set("maxmemory", "100mb")
    assert connect(server.url).memory().limit == 1_000_000


def test_bound_of_the_memory_must_make_sense(stream):
    with pytest.raises(BadValue, match="comfort not above limit"):
        stream.configure(limit=10, comfort=20)


def test_call_gives_up_after_its_patience(own_redis, connect):
    stream = connect(own_redis.url, patience=0.2)
    own_redis.kill()
    with pytest.raises(CommunicationFailed, match=r"gives no answer since 0.2 s \(.*\); start it again"):
        stream.scans()


def test_call_waits_for_a_redis_that_comes_back(own_redis, connect):
    stream = connect(own_redis.url)
    own_redis.kill()
    threading.Timer(0.3, own_redis.start).start()
    assert stream.scans() == []


def test_connecting_waits_for_a_redis_that_is_being_started(own_redis, connect):
    own_redis.kill()
    threading.Timer(0.3, own_redis.start).start()
    assert connect(own_redis.url, wait=60).scans() == []
