"""Log files of processes: their last lines, and keeping them from growing without end."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

LARGEST = 20_000_000
"""Bytes from which a log is put aside."""


def last_lines(log: Path, count: int) -> list[str]:
    """The last `count` lines of a log file, without reading all of it."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 400 * max(count, 1)))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    if count <= 0:
        return []
    return [line for line in lines if line.strip()][-count:]


class LogStream:
    """Standard output as a log: a full disk costs words, but does not end who says them."""

    def write(self, text: str) -> int:
        """Write at once, as much as there is room for."""
        with contextlib.suppress(OSError):
            os.write(1, text.encode(errors="backslashreplace"))
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


def say(sentence: str) -> None:
    """Write a line to the log that standard output is."""
    LogStream().write(sentence + "\n")


def rotate(log: Path) -> None:
    """Put the content of a large log aside, replacing what was put aside before.

    The file itself is emptied, not replaced: the process that writes to its end keeps it open.
    """
    if log.exists() and log.stat().st_size > LARGEST:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)
