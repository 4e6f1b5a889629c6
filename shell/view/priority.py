"""The view gives way: on a busy computer scans, devices and writers are served first."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

NICE = 10
"""A tenth of the share of the processor that others have who want it at the same time; all of what nobody wants."""

GROUP = Path("/proc/self/autogroup")
"""Where Linux says how nice a session of processes is; within one alone what `os.nice` says counts."""


def give_way() -> None:
    """Lower the priority of this process; call it before there are threads, which have their own."""
    os.nice(NICE)
    if os.getsid(0) == os.getpid():  # a session of our own, as the host agent gives it
        with contextlib.suppress(OSError):  # a kernel without
            GROUP.write_text(str(NICE))
