"""A Redis of their own for the tests of live analysis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ronda.framework.stream import Stream
from tests.framework.stream.conftest import RedisServer


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer("--appendfsync", "everysec", "--maxmemory", "400mb", "--maxmemory-policy", "noeviction")
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def stream(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stream]:
    """A connection; workers find the same Redis by their environment."""
    monkeypatch.setenv("RONDA_REDIS_URL", redis_server.url)
    with Stream.connect(redis_server.url, wait=30.0) as connected:
        yield connected
