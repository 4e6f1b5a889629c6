"""Keys that are pressed while a scan runs in front: Esc ends it after its point, p lets it wait; the rest is kept.

What else is typed, is typed ahead: it stands at the next prompt.
"""

from __future__ import annotations

import codecs
import os
import select
import termios
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import gevent
from gevent.socket import wait_read
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

from ronda.framework.scan.observer import Observer
from ronda.framework.scan.own import OwnScan
from ronda.framework.scan.scan import Scan
from ronda.framework.stream.description import State
from ronda.shell.prompt.terminal import our_terminal, without

ESCAPE_TIME = 0.1
"""Seconds after which an escape character that nothing follows is the key Esc."""

CHUNK = 1024

SHOWN = 24
"""Characters that are shown of what was typed ahead, the last ones."""

ENDS_OF_LINES = (Keys.ControlM, Keys.ControlJ)

PAUSE_KEYS = ("p", " ")


class ScanKeys(Observer):
    """Reads the terminal while a scan runs for which the prompt waits.

    Args:
        keep: takes what was typed ahead, when the scan has ended.
        changed: called when `hint` has changed.
    """

    def __init__(self, keep: Callable[[list[KeyPress]], None], changed: Callable[[], None]) -> None:
        self._keep = keep
        self._changed = changed
        self._scan: OwnScan | None = None
        self._paused = self._ends = False
        self._ahead: list[KeyPress] = []
        self._parser = Vt100Parser(self._press)
        self._settings = ExitStack()
        self._reading: gevent.Greenlet | None = None

    def hint(self) -> str:
        """What stands below the table: the keys, what they did, and what was typed ahead."""
        if self._scan is None:
            return ""
        does = "ends after this point" if self._ends else "p goes on" if self._paused else "Esc ends  p pauses"
        text = typed(self._ahead)
        return f"{does}  typed: {text[-SHOWN:]}" if text else does

    def on_prepared(self, scan: Scan) -> None:
        """Read keys from now on."""
        if self._scan is None and isinstance(scan, OwnScan) and not scan.beside:
            self._paused = self._ends = False
            self._begin(scan)

    def _begin(self, scan: OwnScan) -> None:
        terminal = our_terminal()
        if terminal is None:
            return
        self._scan = scan
        self._settings.enter_context(without(termios.ICANON | termios.ECHO))
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._reading = gevent.spawn(self._read, terminal, self._typed_before(terminal))

    def on_end(self, scan: Scan) -> None:
        """Give the terminal back."""
        if scan is self._scan:
            self.leave()

    def leave(self) -> None:
        """Give the terminal back, whatever the scan does."""
        if self._scan is None:
            return
        self._scan = None
        if self._reading is not None:
            self._reading.kill(block=False)
        self._parser.flush()
        self._settings.close()
        ahead, self._ahead = self._ahead, []
        self._keep(ahead)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let a question that comes up in the scan have the terminal."""
        scan, paused, ends = self._scan, self._paused, self._ends
        self.leave()
        try:
            yield
        finally:
            if scan is not None and scan.state not in State.ENDED:
                self._paused, self._ends = paused, ends
                self._begin(scan)

    @staticmethod
    def _typed_before(terminal: int) -> bytes:
        """What was typed before anybody could know that a key means something."""
        waits, _, _ = select.select([terminal], [], [], 0)
        return os.read(terminal, CHUNK) if waits else b""

    def _read(self, terminal: int, before: bytes) -> None:
        self._ahead += presses(self._decoder.decode(before))
        while True:
            try:
                wait_read(terminal, ESCAPE_TIME)
            except TimeoutError:
                self._parser.flush()
                continue
            self._parser.feed(self._decoder.decode(os.read(terminal, CHUNK)))
            self._changed()

    def _press(self, press: KeyPress) -> None:
        scan = self._scan
        at_begin = not self._ahead or self._ahead[-1].key in ENDS_OF_LINES
        if scan is None:
            self._ahead.append(press)
        elif press.key == Keys.Escape:
            self._ends = True
            scan.stop("Esc")
        elif press.key in PAUSE_KEYS and at_begin:
            self._paused = not self._paused
            (scan.pause if self._paused else scan.resume)("")
        elif press.key != Keys.Ignore:
            self._ahead.append(press)
        self._changed()


def presses(text: str) -> list[KeyPress]:
    """The keys of a text as a terminal sends it."""
    found: list[KeyPress] = []
    Vt100Parser(found.append).feed_and_flush(text)
    return found


def typed(ahead: list[KeyPress]) -> str:
    """The line that was begun, as far as it can be told without an editor."""
    text = ""
    for press in ahead:
        if press.key in ENDS_OF_LINES:
            text += "⏎"
        elif press.key in (Keys.ControlH, Keys.Backspace):
            text = text[:-1]
        elif len(press.key) == 1:
            text += press.data
    return text
