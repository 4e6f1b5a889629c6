"""A beamline with a real stream and a real disk, and of its writer only what knows the datasets."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ronda.framework.errors import CommunicationFailed
from ronda.framework.nexus.datasets import Datasets
from ronda.framework.nexus.ownership import Ownership
from ronda.framework.nexus.paths import Paths
from ronda.framework.policy.policy import DataPolicy
from ronda.framework.stream import Stream
from tests.framework.stream.conftest import RedisServer


class Writer:
    """What a writer's device answers about datasets, in this process."""

    def __init__(self, root: Path) -> None:
        self.paths = Paths(root)
        self.silent = False
        self._datasets = Datasets(self.paths, Ownership())

    def command(self, name: str, argument: str) -> Any:
        if self.silent:
            raise CommunicationFailed("nexus_writer: its server is not running")
        answers = {"DescribeDataset": self._describe, "ClaimDataset": self._datasets.claim}
        return answers[name](argument)

    def _describe(self, which: str) -> str:
        return json.dumps(self._datasets.describe(which))


class Beamline:
    """As policies and numbers see it."""

    name = "demo"
    seat = None

    def __init__(self, url: str, writers: list[Writer]) -> None:
        self.stream = Stream.connect(url)
        self.numbered: set[tuple[str, ...]] = set()
        self.writers = writers

    def permit(self, who: str) -> None:
        """Nobody shares the session."""

    def devices(self, tango_class: str) -> list[Writer]:
        assert tango_class == "NexusWriter"
        return self.writers


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """An empty Redis."""
    with shared_redis.client() as client:
        client.flushall()
    return shared_redis


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path / "data")


@pytest.fixture
def new_beamline(redis_server: RedisServer, writer: Writer) -> Iterator[Callable[..., Beamline]]:
    """Makes clients of the beamline, as in programs of their own."""
    made: list[Beamline] = []

    def make(*writers: Writer, url: str = redis_server.url) -> Beamline:
        made.append(Beamline(url, list(writers) or [writer]))
        return made[-1]

    yield make
    for one in made:
        one.stream.close()


@pytest.fixture
def beamline(new_beamline: Callable[..., Beamline]) -> Beamline:
    return new_beamline()


@pytest.fixture
def policy(beamline: Beamline) -> DataPolicy:
    return DataPolicy(beamline)


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """Do things in threads that begin together; returns what they returned, in their order."""
    gate = threading.Barrier(len(actions))
    results: list[Any] = [None] * len(actions)

    def work(place: int) -> None:
        gate.wait(60)
        results[place] = actions[place]()

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    return results
