"""What a Dask worker does with a range of points: it reads them itself, computes, and gives back the results.

The worker needs this package, and reaches Redis and the frames as we do; the stages come with the range. Where Redis is
The worker needs this package, and reaches Redis and the frames as we do; stages come with the range. Where Redis is
fails, and whoever has a task can read it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ronda.framework.analysis.live.job import Job
from ronda.framework.analysis.pipeline import Pipeline, Step, own_version
from ronda.framework.analysis.sharing import FAILED
from ronda.framework.errors import CommunicationFailed, RondaError
from ronda.framework.stream import Stream
from ronda.framework.stream.frames.reader import FrameReader

KEPT = 16
"""Jobs that are kept ready: one for each scan and thread."""

PATIENCE = 10.0
"""Seconds for which a Redis that is away is waited for, before Dask tries the range again."""

STARTING = 30.0
"""The same for the first answer."""


@dataclass(frozen=True)
class Recipe:
    """A pipeline, and where its scans are: all that a process needs which never saw the YAML files.

    Attributes:
        name: of the pipeline.
        steps: as YAML has them, plain.
        files: by name, the text of those of its stages that are files beside the YAML files.
        version: of this package.
        url: of Redis.
    """

    name: str
    steps: tuple[Mapping[str, Any], ...]
    files: Mapping[str, str]
    version: str
    url: str

    @property
    def key(self) -> str:
        """The same for those that are the same."""
        return hashlib.sha256(repr((self.name, self.steps, sorted(self.files.items()), self.url)).encode()).hexdigest()


class Bench:
    """What a process that computes ranges keeps between them. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: dict[str, Stream] = {}
        self._free: OrderedDict[tuple[str, str, int], Job] = OrderedDict()
        self._turn = 0
        self._reader = FrameReader()

    def compute(
        self, recipe: Recipe, scan: str, first: int, stop: int, every: int, parameters: str
    ) -> Mapping[str, bytes | str]:
        """What `Job.compute` gives; where somebody's own code raises, why, under `FAILED`.

        Raises:
            CommunicationFailed: Redis is away; to be tried again.
        """
        if recipe.version != own_version():
            told = f"a Dask worker has version {own_version()!r} of ronda, the pipeline {recipe.version!r}"
            return {FAILED: f"{told}; install the same on both"}
        try:
            job = self._job(recipe, scan)
            found = job.compute(self._reader, first, stop, every, parameters)
        except CommunicationFailed:
            raise
        except Exception as error:  # noqa: BLE001 - it is somebody's own code; another worker would fail as well
            told = str(error) if isinstance(error, RondaError) else f"{type(error).__name__}: {error}"
            return {FAILED: f"a Dask worker failed: {told}"}
        with self._lock:  # another thread may have it now
            self._turn += 1
            self._free[recipe.key, scan, self._turn] = job
            while len(self._free) > KEPT:
                self._free.popitem(last=False)
        return found

    def _job(self, recipe: Recipe, scan: str) -> Job:
        with self._lock:
            for key in self._free:
                if key[:2] == (recipe.key, scan):
                    return self._free.pop(key)
        steps = [Step(**one) for one in recipe.steps]
        with tempfile.TemporaryDirectory(prefix="ronda-stages-") as folder:
            for name, text in recipe.files.items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            pipeline = Pipeline(recipe.name, steps, Path(folder) if recipe.files else None)
        return Job(self._stream(recipe).scan(scan), pipeline)

    def _stream(self, recipe: Recipe) -> Stream:
        own = os.environ.get("RONDA_REDIS_URL")
        user = os.environ.get("RONDA_REDIS_USER") if own else None
        password = os.environ.get("RONDA_REDIS_PASSWORD") if own else None
        url = own or recipe.url
        with self._lock:
            if url not in self._streams:
                self._streams[url] = Stream.connect(url, user=user, password=password, patience=PATIENCE, wait=STARTING)
            return self._streams[url]


def compute(recipe: Recipe, scan: str, first: int, stop: int, every: int, parameters: str) -> Mapping[str, bytes | str]:
    """A range, as `Bench.compute`; what Dask calls."""
    from distributed import get_worker

    kept: dict[str, Any] = vars(get_worker())  # where Dask lets tasks keep what they share
    bench: Bench = kept.setdefault("ronda_bench", Bench())
    return bench.compute(recipe, scan, first, stop, every, parameters)
