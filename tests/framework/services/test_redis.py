"""Redis: the configured server, or one that we start."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ronda.framework.config.beamline import RedisParameters
from ronda.framework.errors import ServiceFailed
from ronda.framework.services import redis as module
from ronda.framework.services.folders import Folders
from ronda.framework.services.redis import RedisAccess, configured_access, find_server, server_command

WaitFor = Callable[[Callable[[], Any], float, str], Any]


@pytest.fixture
def folders(folders_for: Callable[..., Folders], tmp_path: Path) -> Folders:
    made = folders_for(tmp_path)
    made.make()
    made.make_run()
    return made


@pytest.fixture
def server(folders: Folders, wait_for: WaitFor) -> Iterator[RedisAccess]:
    """A running embedded server."""
    process = subprocess.Popen(server_command(RedisParameters(), folders), stdout=subprocess.DEVNULL)
    access = RedisAccess(f"unix://{folders.redis_socket}")
    try:
        wait_for(folders.redis_socket.exists, 150, "the socket of Redis is there")
        yield access
    finally:
        process.kill()
        process.wait()


def test_the_embedded_server_answers_on_its_private_socket_only(server: RedisAccess, folders: Folders) -> None:
    server.check({})
    client = server.connect({})
    assert client.config_get("port") == {"port": "0"}
    assert folders.redis_socket.stat().st_mode & 0o777 == 0o700
    client.close()


def test_the_embedded_server_never_forgets_what_it_holds(server: RedisAccess) -> None:
    client = server.connect({})
    settings = client.config_get("appendonly", "maxmemory", "maxmemory-policy", "appendfsync")
    client.close()
    assert settings == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory": str(1024 * 1024 * 1024),
        "maxmemory-policy": "noeviction",
    }


def test_the_embedded_server_comes_back_with_what_it_was_told(folders: Folders, wait_for: WaitFor) -> None:
    access = RedisAccess(f"unix://{folders.redis_socket}")
    for told in (b"before", None):
        folders.redis_socket.unlink(missing_ok=True)
        process = subprocess.Popen(server_command(RedisParameters(), folders), stdout=subprocess.DEVNULL)
        wait_for(folders.redis_socket.exists, 150, "the socket of Redis is there")
        client = access.connect({})
        if told:
            client.set("key", told)
        found = client.get("key")
        client.close()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert found == b"before"


def test_without_url_the_server_is_embedded() -> None:
    assert configured_access(RedisParameters()) is None


def test_the_configured_server_is_reached_without_its_password_in_sight() -> None:
    access = configured_access(RedisParameters(url="redis://stream:6379", user="ronda", password="${STREAM_PASSWORD}"))
    assert access == RedisAccess("redis://stream:6379", "ronda", "STREAM_PASSWORD")
    client = access.connect({"STREAM_PASSWORD": "hush"})
    assert client.connection_pool.connection_kwargs["password"] == "hush"
    assert "hush" not in repr(access)


def test_a_url_of_another_kind_is_refused() -> None:
    with pytest.raises(ServiceFailed, match="'http://stream' should begin with redis://, rediss:// or unix://"):
        configured_access(RedisParameters(url="http://stream"))


def test_a_server_that_is_not_there_gives_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ServiceFailed, match=r"Redis at unix://.*/none\.sock does not answer \(.*\); start it, or corr"):
        RedisAccess(f"unix://{tmp_path}/none.sock").check({})


def test_a_server_that_wants_another_password_gives_a_sentence_without_it(server: RedisAccess) -> None:
    client = server.connect({})
    client.config_set("requirepass", "the right one")
    with pytest.raises(ServiceFailed, match=r"refuses us .* check `user` and `password`") as refusal:
        RedisAccess(server.url, None, "PASSWORD").check({"PASSWORD": "guess"})
    assert "guess" not in str(refusal.value)
    with pytest.raises(ServiceFailed, match="refuses us"):
        server.check({})
    RedisAccess(server.url, None, "PASSWORD").check({"PASSWORD": "the right one"})
    client.close()


def test_a_user_who_may_not_ask_gives_a_sentence(server: RedisAccess) -> None:
    client = server.connect({})
    client.acl_setuser("visitor", enabled=True, nopass=True, commands=["+ping"])
    client.close()
    with pytest.raises(ServiceFailed, match=r"refuses us .*check `user` and `password`"):
        RedisAccess(server.url, "visitor", "PASSWORD").check({"PASSWORD": "any"})


def test_a_server_that_is_too_old_is_refused(server: RedisAccess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OLDEST", (99, 0))
    with pytest.raises(ServiceFailed, match=r"is version \d+\.\d+\.\d+; 6\.2 or later is needed"):
        server.check({})


def test_a_server_of_the_machine_is_taken_before_the_one_that_came_as_a_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, version in (("valkey-server", "6.0.16"), ("redis-server", "7.0.15")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho Redis server v={version} sha=00000000:0\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert find_server() == tmp_path / "redis-server"


def test_without_any_server_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(module.platform, "machine", lambda: "pdp11")
    with pytest.raises(ServiceFailed, match=r"there is no Redis or Valkey server of version 6\.2 .*pip install"):
        find_server()
