"""`ronda shell --attach`: the screen of a running shell here, to look on, or to type there too."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import sys
import termios
import tty
from types import FrameType
from typing import Any

from ronda.framework.door.place import SCREEN, Place, connect
from ronda.framework.errors import NotAllowed
from ronda.shell.doors.screen import HEADING, KEYS, LOOK, OUTPUT, REFUSED, SIZE, TYPE, size_of

LEAVE = b"\x1d"
"""Ctrl-], as in telnet."""

ENDS_LOOKING = (LEAVE, b"\x03", b"\x04", b"q")
"""What ends looking on: that, Ctrl-C, Ctrl-D, q."""

RESET = b"\x1b[?25h\x1b[?2004l\x1b[0m\r\n"
"""Cursor shown, pasting and colours as usual, a new line."""


def attach(place: Place, *, types: bool) -> int:
    """Show the screen of a shell until one leaves or it ends; returns the exit code.

    Args:
        place: which shell.
        types: whether what is typed goes there; else one only looks on.

    Raises:
        NotFound: it has no screen to share.
        NotAllowed: it lets us not in.
    """
    connected = connect(place.socket(SCREEN))
    what = "what you type goes there, Ctrl-] leaves" if types else "you look on, q or Ctrl-C leaves"
    print(f"{place}: {what}", flush=True)
    before = termios.tcgetattr(0)
    changed = [True]

    def note(_: int, __: FrameType | None) -> None:
        changed[0] = True

    former = signal.signal(signal.SIGWINCH, note)
    try:
        tty.setraw(0)
        _send(connected, KEYS, TYPE if types else LOOK)
        why = _pass_on(connected, changed, types=types)
    finally:
        signal.signal(signal.SIGWINCH, former)
        os.write(1, RESET)
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        connected.close()
    print(why)
    return 0


def _pass_on(connected: socket.socket, changed: list[bool], *, types: bool) -> str:
    said = b""
    both: list[Any] = [0, connected]
    while True:
        if changed[0]:
            changed[0] = False
            _send(connected, SIZE, struct.pack("!HH", *size_of(1)))
        ready, _, _ = select.select(both, [], [], 0.2)
        if 0 in ready:
            typed = os.read(0, 1024)
            if not typed or LEAVE in typed or (not types and any(key in typed for key in ENDS_LOOKING)):
                return "left; the shell goes on"
            if types:
                _send(connected, KEYS, typed)
        if connected in ready:
            data = b""
            with contextlib.suppress(ConnectionError):
                data = connected.recv(65_536)
            if not data:
                return "the shell has ended"
            said += data
            while len(said) >= HEADING.size:
                kind, length = HEADING.unpack_from(said)
                if len(said) < HEADING.size + length:
                    break
                told, said = said[HEADING.size : HEADING.size + length], said[HEADING.size + length :]
                if kind == REFUSED:
                    raise NotAllowed(told.decode(errors="replace"))
                if kind == OUTPUT:
                    sys.stdout.buffer.write(told)
                    sys.stdout.buffer.flush()


def _send(connected: socket.socket, kind: bytes, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):  # it has ended, which reading tells
        connected.sendall(HEADING.pack(kind, len(data)) + data)
