"""The settings of the terminal that people type in: changed for a while, and put back."""

from __future__ import annotations

import os
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

LOCAL_FLAGS = 3
"""Place of the local flags in what `tcgetattr` gives."""


def our_terminal() -> int | None:
    """File number of the terminal that keys come from; None without one, or if we are in the background."""
    try:
        terminal = sys.stdin.fileno()
        termios.tcgetattr(terminal)
        ours = os.tcgetpgrp(terminal) == os.getpgrp()
    except (AttributeError, OSError, ValueError, termios.error):
        return None
    return terminal if ours else None  # a program in the background that changes the terminal is halted


@contextmanager
def without(flags: int) -> Iterator[None]:
    """While this lasts some local flags of the terminal are off."""
    terminal = our_terminal()
    if terminal is None:
        yield
        return
    before = termios.tcgetattr(terminal)
    changed = list(before)
    changed[LOCAL_FLAGS] &= ~flags
    termios.tcsetattr(terminal, termios.TCSANOW, changed)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)
