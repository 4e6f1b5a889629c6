"""The agent's process, which the keeper starts: `python -m ronda.framework.host --state … --config … --host …`."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from pathlib import Path

from ronda.framework.config.load import load_beamline
from ronda.framework.errors import RondaError, ServiceFailed
from ronda.framework.host.agent import Agent
from ronda.framework.host.layout import make_layout
from ronda.framework.host.logs import say
from ronda.framework.host.names import HEARTBEAT
from ronda.framework.host.process import READY
from ronda.framework.host.report import Report


def hold_lock(file: Path) -> int:
    """Make sure that there is one agent; the lock lives as long as this process.

    Raises:
        ServiceFailed: another one holds it.
    """
    try:
        lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ServiceFailed(f"{file} cannot be written ({error.strerror}); make it writable") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise ServiceFailed("this beamline already has an agent on this host; see `ronda status`") from error
    return lock


def main() -> int:
    """Entry point of the agent's process, which the keeper starts."""
    parser = argparse.ArgumentParser(prog="ronda host agent")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--host", required=True)
    arguments = parser.parse_args()
    ready = os.environ.pop(READY, None)
    report = Report(int(ready) if ready else None)
    first = report.wanted
    try:
        lock = hold_lock(arguments.state / "agent.lock")
        beamline = load_beamline(arguments.state / "applied", os.environ)
        agent = Agent(make_layout(beamline, arguments.host, arguments.config), report)
    except RondaError as error:
        say(str(error))
        if first:  # a keeper whose agent only came back tries again
            (arguments.state / HEARTBEAT).unlink(missing_ok=True)
        report.failed(str(error))
        return 1
    status = agent.run()
    os.close(lock)
    return status


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # the Tango library's threads do not survive an ordinary end of the interpreter
    os._exit(code)
