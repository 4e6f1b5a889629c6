"""The frame server of a process: hands out the frames of its rings to readers on other hosts. It only reads.

A request is a line of JSON, an answer a line of JSON and the raw frames behind it; docs/reference/stream.md has both.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from ronda.framework.errors import BadValue, ServiceFailed
from ronda.framework.stream.answers import FrameLost
from ronda.framework.stream.frames.ring import RingView

MOST_CONNECTIONS = 32
LONGEST_REQUEST = 1024
MOST_BYTES = 32_000_000
"""Bytes of frames in one answer at most, but one frame always."""

IDLE_SECONDS = 60.0
"""A connection on which nothing is asked, or an answer not taken, for so long is closed."""

NO_REQUEST = 'not a request; send a line such as {"ring": "NAME", "first": 0, "count": 1, "bytes": 2097152}'


class FrameServer:
    """Listens from the moment it is made. Whoever asks must know the name of a ring, which nobody can guess.

    Args:
        address: interface on which it listens; also what references tell readers.
        port: 0 for any that is free.

    Raises:
        ServiceFailed: it cannot listen there.

    Attributes:
        host: where it listens, `ADDRESS:PORT`.
    """

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        self._rings: dict[str, RingView] = {}
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        try:
            self._socket = socket.create_server((address, port), backlog=MOST_CONNECTIONS)
        except OSError as error:
            raise ServiceFailed(
                f"frame server: cannot listen on {address}:{port} ({error.strerror or error}); "
                "give the address of an interface of this host"
            ) from error
        self.host = f"{address}:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, name="frame-server", daemon=True).start()

    def add(self, view: RingView) -> None:
        """Hand out the frames of a ring."""
        with self._lock:
            self._rings[view.name] = view

    def remove(self, name: str) -> None:
        """Hand out the frames of a ring no longer."""
        with self._lock:
            self._rings.pop(name, None)

    def forget_removed(self) -> None:
        """Let go of the memory of rings whose files were removed."""
        with self._lock:
            for name in [name for name, view in self._rings.items() if view.forsaken]:
                self._rings.pop(name).close()

    def close(self) -> None:
        """Stop listening and end all connections."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._socket.close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # closed
            with self._lock:
                full = len(self._connections) >= MOST_CONNECTIONS
                if not full:
                    self._connections.add(connection)
            if full:
                with suppress(OSError), connection:
                    _send(connection, {"status": "refused", "sentence": f"serves {MOST_CONNECTIONS} readers already"})
                continue
            threading.Thread(target=self._serve, args=(connection,), name="frame-reader", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(IDLE_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with connection, connection.makefile("rb") as lines, suppress(OSError):
                while line := lines.readline(LONGEST_REQUEST):
                    try:
                        name, first, count, length = _parse(line)
                    except BadValue as error:
                        _send(connection, {"status": "refused", "sentence": str(error)})
                        return
                    self._answer(connection, name, first, count, length)
        finally:
            with self._lock:
                self._connections.discard(connection)

    def _answer(self, connection: socket.socket, name: str, first: int, count: int, length: int) -> None:
        with self._lock:
            view = self._rings.get(name)
        if view is None:
            _send(connection, {"status": "lost", "sentence": f"no ring {name} is in this process"})
            return
        count = min(count, max(MOST_BYTES // max(length, 1), 1), view.slots)
        got = 0
        frames: Any = None
        try:
            view.look(first, length)  # before memory is taken: a length that no frame has asks for nothing
            frames = np.empty((count, length), "u1")
            for got in range(count):
                view.copy(first + got, frames[got])
            got = count
        except FrameLost as error:
            if got == 0:
                _send(connection, {"status": "lost", "sentence": str(error)})
                return
        _send(
            connection, {"status": "ok", "count": got, "bytes": length, "slots": view.slots}, memoryview(frames[:got])
        )


def _parse(line: bytes) -> tuple[str, int, int, int]:
    """Ring, first frame, number of frames and bytes of each that a request wants.

    Raises:
        BadValue: it is no request.
    """
    try:
        asked = json.loads(line)
        name, first, count, length = (asked[key] for key in ("ring", "first", "count", "bytes"))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadValue(NO_REQUEST) from error
    numbers = all(type(number) is int for number in (first, count, length))
    if not line.endswith(b"\n") or not isinstance(name, str) or not numbers:
        raise BadValue(NO_REQUEST)
    if not (0 <= first < 1 << 62 and 0 < count < 1 << 31 and 0 < length < 1 << 40):
        raise BadValue(NO_REQUEST)
    return name, first, count, length


def _send(connection: socket.socket, heading: Mapping[str, Any], frames: memoryview | None = None) -> None:
    connection.sendall(json.dumps(heading).encode() + b"\n")
    if frames is not None:
        connection.sendall(frames)
