"""What is checked and settled when a client connects: version of Redis and of the keys, and the bound of the memory."""

from __future__ import annotations

import re
import time
from typing import NamedTuple

import redis

from ronda.framework.errors import ConfigurationError, ServiceFailed
from ronda.framework.stream import keys, scripts
from ronda.framework.stream.connection import Server, is_interruption

OLDEST_REDIS = (6, 2)

RESERVE = 1 / 4
SMALLEST_RESERVE = 16_000_000
"""What data may not use of Redis's memory: this part of it, and at least so many bytes. It serves control, connections
and the log."""

LIMIT_WITHOUT_MAXMEMORY = 750_000_000
"""Bound of the data in bytes in a Redis that has no `maxmemory`."""

DEFAULT_KEEP = 600.0
"""Seconds for which an ended scan stays in memory while there is room."""


class Facts(NamedTuple):
    """What Redis says about itself.

    Attributes:
        version: its version; a Valkey's is that of the Redis it is compatible with.
        maxmemory: its bound in bytes, 0 for none.
        uptime: seconds since it started.
    """

    version: tuple[int, ...]
    maxmemory: int
    policy: str
    uptime: int


def facts(server: Server) -> Facts:
    """Ask Redis about itself."""
    return _read_facts(server.call("INFO"))


def greet(server: Server, wait: float = 0.0) -> None:
    """Check that this Redis can carry the stream and speaks our protocol.

    Args:
        wait: seconds to wait for it to come up.

    Raises:
        ServiceFailed: nobody answers there, or something that is no Redis, or one that is too old.
        NotAllowed: wrong user or password, or not enough rights.
        ConfigurationError: its settings would lose data, or another version of this package has written to it.
    """
    deadline = time.monotonic() + wait
    while True:
        try:
            version = _introduce(server)
            break
        except redis.RedisError as error:
            if not is_interruption(error) or time.monotonic() >= deadline:
                raise server.explain(error) or ServiceFailed(
                    f"Redis at {server.address}: gives an answer that cannot be used ({error}); "
                    "check that the address is that of a Redis or Valkey"
                ) from error
        time.sleep(0.05)
    if version is not None and int(version) != keys.PROTOCOL:
        raise ConfigurationError(
            f"Redis at {server.address}: holds streams of protocol version {int(version)}, this program speaks version "
            f"{keys.PROTOCOL}; use the same release of ronda everywhere, or an empty Redis"
        )


def _introduce(server: Server) -> bytes | None:
    """Check Redis itself and see to the bound of the memory; returns the protocol version it holds, if any."""
    info, version, (maxmemory,) = server.once(("INFO",), ("GET", keys.VERSION), ("HMGET", keys.MEMORY, "maxmemory"))
    found = _read_facts(info)
    _check(server, found)
    if version is None or maxmemory is None or int(maxmemory) != found.maxmemory:
        return _settle(server, found, version)
    known: bytes = version
    return known


def _settle(server: Server, found: Facts, version: bytes | None) -> bytes | None:
    limit = default_limit(found.maxmemory)
    arguments = (keys.PROTOCOL, found.maxmemory, limit, limit // 2, DEFAULT_KEEP)
    try:
        answer: bytes = server.script_once(scripts.GREET, *arguments)
    except redis.exceptions.NoPermissionError:
        return version  # a client that may only read leaves it to the others
    return answer


def default_limit(maxmemory: int) -> int:
    """Bound of the data in bytes for a Redis with this `maxmemory` in bytes (0 for none)."""
    if not maxmemory:
        return LIMIT_WITHOUT_MAXMEMORY
    return max(maxmemory - max(SMALLEST_RESERVE, int(maxmemory * RESERVE)), 0)


def _read_facts(info: bytes) -> Facts:
    fields = dict(line.split(b":", 1) for line in info.split(b"\r\n") if b":" in line)
    if b"redis_version" not in fields:
        raise ServiceFailed("Redis does not say its version; check that the address is that of a Redis or Valkey")
    return Facts(
        tuple(int(part) for part in re.findall(r"\d+", fields[b"redis_version"].decode())[:3]),
        int(fields.get(b"maxmemory", 0)),
        fields.get(b"maxmemory_policy", b"noeviction").decode(),
        int(fields.get(b"uptime_in_seconds", 0)),
    )


def _check(server: Server, found: Facts) -> None:
    if found.version < OLDEST_REDIS:
        raise ServiceFailed(
            f"Redis at {server.address}: its version {'.'.join(map(str, found.version))} is too old; "
            "use Redis 6.2 or later, or Valkey"
        )
    if found.maxmemory and found.policy != "noeviction":
        raise ConfigurationError(
            f"Redis at {server.address}: it throws data away when its memory is full (maxmemory-policy "
            f"{found.policy}); set maxmemory-policy noeviction"
        )
    if found.maxmemory and default_limit(found.maxmemory) <= 0:
        raise ConfigurationError(
            f"Redis at {server.address}: its maxmemory of {found.maxmemory / 1e6:.3g} MB leaves nothing for data; "
            f"give it at least {2 * SMALLEST_RESERVE / 1e6:.0f} MB"
        )
