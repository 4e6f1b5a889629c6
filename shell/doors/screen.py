"""Sharing the screen of a shell: the shell runs on a terminal of its own, and this process passes on what it shows.

It stands between the person's terminal and the shell, so nobody who looks on can hold up either of them.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pty
import select
import signal
import socket
import struct
import sys
import termios
import time
import tty
from pathlib import Path
from types import FrameType
from typing import Any

from ronda.framework.door.place import SCREEN, Caller, door_folder, listen, require_same_user
from ronda.framework.errors import RondaError, ServiceFailed

KEYS, SIZE, OUTPUT, REFUSED = b"k", b"s", b"o", b"r"
"""Kinds of what is sent: keys and size by who looks on, the screen and a refusal to them. Then 4 bytes of length."""

LOOK, TYPE = b"look", b"type"
"""The first thing that is sent as KEYS by who comes: whether one wants to look or to type."""

HEADING = struct.Struct("!cI")

LONGEST_KEYS, REMEMBERED, MOST_BEHIND, MOST_LOOKING = 4096, 65_536, 1_000_000, 8
"""Bytes of keys at once; bytes of the screen that who comes later gets; bytes one may be behind; how many look on."""

LOOK_PERIOD = 0.2
"""Seconds after which a new size of the terminal is noticed at the latest."""

PATIENCE = 5.0
"""Seconds that who comes has to say whether they look or type."""


def share_screen() -> int:
    """Go on as the shell on a terminal of its own; the process that was there passes on the screen, and never returns.

    Returns:
        where the shell hears who came and went: a pipe, lines of text.

    Raises:
        ServiceFailed: there is no pseudo-terminal, or the door cannot be opened.
    """
    folder = door_folder()
    hears, tells = os.pipe()
    try:
        child, master = pty.fork()
    except OSError as error:
        raise ServiceFailed(f"the screen cannot be shared, there is no terminal for it: {error.strerror}") from error
    if child == 0:
        os.close(tells)
        return hears
    os.close(hears)
    sys.exit(Relay(child, master, tells, folder / f"{child}.{SCREEN}").run())


class Onlooker:
    """Somebody who looks on, or types too."""

    def __init__(self, connected: socket.socket, caller: Caller) -> None:
        self.socket = connected
        self.caller = caller
        self.types: bool | None = None
        self.size: tuple[int, int] | None = None
        self.came = time.monotonic()
        self.said = b""
        self.waiting = bytearray()

    def give(self, kind: bytes, data: bytes) -> None:
        """Send this when there is time."""
        self.waiting += HEADING.pack(kind, len(data)) + data


class Relay:
    """Passes on what a shell shows and what is typed.

    Args:
        child: process of the shell.
        master: its terminal, from outside.
        tells: a pipe for lines about who came and went.
        path: of the socket.
    """

    def __init__(self, child: int, master: int, tells: int, path: Path) -> None:
        self._child = child
        self._master = master
        self._tells = tells
        self._path = path
        self._looking: list[Onlooker] = []
        self._recent = bytearray()
        self._to_shell = bytearray()
        self._resized = True
        self._typing = True

    def run(self) -> int:
        """Until the shell has ended; returns its exit code."""
        listener = listen(self._path)
        before = termios.tcgetattr(0)
        signal.signal(signal.SIGWINCH, self._note_size)
        for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(each, self._pass_on)
        for number in (self._master, listener.fileno(), self._tells):
            os.set_blocking(number, False)
        try:
            tty.setraw(0)
            while self._turn(listener):
                pass
        finally:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(0, termios.TCSADRAIN, before)
            for one in self._looking:
                with contextlib.suppress(OSError):
                    one.socket.setblocking(False)
                    one.socket.send(one.waiting)
                one.socket.close()
            listener.close()
            self._path.unlink(missing_ok=True)
        _, status = os.waitpid(self._child, 0)
        return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)

    def _turn(self, listener: socket.socket) -> bool:
        """One look at all; returns whether the shell still has its terminal."""
        if self._resized:
            self._resize()
        reading: list[Any] = [self._master, listener, *(one.socket for one in self._looking)]
        if self._typing and len(self._to_shell) <= LONGEST_KEYS:
            reading.append(0)
        writing: list[Any] = [one.socket for one in self._looking if one.waiting]
        if self._to_shell:
            writing.append(self._master)
        ready, able, _ = select.select(reading, writing, [], LOOK_PERIOD)
        if self._master in able:
            with contextlib.suppress(BlockingIOError):
                del self._to_shell[: os.write(self._master, self._to_shell[:LONGEST_KEYS])]
        if 0 in ready:
            typed = b""
            with contextlib.suppress(OSError):
                typed = os.read(0, LONGEST_KEYS)
            self._to_shell += typed
            if not typed:
                self._hang_up()
        if listener in ready:
            self._welcome(listener)
        for one in list(self._looking):
            if one.socket in able:
                self._send(one)
            if one.socket in ready:
                self._hear(one)
            if one.types is None and time.monotonic() - one.came > PATIENCE:
                self._let_go(one)
        return self._show() if self._master in ready else True

    def _show(self) -> bool:
        try:
            data = os.read(self._master, 65_536)
        except BlockingIOError:
            return True
        except OSError as error:
            if error.errno == errno.EIO:  # the shell has closed it
                return False
            raise
        if not data:
            return False
        try:
            _write_all(1, data)
        except OSError:  # what the shell still says is taken all the same, or it would wait and never end
            self._hang_up()
        self._recent = (self._recent + data)[-REMEMBERED:]
        for one in list(self._looking):
            if one.types is not None:
                one.give(OUTPUT, data)
                if len(one.waiting) > MOST_BEHIND:
                    self._let_go(one)
        return True

    def _hang_up(self) -> None:
        """The terminal has gone, and the shell goes with it."""
        if self._typing:
            self._typing = False
            self._pass_on(signal.SIGHUP, None)

    def _welcome(self, listener: socket.socket) -> None:
        try:
            connected, _ = listener.accept()
        except OSError:
            return
        connected.setblocking(False)
        try:
            caller = require_same_user(connected, "this screen")
            if len(self._looking) >= MOST_LOOKING:
                raise ServiceFailed(f"{MOST_LOOKING} look on already")
        except RondaError as error:
            with contextlib.suppress(OSError):
                connected.send(HEADING.pack(REFUSED, len(str(error).encode())) + str(error).encode())
            connected.close()
            return
        self._looking.append(Onlooker(connected, caller))

    def _send(self, one: Onlooker) -> None:
        try:
            del one.waiting[: one.socket.send(one.waiting[:65_536])]
        except BlockingIOError:
            return
        except OSError:
            self._let_go(one)

    def _hear(self, one: Onlooker) -> None:
        try:
            data = one.socket.recv(LONGEST_KEYS)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._let_go(one)
            return
        one.said += data
        while len(one.said) >= HEADING.size:
            kind, length = HEADING.unpack_from(one.said)
            if length > LONGEST_KEYS:
                self._let_go(one)
                return
            if len(one.said) < HEADING.size + length:
                return
            told, one.said = one.said[HEADING.size : HEADING.size + length], one.said[HEADING.size + length :]
            self._obey(one, kind, told)

    def _obey(self, one: Onlooker, kind: bytes, told: bytes) -> None:
        if kind == SIZE and len(told) == 4:
            rows, columns = struct.unpack("!HH", told)
            if rows > 1 and columns > 9:
                one.size = (rows, columns)
                self._resized = True
        elif kind == KEYS and one.types is None and told in (LOOK, TYPE):
            one.types = told == TYPE
            self._tell(one, "types here too" if one.types else "looks on")
            one.give(OUTPUT, bytes(self._recent))
        elif kind == KEYS and one.types and len(self._to_shell) <= LONGEST_KEYS:
            self._to_shell += told

    def _let_go(self, one: Onlooker) -> None:
        if one in self._looking:
            self._looking.remove(one)
            one.socket.close()
            self._resized = True
            if one.types is not None:
                self._tell(one, "has left")

    def _tell(self, one: Onlooker, what: str) -> None:
        with contextlib.suppress(OSError):
            os.write(self._tells, f"{one.caller} {what}\n".encode())

    def _resize(self) -> None:
        """The screen is as large as all who see it can show."""
        self._resized = False
        sizes = [one.size for one in self._looking if one.size is not None]
        with contextlib.suppress(OSError):  # it may have gone
            sizes.append(size_of(1))
        if not sizes:
            return
        rows, columns = min(size[0] for size in sizes), min(size[1] for size in sizes)
        # the kernel tells the shell of a change; whoever comes with the same size sees the prompt drawn again as well
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGWINCH)

    def _note_size(self, _: int, __: FrameType | None) -> None:
        self._resized = True

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, number)


def size_of(terminal: int) -> tuple[int, int]:
    """Rows and columns of a terminal; 24 and 80 where it does not say."""
    rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(terminal, termios.TIOCGWINSZ, b"\0" * 8))
    return (rows, columns) if rows and columns else (24, 80)


def _write_all(number: int, data: bytes) -> None:
    while data:
        data = data[os.write(number, data) :]
