"""Doing something beside what the user waits for: in a thread, or in whatever the program has instead."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

import tango


class Task(Protocol):
    """Something that goes on beside."""

    def join(self) -> Any:
        """Wait until it has ended."""


Spawn = Callable[[Callable[[], None]], Task]
"""Begins to do something beside, and returns at once; a shell that lives on greenlets has its own."""


def in_thread(work: Callable[[], None]) -> Task:
    """Do it in a thread, which may call Tango; it dies with the program."""

    def run() -> None:
        with tango.EnsureOmniThread():
            work()

    thread = threading.Thread(target=run, name="background", daemon=True)
    thread.start()
    return thread
