"""Scans as lines of a list, and one scan with all that is known of it."""

from __future__ import annotations

import textwrap
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ronda.framework.nexus import words
from ronda.framework.scan.saving import SavedFile
from ronda.framework.stream import Description, Record, State

TITLE = 40
"""Characters of a title in a list that is read by a program; a longer one is shown as it is."""

GAP = "  "

STYLES = {State.RUNNING: "cyan", State.PAUSED: "cyan", State.ABORTED: "yellow", State.FAILED: "red"}

SAVED_NOWHERE = "-"
"""In place of a file, if the scan is not to be saved."""

NOT_YET = "(no file yet)"
"""In place of a file, if no writer has taken the scan."""


class ScanList:
    """A list of scans that grows line by line.

    On a terminal a line takes one row: a folder is named once, above the files in it, and titles are cut. Elsewhere the
    path of each file stands at the end of its line, and nothing is cut.

    Args:
        console: where.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._folder = ""
        self._when = len("01-01 00:00" if console.is_terminal else "01-01 00:00:00")

    def open(self) -> None:
        """Print what stands above the lines."""
        title = self._title("title", "file")
        self._print(f"{'number':>6}  {'state':<9}  {'started':<{self._when}}  {'points':>9}  {title}  file")

    def add(self, record: Record, done: int, file: str) -> None:
        """Print a line.

        Args:
            record: the scan's line in the catalogue.
            done: points measured.
            file: path of its file, or one of the words for none.
        """
        folder, _, name = file.rpartition("/")
        if self._console.is_terminal and folder and folder != self._folder:
            self._folder = folder
            self._print(f"in {folder}", "dim")
        shown = name if self._console.is_terminal else file
        local = record.started.astimezone()
        today = local.date() == datetime.now().astimezone().date()
        form = "%m-%d %H:%M:%S" if not self._console.is_terminal else "%H:%M:%S" if today else "%m-%d %H:%M"
        started = f"{local:{form}}".ljust(self._when)
        points = f"{done}/{'?' if record.points is None else record.points}"
        title = self._title(record.title, shown)
        line = f"{record.number:>6}{GAP}{record.state:<9}{GAP}{started}{GAP}{points:>9}{GAP}{title}{GAP}{shown}"
        self._print(line, STYLES.get(record.state, ""))

    def _title(self, title: str, file: str) -> str:
        if not self._console.is_terminal:
            return title.ljust(TITLE)
        # the file stands where the longest of the usual names still fits
        room = max(self._console.width - len("number  COMPLETED  01-01 00:00  1000/1000    ") - max(len(file), 13), 8)
        flat = " ".join(title.split())
        return (flat if len(flat) <= room else f"{flat[: room - 1]}…").ljust(room)

    def _print(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style), soft_wrap=True)


def story(record: Record, description: Description, done: int, file: SavedFile, width: int | None = None) -> str:
    """A scan in several lines: what it is, how it went, what it measured, where it is.

    Args:
        done: points measured.
        width: characters of a line, after which the next is indented; None for lines as long as they are.
    """
    took = "" if record.ended is None else f", after {(record.ended - record.started).total_seconds():.1f} s"
    definition = description.attributes.get(words.DEFINITION)
    pairs = [
        ("scan", str(record.number)),
        ("id", record.identifier),
        ("title", record.title if record.title != record.command else ""),
        ("command", record.command),
        ("user", record.user),
        ("session", record.session),
        ("sample", record.sample),
        ("dataset", record.dataset),
        ("state", record.state + (f": {record.sentence}" if record.sentence else "")),
        ("started", f"{record.started.astimezone():%Y-%m-%d %H:%M:%S%z}"),
        ("ended", "" if record.ended is None else f"{record.ended.astimezone():%Y-%m-%d %H:%M:%S%z}{took}"),
        ("points", f"{done} of {'?' if record.points is None else record.points}"),
        ("follows", str(definition.get("name", "")) if isinstance(definition, dict) else ""),
        ("saved by", ", ".join(description.consumers)),
        ("file", file.path + ("" if file.closed or not file.path else " (still open)")),
        ("trouble", file.error),
    ]
    if file.path and file.closed and not Path(file.path).exists():
        pairs.append(("trouble", "that file is not there, or not seen from this host"))
    pairs += [
        (device.name, ", ".join(channel.name for channel in device.channels))
        for device in description.devices
        if device.name not in words.AT_END
    ]
    labels = max(len(name) for name, value in pairs if value)
    return "\n".join(_wrapped(f"{name:>{labels}}{GAP}", value, width) for name, value in pairs if value)


def _wrapped(label: str, value: str, width: int | None) -> str:
    if width is None or len(label) + len(value) <= width:
        return label + value
    return textwrap.fill(
        value,
        max(width, len(label) + 20),
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )
