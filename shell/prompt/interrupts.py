"""Ctrl-C: it reaches the running command wherever the processor happens to be, and never kills anything else."""

from __future__ import annotations

import os
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import gevent

LAST = 3
"""The press of Ctrl-C that does not wait for what is being stopped."""


class Interrupts:
    """Turns SIGINT into a KeyboardInterrupt in the greenlet that runs a command.

    Python calls a signal's handler in whatever greenlet is running, which may be a display or the event loop. The
    first press interrupts the command, which stops what it started; the second only says that this takes its time; the
    third interrupts that too.

    Args:
        tell: takes a sentence for the user.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._command: gevent.Greenlet | None = None
        self._presses = 0

    @contextmanager
    def reach(self) -> Iterator[None]:
        """While this lasts, Ctrl-C interrupts the present greenlet, which must be the main one."""
        before = signal.signal(signal.SIGINT, self._pressed)
        self._command, self._presses = gevent.getcurrent(), 0
        try:
            with _without_echo():
                yield
        finally:
            self._command = None
            signal.signal(signal.SIGINT, before)

    def _pressed(self, _: int, __: FrameType | None) -> None:
        self._presses += 1
        if self._presses not in (1, LAST):
            self._tell("stopping; a third Ctrl-C returns at once and leaves the rest as it is")
        elif gevent.getcurrent() is self._command:
            raise KeyboardInterrupt
        else:
            gevent.get_hub().loop.run_callback(self._throw)

    def _throw(self) -> None:
        if self._command is not None:  # it may have ended in the meantime
            self._command.throw(KeyboardInterrupt)


@contextmanager
def _without_echo() -> Iterator[None]:
    """Keep the terminal from printing `^C` into a display that is being redrawn; what people type is still seen."""
    try:
        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
        ours = os.tcgetpgrp(terminal) == os.getpgrp()
    except (AttributeError, OSError, ValueError, termios.error):  # no terminal
        ours = False
    if not ours:  # a program in the background that changes the terminal is halted
        yield
        return
    quiet = list(before)
    quiet[3] &= ~termios.ECHOCTL
    termios.tcsetattr(terminal, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)
