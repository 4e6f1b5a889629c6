"""TCP ports for tests: none that another test, a beamline or the kernel takes while its server is being started again."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from typing import IO

FIRST, LAST = 10_000, 20_000
"""Below those that beamlines choose, and those that the kernel takes for outgoing connections."""

_KEPT: list[IO[str]] = []
"""Locks, which end with this process: several may run tests on one machine."""


def free_port() -> int:
    """A port that nobody has, and that is kept for who asked for as long as the tests run."""
    folder = Path(os.environ["XDG_STATE_HOME"]) / "test-ports"
    folder.mkdir(parents=True, exist_ok=True)
    for port in range(FIRST, LAST):
        lock = (folder / str(port)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            lock.close()
            continue
        _KEPT.append(lock)
        return port
    raise AssertionError(f"no port from {FIRST} to {LAST} is free")
