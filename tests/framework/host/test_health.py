"""Signs of life: what counts as an answer, asked of real services."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from ronda.framework.config.beamline import Beamline, RedisParameters
from ronda.framework.errors import CommunicationFailed
from ronda.framework.host import health
from ronda.framework.host.health import ask_line, ask_page, ask_redis, ask_tango, ask_tango_database
from ronda.framework.host.layout import Layout
from ronda.framework.services.ports import Ports
from ronda.framework.services.redis import RedisAccess, server_command

WaitFor = Callable[[Callable[[], Any], float, str], Any]


@pytest.fixture
def redis_server(
    beamline: Callable[..., Beamline], layout: Callable[..., Layout], wait_for: WaitFor
) -> Iterator[tuple[RedisAccess, subprocess.Popen[bytes]]]:
    made = layout(beamline())
    made.folders.make_run()
    process = subprocess.Popen(server_command(RedisParameters(), made.folders), stdout=subprocess.DEVNULL)
    try:
        wait_for(made.folders.redis_socket.exists, 150, "Redis listens")
        yield made.redis, process
    finally:
        process.kill()
        process.wait()


def test_a_page_shows_life_by_any_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LINE_TIME", 60.0)

    class Refusing(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_error(500)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        ask = ask_page("0.0.0.0", server.server_port, secure=False)
        ask()
        thread.join()
    with pytest.raises(ConnectionRefusedError):
        ask()


def test_redis_that_is_not_there_does_not_answer(redis_server: tuple[RedisAccess, subprocess.Popen[bytes]]) -> None:
    access, process = redis_server
    client = access.connect({})
    ask = ask_redis(client)
    ask()
    process.kill()
    process.wait()
    with pytest.raises(Exception, match=r"Connection (refused|closed|reset)|No such file"):
        ask()
    client.close()


def test_an_error_of_redis_is_an_answer(redis_server: tuple[RedisAccess, subprocess.Popen[bytes]]) -> None:
    """With a full disk it answers `PING` with an error, and must not be killed for it."""
    access, _ = redis_server
    client = access.connect({})
    client.acl_setuser("default", enabled=True, commands=["-ping"])
    ask_redis(client)()
    client.close()


def test_redis_that_is_halted_does_not_answer(redis_server: tuple[RedisAccess, subprocess.Popen[bytes]]) -> None:
    access, process = redis_server
    client = access.connect({}, timeout=0.3)
    process.send_signal(19)
    with pytest.raises(Exception, match=r"[Tt]imeout"):
        ask_redis(client)()
    client.close()


SIMULATORS = {
    "address": "127.0.0.1",
    "seed": 1,
    "speed": 1.0,
    "instruments": {"motion": {"type": "motor_controller", "axes": 1, "port": 0}},
}


def test_simulators_answer_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "simulators.json"
    port = Ports(tmp_path / "ports.json", "127.0.0.1").port("control")
    file.write_text(json.dumps({**SIMULATORS, "control_port": port}))
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "ronda.simulators", str(file)],
        env={**os.environ, "RONDA_READY_FD": str(write_end)},
        pass_fds=[write_end],
    )
    os.close(write_end)
    ask = ask_line("127.0.0.1", port)
    try:
        with os.fdopen(read_end) as pipe:
            assert json.loads(pipe.readline())["ready"] is True
        ask()
        ask()
        process.send_signal(19)
        monkeypatch.setattr(health, "LINE_TIME", 0.3)
        with pytest.raises(TimeoutError):
            ask()
    finally:
        process.kill()
        process.wait()
    with pytest.raises(ConnectionRefusedError):
        ask()


def test_a_tango_database_answers_or_not(database: str, tmp_path: Path) -> None:
    ask_tango_database(database)()
    free = Ports(tmp_path / "ports.json", "127.0.0.1").port("nobody")
    with pytest.raises(CommunicationFailed):
        ask_tango_database(f"127.0.0.1:{free}")()


def test_a_tango_device_answers(database: str) -> None:
    ask = ask_tango(database, "sys/database/2")
    ask()
    ask()


def test_a_device_that_is_not_exported_says_nothing_about_its_server(database: str) -> None:
    import tango

    host, _, port = database.rpartition(":")
    info = tango.DbDevInfo()
    info.name, info._class, info.server = "health/axis/samx", "Axis", "Ronda/health-motors"
    tango.Database(host, int(port)).add_device(info)
    ask_tango(database, "health/axis/samx")()


def test_a_database_that_is_away_says_nothing_about_a_server(tmp_path: Path) -> None:
    free = Ports(tmp_path / "ports.json", "127.0.0.1").port("nobody")
    ask_tango(f"127.0.0.1:{free}", "health/axis/samx")()
