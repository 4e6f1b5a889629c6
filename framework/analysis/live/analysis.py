"""A pipeline at work: it finds the scans that it is part of, and analyses each in a thread."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ronda.framework.analysis.live.cluster import Cluster
from ronda.framework.analysis.live.crew import Crew
from ronda.framework.analysis.live.dask_serving import DaskServing
from ronda.framework.analysis.live.job import concerns, without_own
from ronda.framework.analysis.live.options import Options
from ronda.framework.analysis.live.serving import Progress, Serving
from ronda.framework.analysis.live.shared import RedisServing
from ronda.framework.analysis.pipeline import NotMeasured, Pipeline, Prepared
from ronda.framework.analysis.sharing import shared_stages
from ronda.framework.errors import BadValue, NotFound, NotReady, RondaError
from ronda.framework.nexus import words
from ronda.framework.stream import Device, Scan, State, Stream
from ronda.framework.stream.description import IN_STEP_WITH, SUBSCAN, Description
from ronda.framework.stream.work import SharedWork

LOOK_PERIOD = 2.0
"""Seconds between two looks for scans whose results are not complete, beside the news."""

REMEMBERED = 8
"""Descriptions for which stages are kept ready."""

END_LIMIT = 2.0
"""Seconds in which threads end; a stage that hangs longer is left to itself."""


@dataclass(frozen=True)
class Status:
    """What a pipeline tells of itself.

    Attributes:
        scans: what it has done of those that it analyses now, and of the last.
        busy: whether it analyses one.
        rate: points with results in a second, of the latest scan, over the time for which it computed.
        workers: how many processes of its own share the work.
        error: the last thing that went wrong.
        trouble: what is wrong now with those who compute; empty if nothing is.
    """

    scans: tuple[Progress, ...]
    busy: bool
    rate: float
    workers: int
    error: str
    trouble: str


class Analysis:
    """Runs a pipeline. All methods may be called by any thread.

    Args:
        connect: makes a connection to the stream.
        pipeline: with its parameters as they are now.
        options: how it treats scans.
        wants: whether it takes part in the scans of a session.
    """

    def __init__(
        self,
        connect: Callable[[], Stream],
        pipeline: Pipeline,
        options: Options,
        wants: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self.pipeline = pipeline
        self._connect = connect
        self._options = options
        self._wants = wants
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._ready: dict[str, Prepared] = {}
        self._jobs: dict[str, tuple[Serving, threading.Thread]] = {}
        self._finished: deque[Progress] = deque(maxlen=3)
        self._done: deque[str] = deque(maxlen=1000)
        shared = options.workers != 1
        self._crew = Crew(pipeline.name, options.workers, options.patience, pipeline.steps) if shared else None
        self._error = ""
        self.connected = False
        self.results: list[str] = []
        self._thread: threading.Thread | None = None
        self._shared: SharedWork | None = None
        self._cluster = None if options.dask is None else Cluster(pipeline.name, options.dask, options.patience)

    def start(self) -> None:
        """Begin to follow the stream; also again, after `close`.

        Raises:
            NotReady: it has not come to its end yet.
        """
        if self._thread is not None and self._thread.is_alive():
            raise NotReady(f"{self.pipeline.name}: has not ended yet; try again")
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name=f"analysis-{self.pipeline.name}", daemon=True)
        if self._cluster is not None:
            self._cluster.start()
        self._thread.start()

    def close(self) -> None:
        """End; scans in hand go on when it begins again."""
        self._stop.set()
        for serving, _ in list(self._jobs.values()):
            serving.stop.set()
        if self._thread is not None:
            self._thread.join(3 * END_LIMIT)
        if self._cluster is not None:
            self._cluster.close()
        self.connected = False

    def describe(self, description: Description) -> list[Device]:
        """What it would add to a scan, and make the stages ready for it; nothing if it does not concern it.

        Raises:
            BadValue: the scan measures what it takes, and it does not fit.
            anything: what a stage raises.
        """
        if not self._wants(description.session):
            return []
        try:
            prepared = self.pipeline.prepare(without_own(description, self.pipeline.name))
        except NotMeasured:
            return []
        number = description.subscans + 1
        self.results = [
            channel.name.removeprefix(f"{self.pipeline.name}_")
            for device in prepared.devices
            if device.attributes.get(IN_STEP_WITH) == 1
            for channel in device.channels
            if channel.shape == () and words.ROLE not in channel.attributes
        ]
        with self._lock:
            self._ready[_key(description, self.pipeline.name)] = prepared
            for old in list(self._ready)[:-REMEMBERED]:
                del self._ready[old]
        return [replace(one, attributes={**one.attributes, SUBSCAN: number}) for one in prepared.devices]

    def change(self, step: str, changes: Mapping[str, Any]) -> None:
        """Let a stage take other values of its parameters from the next point on.

        Raises:
            ConfigurationError: they are refused.
        """
        with self._lock:
            now = self.pipeline.parameters[step]
            parameters = self.pipeline.checked(step, {**now.model_dump(mode="json"), **changes})
            self.pipeline.parameters[step] = parameters
            self._ready.clear()
            jobs = list(self._jobs.values())
        told = ", ".join(f"{name} = {value}" for name, value in changes.items())
        for serving, _ in jobs:
            serving.change(step, parameters, told)

    @property
    def worker_processes(self) -> list[int]:
        """Process numbers of its own workers."""
        return self._crew.processes if self._crew is not None else []

    def status(self) -> Status:
        """What it does now."""
        with self._lock:
            now = [serving.progress for serving, _ in self._jobs.values()]
            told = (*self._finished, *now)
        latest = told[-1] if told else None
        rate = latest.points / latest.seconds if latest is not None and latest.seconds else 0.0
        trouble = self._cluster.problem if self._cluster else self._crew.error if self._crew else ""
        error = next((one.error for one in reversed(told) if one.error), "") or self._error
        return Status(told, bool(now), rate, len(self.worker_processes), error or trouble, trouble)

    # -- the thread

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self._connect() as stream:
                    self._attend(stream)
                    self._end_jobs()
            except Exception as error:  # noqa: BLE001 - whatever it is, the pipeline goes on and tells
                known = isinstance(error, RondaError)
                self._error = str(error) if known else f"a mistake of ours: {type(error).__name__}: {error}"
                self.connected = False
                self._end_jobs()
                self._stop.wait(1.0)
        if self._crew is not None:
            self._crew.end()

    def _end_jobs(self) -> None:
        jobs = list(self._jobs.values())
        for serving, _ in jobs:
            serving.stop.set()
        deadline = time.monotonic() + END_LIMIT
        for _, thread in jobs:
            thread.join(max(deadline - time.monotonic(), 0.0))
        with self._lock:
            self._jobs.clear()

    def _attend(self, stream: Stream) -> None:
        work = self._shared = stream.shared_work(self.pipeline.name)
        if self._options.workers != 1:
            work.begin(self.pipeline.digest)
        while not self._stop.is_set():
            work.alive()
            place = stream.place()
            for record in stream.scans():
                self._consider(stream, record.identifier)
            self.connected, self._error = True, ""
            deadline = time.monotonic() + LOOK_PERIOD
            while (left := deadline - time.monotonic()) > 0 and not self._stop.is_set():
                if self._crew is not None:
                    self._crew.keep()
                for news in stream.news(after=place, timeout=min(left, 0.2)):
                    place = news.place
                    if news.state == State.PREPARING:
                        self._consider(stream, news.identifier)
                self._collect()

    def _consider(self, stream: Stream, identifier: str) -> None:
        if identifier in self._jobs or identifier in self._done:
            return
        with contextlib.suppress(NotFound):  # ScanGone is one
            scan = stream.scan(identifier)
            own = [one.name for one in scan.description.devices if one.derived]
            own = [name for name in own if name.partition(".")[0] == self.pipeline.name]
            if not own or not concerns(scan, self.pipeline.name) or all(scan.extent(name).end for name in own):
                self._done.append(identifier)
                return
            self._begin(scan)

    def _begin(self, scan: Scan) -> None:
        with self._lock:
            prepared = self._ready.pop(_key(scan.description, self.pipeline.name), None)
        try:
            if prepared is None:
                prepared = self.pipeline.prepare(without_own(scan.description, self.pipeline.name))
            self._require_same(scan, prepared)
            serving = self._serving(scan, prepared)
        except Exception as error:  # noqa: BLE001 - it is somebody's own code
            self._error = f"scan {scan.number}: {error}"
            for device in scan.description.devices:
                if device.derived and device.name.partition(".")[0] == self.pipeline.name:
                    scan.end_derived(device.name, self._error)
            self._done.append(scan.identifier)
            return
        thread = threading.Thread(target=serving.run, name=f"{self.pipeline.name}-{scan.number}", daemon=True)
        with self._lock:
            self._jobs[scan.identifier] = (serving, thread)
        thread.start()

    def _require_same(self, scan: Scan, prepared: Prepared) -> None:
        """Refuse a scan that was opened when the pipeline had other results."""
        own = [one for one in scan.description.devices if one.derived and one.name.partition(".")[0] == prepared.name]
        if _results(own) != _results(prepared.devices):
            raise BadValue(f"{prepared.name}: its stages have changed since the scan began; analyse the file")

    def _serving(self, scan: Scan, prepared: Prepared) -> Serving:
        if self._options.workers == 1 and self._cluster is None:
            return Serving(scan, prepared, self._options)
        if not shared_stages(prepared):
            raise BadValue(
                f"{self.pipeline.name}: its first stage needs the points in order, so that no other process can share "
                "them; give workers: 1, and no dask:"
            )
        parameters = {name: one.model_dump(mode="json") for name, one in self.pipeline.parameters.items()}
        if self._cluster is not None:
            return DaskServing(scan, prepared, self._options, self._cluster, self.pipeline, parameters)
        assert self._shared is not None  # noqa: S101 - it attends to a stream
        return RedisServing(scan, prepared, self._options, self._shared, parameters)

    def _collect(self) -> None:
        for identifier, (serving, thread) in list(self._jobs.items()):
            if not thread.is_alive():
                with self._lock:
                    self._finished.append(serving.progress)
                    del self._jobs[identifier]  # if it is not complete, the next look finds it again


def _results(devices: Sequence[Device]) -> dict[str, dict[str, Any]]:
    return {
        device.name: {one.name: (one.numpy_dtype, tuple(one.shape)) for one in device.channels} for device in devices
    }


def _key(description: Description, pipeline: str) -> str:
    """What tells apart for what stages are made ready."""
    described = without_own(description, pipeline)
    return described.devices_json() + described.heading()
