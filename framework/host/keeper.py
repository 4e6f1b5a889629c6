"""The keeper: starts the host agent, and again when it dies or hangs; the agent does the same for the keeper."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import fcntl
import os
import signal
import sys
import time
from pathlib import Path

from ronda.framework.errors import ServiceFailed
from ronda.framework.host.logs import say
from ronda.framework.host.names import AGENT, HEARTBEAT, KEEPER, REPORT
from ronda.framework.host.process import READY, Identity, Launch, marked, start

HUNG = 5.0
"""Seconds without a heartbeat after which the agent is taken for hung."""
STARTING = 30.0
"""Seconds within which a new agent must give its first heartbeat."""
STABLE = 60.0
"""Seconds after which an agent that dies is started again without a wait."""
LOOK = 0.5
"""Seconds between two looks at the agent."""
_PR_SET_CHILD_SUBREAPER = 36


class Keeper:
    """Watches one agent by its heartbeat."""

    def __init__(self, state: Path, config: Path, host: str) -> None:
        """Nothing is started yet."""
        self._state = state
        self._command = [
            sys.executable, "-m", "ronda.framework.host",
            "--state", str(state), "--config", str(config), "--host", host,
        ]  # fmt: skip
        self._stopping = False
        self._limit = HUNG
        self._agent = self._find()

    def run(self, report_fd: int | None) -> None:
        """Keep the agent alive until it ends in order."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if self._agent is None:
            # the first one answers to whoever typed `ronda up`
            (self._state / HEARTBEAT).write_text("first\n")
            self._start(report_fd)
        if report_fd is not None:
            os.close(report_fd)
        failures = 0
        while True:
            began = time.monotonic()
            if not self._watch() or self._stopping:
                return
            failures = 0 if time.monotonic() - began > STABLE else failures + 1
            self._rest(min(30.0, 0.5 * 2.0 ** min(failures - 2, 10)) if failures > 1 else 0.0)
            if self._stopping:
                return
            self._agent, self._limit = self._find(), HUNG
            if self._agent is None:
                try:
                    self._start(None)
                except ServiceFailed as error:
                    say(str(error))

    def _find(self) -> Identity | None:
        found = (identity for _, name, identity in marked(self._state) if name == AGENT)
        # not what a dead agent was about to start
        return next((identity for identity in found if not identity.is_copy()), None)

    def _rest(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self._stopping:
            time.sleep(LOOK)

    def _start(self, report_fd: int | None) -> None:
        environment = {} if report_fd is None else {READY: str(report_fd)}
        launch = Launch(AGENT, self._command, environment, reports=False)
        self._agent = start(
            launch, self._state, self._state / "logs" / f"{AGENT}.log", keep=() if report_fd is None else (report_fd,)
        ).identity
        self._limit = STARTING

    def _stop(self, *_: object) -> None:
        self._stopping = True
        if self._agent is not None:
            self._agent.signal(signal.SIGTERM)

    def _watch(self) -> bool:
        """Wait until the agent ends; return whether it must be started again."""
        agent = self._agent
        if agent is None:
            return True
        # looks are counted, not seconds: a pause of the whole machine is no silence of the agent
        beat, silent, limit = self._beat(), 0.0, self._limit
        while agent.alive():
            time.sleep(LOOK)
            _reap()
            latest = self._beat()
            silent += LOOK
            if latest != beat:
                beat, silent, limit = latest, 0.0, HUNG
            if silent > limit and not self._is_frozen():
                say(f"agent {agent.pid} gave no sign of life for {limit:g} s, killed")
                agent.signal(signal.SIGKILL)
        _reap()
        return (self._state / HEARTBEAT).exists()

    def _is_frozen(self) -> bool:
        """Whether the state folder became read-only: then no heartbeat can be seen, and its absence says nothing."""
        return bool(os.statvfs(self._state).f_flag & os.ST_RDONLY)

    def _beat(self) -> int:
        try:
            return (self._state / HEARTBEAT).stat().st_mtime_ns
        except FileNotFoundError:
            return 0


def _reap() -> None:
    """Take the exit status of every child that ended, also of those that a dead agent left to us."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def start_keeper(state: Path, config: Path, host: str, report_fd: int | None = None) -> Identity:
    """Start a keeper, which starts an agent where there is none.

    Args:
        state: the host's state folder.
        config: the folder of YAML files.
        host: this host's name in them.
        report_fd: pipe on which the first agent tells how the start goes.
    """
    command = [
        sys.executable, "-m", "ronda.framework.host.keeper",
        "--state", str(state), "--config", str(config), "--host", host,
    ]  # fmt: skip
    environment = {} if report_fd is None else {REPORT: str(report_fd)}
    kept = () if report_fd is None else (report_fd,)
    launch = Launch(KEEPER, command, environment, reports=False)
    return start(launch, state, state / "logs" / f"{KEEPER}.log", kept).identity


def main() -> None:
    """Entry point of the keeper's process."""
    parser = argparse.ArgumentParser(prog="ronda keeper")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--host", required=True)
    arguments = parser.parse_args()
    lock = os.open(arguments.state / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # there is one already
    # children of an agent that died become ours instead of the init process's, and get reaped
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    report = os.environ.pop(REPORT, "")
    Keeper(arguments.state, arguments.config, arguments.host).run(int(report) if report else None)


if __name__ == "__main__":
    main()
