"""Shares the work of a pipeline, on any host: `python -m ronda.framework.analysis.live.worker PIPELINE --config DIR`.

Where the stream is says the environment, as for device servers: RONDA_REDIS_URL, and RONDA_REDIS_USER and
RONDA_REDIS_PASSWORD if Redis asks for them. What is imported says who starts it, never Redis, into which others write.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ronda.framework.analysis.live.job import Job, concerns
from ronda.framework.analysis.pipeline import Pipeline, Step
from ronda.framework.analysis.sharing import FAILED
from ronda.framework.config.load import load_beamline
from ronda.framework.errors import BadValue, CommunicationFailed, NotFound, RondaError
from ronda.framework.stream import Stream
from ronda.framework.stream.answers import ScanGone
from ronda.framework.stream.description import State
from ronda.framework.stream.frames.reader import FrameReader
from ronda.framework.stream.work import SharedWork, Work

KEPT = 4
"""Scans for which stages are kept ready."""

KIND = "analysis_pipeline"
"""Of a pipeline in YAML."""

NOT_BEGUN_WAIT = 0.5
"""Seconds between two looks whether the pipeline runs."""

MOST_DELIVERIES = 5
"""A range over which more workers died is given up."""

LONGEST_RANGE = 300.0
"""Seconds after which a range is taken for hanging."""

RENEWALS = 4
"""How often work is renewed in the patience of others."""


class Worker:
    """Takes ranges of points, computes, hands in.

    Args:
        pipeline: its stages.
        patience: seconds after which others take over the work of a worker that is silent.
        wanted: whether it is to go on.
    """

    def __init__(
        self, stream: Stream, pipeline: Pipeline, patience: float, wanted: Callable[[], bool] = lambda: True
    ) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._stream = stream
        self._pipeline = pipeline
        self._patience = patience
        self._wanted = wanted
        self._work: SharedWork = stream.shared_work(pipeline.name)
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._reader = FrameReader()
        self._now: Work | None = None
        self._since = 0.0

    def run(self) -> None:
        """Work until it is not wanted any more.

        Raises:
            BadValue: the pipeline has other stages by now.
        """
        self._is_begun()
        for task in (self._renew, self._prepare_ahead):
            threading.Thread(target=task, daemon=True).start()
        while self._wanted():
            if not self._is_begun():
                time.sleep(NOT_BEGUN_WAIT)
                continue
            work = self._work.take(self.name, self._patience)
            if work is None or not self._is_begun():
                continue
            self._since, self._now = time.monotonic(), work
            try:
                if self._work.deliveries(work) > MOST_DELIVERIES:
                    self._fail(work, f"{MOST_DELIVERIES} workers died over it, or fell silent")
                else:
                    self._do(work)
            except CommunicationFailed:
                raise
            except (ScanGone, NotFound):
                self._fail(work, "the scan is gone")
            except Exception as error:  # noqa: BLE001 - it is somebody's own code; the next worker would fail as well
                told = str(error) if isinstance(error, RondaError) else f"{type(error).__name__}: {error}"
                self._fail(work, f"a worker failed: {told}")
            finally:
                self._now = None

    def _is_begun(self) -> bool:
        """Whether the pipeline hands out work, for the stages that are known here."""
        digest = self._work.digest()
        if digest and digest != self._pipeline.digest:
            name = self._pipeline.name
            raise BadValue(
                f"worker: the stages of {name} that are known here are not those with which {name} runs; start both "
                "with the same YAML files"
            )
        return bool(digest)

    def _do(self, work: Work) -> None:
        job = self._job(work.fields["scan"])
        told = work.fields
        found = job.compute(self._reader, int(told["first"]), int(told["stop"]), int(told["every"]), told["parameters"])
        fields: dict[str, Any] = {**self._heading(work), **found}
        self._work.hand_in(self.name, work, work.fields["scan"], fields)

    def _fail(self, work: Work, sentence: str) -> None:
        self._work.hand_in(self.name, work, work.fields["scan"], {**self._heading(work), FAILED: sentence})

    def _heading(self, work: Work) -> dict[str, str]:
        return {name: work.fields[name] for name in ("token", "first", "stop")}

    def _job(self, scan: str) -> Job:
        with self._lock:
            job = self._jobs.pop(scan, None) or Job(self._stream.scan(scan), self._pipeline)
            self._jobs[scan] = job  # the last is the one used last
            for old in list(self._jobs)[:-KEPT]:
                del self._jobs[old]
            return job

    # -- beside

    def _renew(self) -> None:
        """Keep the work in hand from being claimed by others; end where a stage hangs, or nobody wants it any more."""
        while True:
            time.sleep(self._patience / RENEWALS)
            work, since = self._now, self._since
            if work is not None and time.monotonic() - since > LONGEST_RANGE:
                os.write(2, f"worker: a stage took more than {LONGEST_RANGE:g} s; ending\n".encode())
                os._exit(1)
            if not self._wanted():
                os._exit(0)
            if work is not None:
                with contextlib.suppress(RondaError):
                    self._work.keep(self.name, work)

    def _prepare_ahead(self) -> None:
        """Make stages ready when a scan is opened, not at its first point."""
        while True:
            try:
                for news in self._stream.news(timeout=60.0):
                    if news.state == State.PREPARING:
                        with contextlib.suppress(NotFound):
                            if concerns(self._stream.scan(news.identifier), self._pipeline.name):
                                self._job(news.identifier)
            except Exception:  # noqa: BLE001 - who takes the work says what is wrong
                time.sleep(1.0)


def main() -> None:
    """Run a worker."""
    parser = argparse.ArgumentParser(description="Share the work of a pipeline of live analysis.")
    parser.add_argument("pipeline")
    parser.add_argument("--config", type=Path, help="folder of the YAML files; else the stages come on stdin, as JSON")
    parser.add_argument("--patience", type=float, default=2.0, help="seconds after which silent workers are replaced")
    parser.add_argument("--parent", type=int, default=0, help="end when this is no longer the parent process")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    url = os.environ.get("RONDA_REDIS_URL", "")
    if not url:
        sys.exit("worker: RONDA_REDIS_URL is not set in the environment; `ronda env` tells it")
    try:
        pipeline = _pipeline(arguments.pipeline, arguments.config)
    except RondaError as error:
        sys.exit(f"worker: {error}")
    user, password = os.environ.get("RONDA_REDIS_USER"), os.environ.get("RONDA_REDIS_PASSWORD")
    with Stream.connect(url, user=user, password=password, wait=30.0) as stream:
        own = arguments.parent
        try:
            Worker(stream, pipeline, arguments.patience, lambda: not own or os.getppid() == own).run()
        except BadValue as error:
            sys.exit(str(error))


def _pipeline(name: str, folder: Path | None) -> Pipeline:
    if folder is None:
        return Pipeline(name, [Step(**one) for one in json.load(sys.stdin)])
    loaded = load_beamline(folder, os.environ)
    entries = {one.name: one.entry for server in loaded.servers.values() for one in server.devices}
    if name not in entries or entries[name].kind != KIND:
        raise NotFound(f"{folder} has no pipeline {name}")
    return Pipeline(name, [Step(**one) for one in entries[name].model_dump()["stages"]], folder)


if __name__ == "__main__":
    main()
