"""The commands of the electronic logbook: noting something, and reading what was done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import BadValue
from ronda.framework.plain import plain

KINDS = ("command", "error", "note", "scan")

STYLES = {"error": "red", "note": "bold", "scan": "cyan"}

PATIENCE = 0.5
"""Seconds that showing waits for what was just typed."""

MOST = 10_000
"""So many entries are looked through at most."""


class LogbookCommands:
    """What people do with the logbook of their beamline.

    Args:
        beamline: whose.
        add: adds a note.
        flush: waits until all notes are sent, at most so many seconds.
        console: where they print.
    """

    def __init__(
        self,
        beamline: Beamline,
        add: Callable[[str, str], None],
        console: Console,
        flush: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._beamline = beamline
        self._add = add
        self._flush = flush
        self._console = console

    def commands(self) -> list[Callable[..., Any]]:
        """All that people can type."""
        return [self.elog_add, self.elog_show]

    def elog_add(self, text: str) -> None:
        """Write a note into the logbook: elog_add("the sample has a crack")."""
        if not isinstance(text, str) or not text.strip():
            raise BadValue(f'elog_add: takes a text, as in elog_add("the sample has a crack"), not {text!r}')
        self._add("note", text)

    def elog_show(self, number: int = 20, kind: str = "*", text: str = "") -> None:
        """Show the latest entries of the logbook: elog_show(50), elog_show(kind="note"), elog_show(text="samy")."""
        if isinstance(number, bool) or not isinstance(number, int) or not 0 < number <= MOST:
            raise BadValue(f"elog_show: takes a number of entries from 1 to {MOST}, not {number!r}")
        if not isinstance(kind, str) or not any(fnmatchcase(one, kind) for one in KINDS):
            raise BadValue(f"elog_show: kind is {', '.join(KINDS)} or *, not {kind!r}")
        self._flush(PATIENCE)
        chosen = not (kind == "*" and not text)
        entries = [
            one
            for one in self._beamline.stream.logbook().last(MOST if chosen else number)
            if fnmatchcase(one.kind, kind) and text.lower() in one.text.lower()
        ][-number:]
        if not entries:
            self._console.print("there are no such entries" if chosen else "the logbook is empty", markup=False)
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("time", "who", "kind"):
            table.add_column(title, no_wrap=True)
        table.add_column("what", overflow="fold")
        today = datetime.now().astimezone().date()
        for one in entries:
            when = datetime.fromtimestamp(one.time).astimezone()
            told = f"{when:%H:%M:%S}" if when.date() == today else f"{when:%m-%d %H:%M:%S}"
            who = plain(f"{one.user}/{one.session}" if one.session else one.user)
            table.add_row(told, who, one.kind, Text(plain(one.text), STYLES.get(one.kind, "")))
        self._console.print(table)
