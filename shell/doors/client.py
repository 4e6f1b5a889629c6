"""Programs at the command door: what they ask and are told, and what their commands print."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO, cast

import gevent
from gevent.queue import Full, Queue

from ronda.framework.door import words
from ronda.framework.door.place import Caller
from ronda.framework.errors import RondaError
from ronda.framework.plain import plain

MOST_SAID = 1000
"""Messages that wait for one program."""

MOST_NEEDED = 32
"""Of these, how many are kept for answers and the ends of commands."""

MOST_UNREAD = 500
"""Messages that may wait for a program whose next request is looked at."""

SEND_LIMIT = 10.0
"""Seconds after which a program that takes nothing is let go."""

PAUSE = 0.005
"""Seconds between two requests of one program, so that one that asks and asks leaves time for others."""


class Client:
    """One program at the door; it never keeps the shell waiting.

    Args:
        connected: its socket.
        caller: who it is.
        asked: answers its requests.
        gone: told when it has left.
    """

    def __init__(
        self,
        connected: socket.socket,
        caller: Caller,
        asked: Callable[[Client, dict[str, Any]], dict[str, Any]],
        gone: Callable[[Client], None],
    ) -> None:
        self.caller = caller
        self._socket = connected
        self._asked = asked
        self._gone = gone
        self._said: Queue = Queue(MOST_SAID)
        self._left_out: dict[int, int] = {}
        self._closed = False
        self._greenlets: list[gevent.Greenlet] = []

    def start(self) -> None:
        """Listen and answer."""
        self._greenlets = [gevent.spawn(self._listen), gevent.spawn(self._send)]

    def close(self) -> None:
        """Let it go."""
        if self._closed:
            return
        self._closed = True
        self._gone(self)
        self._socket.close()
        gevent.killall([one for one in self._greenlets if one is not gevent.getcurrent()], block=False)

    def say(self, message: dict[str, Any]) -> None:
        """Send a message in a moment; what a slow program does not take is left out, but never an end."""
        if self._closed:
            return
        job = int(message.get("job", 0))
        needed = message.get("event") in (None, "ended")
        if not needed and self._said.qsize() >= MOST_SAID - MOST_NEEDED:
            self._left_out[job] = self._left_out.get(job, 0) + 1
            return
        if left := self._left_out.pop(job, 0):
            message = {**message, "left_out": left}
        try:
            self._said.put_nowait(message)
        except Full:  # it asks and asks, and reads nothing
            self.close()

    def _listen(self) -> None:
        buffer = b""
        try:
            while data := self._socket.recv(8192):
                *lines, buffer = (buffer + data).split(b"\n")
                if len(buffer) > words.LONGEST or any(len(line) > words.LONGEST for line in lines):
                    self.say({"refused": f"door: a line has at most {words.LONGEST} bytes"})
                    gevent.sleep(0.1)
                    break
                for line in lines:
                    while (
                        self._said.qsize() > MOST_UNREAD and not self._closed
                    ):  # who does not read is not answered any more
                        gevent.sleep(PAUSE)
                    if self._closed:
                        return
                    self.say(self._answer(line))
                    gevent.sleep(PAUSE)
        except OSError:
            pass
        finally:
            self.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            return self._asked(self, words.unpacked(line))
        except RondaError as error:
            return {"refused": str(error)}
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one request, the program is answered
            return {"refused": f"door: this cannot be answered ({type(error).__name__}: {plain(str(error))})"}

    def _send(self) -> None:
        try:
            while True:
                message = self._said.get()
                try:
                    line = words.packed(message)
                except RondaError as error:
                    line = words.packed({**_heading(message), "refused": str(error)})
                with gevent.Timeout(SEND_LIMIT, TimeoutError):
                    self._socket.sendall(line)
        except OSError:
            self.close()


class Told:
    """Stands for a stream of the terminal: what a command of the door prints goes to its program too.

    Args:
        stream: the stream.
        printed: told what is printed.
    """

    def __init__(self, stream: TextIO, printed: Callable[[str], None]) -> None:
        self._stream = stream
        self._printed = printed

    def write(self, text: str) -> int:
        """Print."""
        self._printed(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def telling(printed: Callable[[str], None]) -> Iterator[None]:
    """While this lasts, `printed` is told what goes to the terminal."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = cast("TextIO", Told(sys.stdout, printed)), cast("TextIO", Told(sys.stderr, printed))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _heading(message: Mapping[str, Any]) -> dict[str, Any]:
    return {key: message[key] for key in ("event", "job", "state") if key in message}
