"""The analysis of one scan by the workers of a Dask cluster: ranges of points are tasks, their results its futures."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ronda.framework.analysis.live import dask_range
from ronda.framework.analysis.live.cluster import Cluster
from ronda.framework.analysis.live.dask_range import Recipe
from ronda.framework.analysis.live.options import Options
from ronda.framework.analysis.live.shared import SharedServing
from ronda.framework.analysis.pipeline import Pipeline, Prepared, own_version
from ronda.framework.analysis.runner import InHand
from ronda.framework.analysis.sharing import FAILED, decode_all
from ronda.framework.stream.scan import Scan

GIVE_UP = 30
"""Patiences without a scheduler and workers after which the points that wait have no results."""

RETRIES = 2
"""How often Dask tries a range again that could not be read."""

MOST_TRIES = 5
"""Times that a range is given to a cluster, before it is given up."""

HANGING = 300.0
"""Seconds without any result after which the ranges that are out are taken for hanging."""

FETCHING = 5.0
"""Seconds to fetch results that are there; if a worker died with one, another computes it again."""

AT_A_TIME = 4
"""Results that are fetched together."""


@dataclass
class _Range:
    """A range that is out.

    Attributes:
        stop: the index after its last point.
        parameters: of the stages, as JSON.
        futures: of tasks that compute it; the first that is done counts.
        workers: by the key of a task, those that may compute it.
        client: of the cluster that has them.
        tries: how often it was given to that.
        killed: how often Dask gave it up because workers died over it.
    """

    stop: int
    parameters: str
    futures: list[Any] = field(default_factory=list)
    workers: dict[str, frozenset[str]] = field(default_factory=dict)
    client: Any = None
    tries: int = 0
    killed: int = 0


class DaskServing(SharedServing):
    """As `SharedServing`; the first stages are computed by Dask's workers.

    A range is a task. Those on workers that died Dask computes again; those on workers that hang, or that a scheduler
    has taken with it, are given again here. Each counts once, by the index of its first point.

    Args:
        cluster: where.
        pipeline: its stages, for the workers.
        parameters: by step, as they are at the begin.
    """

    def __init__(
        self,
        scan: Scan,
        prepared: Prepared,
        options: Options,
        cluster: Cluster,
        pipeline: Pipeline,
        parameters: dict[str, Any],
    ) -> None:
        super().__init__(scan, prepared, options, parameters)
        self._cluster = cluster
        self._recipe = recipe_of(pipeline)
        self._ranges: dict[int, _Range] = {}
        self._news = threading.Event()
        self._token = secrets.token_hex(4)
        self._tasks = 0
        self._heard = time.monotonic()
        self._warmed: set[str] = set()
        self._warming: list[Any] = []

    @property
    def _at_once(self) -> int:
        return max(self._cluster.threads, 1)

    def _give(self, first: int, stop: int) -> None:
        if not self._ranges:
            self._heard = time.monotonic()
        self._ranges[first] = _Range(stop, self._told)
        self._submit()

    def _idle(self) -> None:
        """Let the workers make the stages ready, when a scan is opened and not at its first point."""
        client = self._cluster.client
        if client is None or self._cluster.problem:
            return
        for where in self._cluster.workers - self._warmed:
            self._warmed.add(where)
            task = self._task(0, 0, self._told)
            self._warming.append(client.submit(dask_range.compute, *task, workers=[where], pure=False))

    def _task(self, first: int, stop: int, parameters: str) -> tuple[Any, ...]:
        return self._recipe, self._scan.identifier, first, stop, self._options.step, parameters

    def _submit(self) -> None:
        """Give ranges to the cluster that nobody computes, or workers that hang."""
        cluster = self._cluster
        client, stuck = cluster.client, cluster.stuck
        if client is None or cluster.problem:
            return
        able = cluster.workers - cluster.silent
        for first, one in self._ranges.items():
            if one.client is not client:
                one.futures, one.workers, one.client, one.tries = [], {}, client, 0
            lost = all(future.key in stuck or not one.workers[future.key] & cluster.workers for future in one.futures)
            if able and lost and one.tries < MOST_TRIES:
                self._submit_one(first, one, able)

    def _submit_one(self, first: int, one: _Range, workers: frozenset[str]) -> None:
        one.tries += 1
        self._tasks += 1
        key = f"ronda-{self._recipe.name}-{self._scan.number}-{first}-{self._tasks}-{self._token}"
        future = one.client.submit(
            dask_range.compute,
            *self._task(first, one.stop, one.parameters),
            key=key,
            retries=RETRIES,
            priority=-first,  # first the points that are published next
            workers=sorted(workers),  # one that lacks this package would die of it
        )
        one.workers[key] = workers
        one.futures.append(future)
        future.add_done_callback(lambda _: self._news.set())

    def _taken(self, wait: float) -> Iterator[tuple[int, list[InHand] | str]]:
        self._submit()
        self._news.wait(wait)
        self._news.clear()
        done: dict[int, Any] = {}
        for first, one in list(self._ranges.items()):
            finished = next((future for future in one.futures if future.status == "finished"), None)
            if finished is not None:
                done[first] = finished
                continue
            why = ""
            for future in [each for each in one.futures if each.status != "pending"]:
                one.futures.remove(future)
                why = (_why_failed(one, future) if future.status == "error" else "") or why
            if why and not one.futures:
                yield self._back(first, why)
        for first, fields in self._fetched(done).items():
            failed = fields.get(FAILED)
            if failed is None:
                self._learn(self._ranges[first].stop - first, fields)
            yield self._back(first, decode_all(fields) if failed is None else failed)
        why = self._hopeless()
        for first in list(self._ranges):
            one = self._ranges[first]
            if why or (one.tries >= MOST_TRIES and not one.futures):
                yield self._back(first, why or f"was given to Dask {MOST_TRIES} times, and never came back")

    def _back(self, first: int, found: list[InHand] | str) -> tuple[int, list[InHand] | str]:
        """A range that is done; tasks that still compute it are wanted no more."""
        self._heard = time.monotonic()
        del self._ranges[first]
        return first, found

    def _fetched(self, done: Mapping[int, Any]) -> dict[int, Any]:
        """Results of tasks; those that cannot be had are computed again."""
        client = self._cluster.client
        there = {first: future for first, future in done.items() if future.client is client}
        some = dict(list(there.items())[:AT_A_TIME])
        if not some:
            return {}
        try:
            found = client.sync(client._gather, list(some.values()), callback_timeout=FETCHING)  # noqa: SLF001 - it has no other way to wait for so long only
        except Exception:  # noqa: BLE001 - of another library: whoever had them is gone, or hangs
            for first, future in some.items():
                self._ranges[first].futures.remove(future)
            return {}
        if len(there) > len(some):
            self._news.set()
        return dict(zip(some, found, strict=True))

    def _hopeless(self) -> str:
        """Why nothing is to be waited for any longer; empty if it is."""
        now, cluster = time.monotonic(), self._cluster
        if cluster.problem and now - cluster.well > GIVE_UP * self._options.patience:
            return cluster.problem
        if now - self._heard > HANGING and not cluster.problem:
            return f"no Dask worker has given a result for {HANGING:g} s"
        return ""

    def _leave(self) -> None:
        self._ranges.clear()
        self._warming.clear()


def _why_failed(one: _Range, future: Any) -> str:
    """Why a task of a range failed; empty if it is to be tried again."""
    error = future.exception()
    name = type(error).__name__
    if name == "KilledWorker":
        one.killed += 1
        return "Dask workers died over it again and again" if one.killed > 1 else ""
    if isinstance(error, ImportError):
        return f"a Dask worker cannot import what it needs ({error}); install the same version of ronda there"
    return f"a Dask worker failed: {name}: {error}"


def recipe_of(pipeline: Pipeline) -> Recipe:
    """What Dask's workers must know of a pipeline."""
    return Recipe(
        pipeline.name,
        tuple(asdict(step) for step in pipeline.steps),
        pipeline.files,
        own_version(),
        os.environ.get("RONDA_REDIS_URL", ""),
    )
