"""Worker processes of a pipeline that are started, kept and ended together."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ronda.framework.analysis.pipeline import Step

SHORT_LIFE = 10.0
"""Seconds: a worker that fails sooner is not started again at once."""

FIRST_PAUSE, LAST_PAUSE = 1.0, 60.0
"""Seconds until it is, doubled from the first to the last."""

END_LIMIT = 2.0
"""Seconds in which workers end; those that take longer are killed."""

MARK = "RONDA_PROCESS"
"""Variable of the environment by which a host agent knows its servers; workers are none."""


class Crew:
    """Processes on this host that share the work of a pipeline. One thread at a time calls `keep` and `end`.

    Args:
        pipeline: its name.
        number: of processes.
        patience: seconds after which others take over the work of one that is silent.
        stages: the steps of the pipeline, or the folder of YAML files in which each worker finds them.

    Attributes:
        error: why workers end soon after their start; empty if they do not.
        started: how many were started so far.
    """

    def __init__(self, pipeline: str, number: int, patience: float, stages: Sequence[Step] | Path) -> None:
        self.error = ""
        self.started = 0
        self._number = number
        self._command = [sys.executable, "-m", "ronda.framework.analysis.live.worker", pipeline]
        self._command += ["--patience", str(patience), "--parent", str(os.getpid())]
        self._told = b""
        if isinstance(stages, Path):
            self._command += ["--config", str(stages)]
        else:
            self._told = json.dumps([asdict(step) for step in stages]).encode()
        self._workers: list[subprocess.Popen[bytes]] = []
        self._born: dict[int, float] = {}
        self._pause = self._not_before = 0.0

    @property
    def processes(self) -> list[int]:
        """Process numbers of those that were started and not found dead."""
        return [one.pid for one in self._workers]

    def keep(self) -> None:
        """Start those that are missing; those that died are started again."""
        now = time.monotonic()
        for one in [one for one in self._workers if one.poll() is not None]:
            self._workers.remove(one)
            if self._born.pop(one.pid) > now - SHORT_LIFE and one.returncode > 0:  # who is killed is replaced at once
                self._pause = min(max(2 * self._pause, FIRST_PAUSE), LAST_PAUSE)
                self._not_before = now + self._pause
                self.error = f"a worker ended soon after its start with code {one.returncode}; see the log"
        if self._workers and all(born < now - SHORT_LIFE for born in self._born.values()):
            self._pause, self.error = 0.0, ""
        while now >= self._not_before and len(self._workers) < self._number:
            environment = {name: value for name, value in os.environ.items() if name != MARK}
            worker = subprocess.Popen(self._command, env=environment, stdin=subprocess.PIPE)
            self._workers.append(worker)
            self._born[worker.pid] = now
            self.started += 1
            assert worker.stdin is not None  # noqa: S101 - it is a pipe
            with contextlib.suppress(OSError), worker.stdin as told:  # one that died is started again
                told.write(self._told)

    def end(self) -> None:
        """End them; after a while they are killed."""
        for worker in self._workers:
            worker.terminate()
        deadline = time.monotonic() + END_LIMIT
        for worker in self._workers:
            try:
                worker.wait(max(deadline - time.monotonic(), 0.0))
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        self._workers.clear()
        self._born.clear()
