"""A logbook as a file of Markdown, to which entries are only ever added, each once."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from ronda.framework.plain import plain
from ronda.framework.stream.logbook import LogEntry, order_of

NAME = "logbook.md"
"""Name of the file."""

TAIL = 100_000
"""Bytes at the end of a file that are looked at for the entry that was written last."""

_IDENTIFIER = re.compile(rb"<!-- (\d+-\d+) -->\n")


def append(folder: Path, entries: Iterable[LogEntry]) -> int:
    """Write entries at the end of a folder's logbook, but those that stand there already.

    Args:
        folder: where; it is made if need be.
        entries: in order.

    Returns:
        how many were written.

    Raises:
        OSError: the disk refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o664)
    try:
        size = os.fstat(file).st_size
        end = os.pread(file, TAIL, max(size - TAIL, 0))
        there = _IDENTIFIER.findall(end)
        last = order_of(there[-1].decode()) if there else (0, 0)
        new = [entry for entry in entries if order_of(entry.identifier) > last]
        broken = b"\n" if end and not end.endswith(b"\n") else b""  # the disk was full, or the power went
        text = broken + "".join(map(markdown, new)).encode()
        if new:
            written = os.write(file, text)
            if written < len(text):
                os.ftruncate(file, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file)
    finally:
        os.close(file)
    return len(new)


def markdown(entry: LogEntry) -> str:
    """An entry as Markdown: an item of a list, that ends with the entry's id as a comment."""
    when = f"{datetime.fromtimestamp(entry.time).astimezone():%Y-%m-%d %H:%M:%S}"
    who = _harmless(f"{entry.user}, {entry.session}" if entry.session else entry.user).replace("\n", " ")
    text = _harmless(entry.text).strip("\n")
    if entry.kind == "command":
        told = _code(text)
    elif entry.kind == "error":
        told = f"**error** {_code(text)}"
    else:
        told = ("" if entry.kind == "scan" else f"**{entry.kind}** ") + text.replace("\n", "  \n  ")
    return f"- {when} {who}: {told} <!-- {entry.identifier} -->\n"


def _harmless(text: str) -> str:
    """Text that cannot be taken for the comment with an entry's id."""
    return plain(text).replace("<!--", "<! --")


def _code(text: str) -> str:
    """Text as code, whatever stands in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    if "\n" not in text:
        fence = "`" * (longest + 1)
        gap = " " if longest else ""
        return f"{fence}{gap}{text}{gap}{fence}"
    fence = "`" * max(longest + 1, 3)
    lines = "".join(f"  {line}\n" for line in text.split("\n"))
    return f"\n\n  {fence}python\n{lines}  {fence}\n "
