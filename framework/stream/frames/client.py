"""Asking a frame server on another host for frames."""

from __future__ import annotations

import json
import os
import socket
import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import CommunicationFailed
from ronda.framework.stream.answers import FrameLost
from ronda.framework.stream.connection import cause

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 5.0
"""Seconds without anything coming after which a server counts as not answering."""

LONGEST_HEADING = 4096


class FrameClient:
    """Connections to frame servers, one for each server and thread. Safe for threads and greenlets.

    Attributes:
        slots: by ring, how many frames it holds, as its server said.
    """

    def __init__(self) -> None:
        self.slots: dict[str, int] = {}
        self._own = _OfThread()

    def fetch(self, host: str, ring: str, first: int, count: int, length: int) -> npt.NDArray[np.uint8]:
        """Frames `first` and following, at least one and at most `count`, shape (frames, length).

        Args:
            host: where the server listens, `ADDRESS:PORT`.
            ring: name of the ring.
            length: bytes of a frame.

        Raises:
            FrameLost: the first of them is gone for good.
            CommunicationFailed: the server does not answer, or not as it should.
        """
        request = json.dumps({"ring": ring, "first": first, "count": count, "bytes": length}).encode() + b"\n"
        kept = self._own.take(host)
        try:
            if kept is not None:
                try:
                    return self._exchange(kept, host, ring, request, count, length)
                except OSError:
                    kept.close()  # the server may have closed it long ago: a new one tells
            kept = _connect(host)
            return self._exchange(kept, host, ring, request, count, length)
        except OSError as error:
            raise CommunicationFailed(
                f"frame server at {host}: gives no frames of ring {ring} ({cause(error)}); "
                "look whether the device's server runs and the network is up"
            ) from error

    def close(self) -> None:
        """Close the connections of this thread; later requests open new ones."""
        self._own.close()

    def _exchange(
        self, connection: socket.socket, host: str, ring: str, request: bytes, count: int, length: int
    ) -> npt.NDArray[np.uint8]:
        answered = False
        try:
            connection.sendall(request)
            heading, rest = _heading(connection)
            if heading["status"] == "lost":
                answered = True
                raise FrameLost(f"frame server at {host}: {heading['sentence']}")
            if heading["status"] != "ok" or heading["bytes"] != length or not 0 < heading["count"] <= count:
                raise CommunicationFailed(
                    f"frame server at {host}: {heading.get('sentence', 'answers something else')}"
                )
            frames = np.empty((heading["count"], length), "u1")
            into = frames.reshape(-1).data
            if len(rest) > len(into):
                raise CommunicationFailed(f"frame server at {host}: sends more than was asked for")
            into[: len(rest)] = rest
            _fill(connection, into[len(rest) :])
            answered = True
            self.slots[ring] = int(heading["slots"])
            return frames
        finally:
            if answered:
                self._own.give(host, connection)
            else:
                connection.close()


class _OfThread(threading.local):
    """The idle connections of one thread, by server: under gevent a socket belongs to the thread that made it."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._idle: dict[str, list[socket.socket]] = {}

    def take(self, host: str) -> socket.socket | None:
        if self._process != os.getpid():  # after a fork they belong to the parent
            self._process, self._idle = os.getpid(), {}
        idle = self._idle.get(host)
        return idle.pop() if idle else None

    def give(self, host: str, connection: socket.socket) -> None:
        self._idle.setdefault(host, []).append(connection)

    def close(self) -> None:
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()


def _connect(host: str) -> socket.socket:
    address, _, port = host.rpartition(":")
    if not address or not port.isdigit():
        raise CommunicationFailed(f"frame server at {host!r}: is no address; a reference names it as ADDRESS:PORT")
    connection = socket.create_connection((address.strip("[]"), int(port)), CONNECT_SECONDS)
    connection.settimeout(ANSWER_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _heading(connection: socket.socket) -> tuple[dict[str, Any], bytes]:
    """The line of JSON of an answer, and what came with it of the frames."""
    got = b""
    while b"\n" not in got:
        more = connection.recv(LONGEST_HEADING)
        if not more or len(got) > LONGEST_HEADING:
            raise ConnectionResetError("the connection was closed")
        got += more
    line, _, rest = got.partition(b"\n")
    try:
        heading = json.loads(line)
        return {"status": "", "bytes": 0, "count": 0, "slots": 0, **heading}, rest
    except (ValueError, TypeError) as error:
        raise ConnectionResetError("it does not speak the protocol of frames") from error


def _fill(connection: socket.socket, into: memoryview) -> None:
    while into:
        got = connection.recv_into(into)
        if not got:
            raise ConnectionResetError("the connection was closed in the middle of a frame")
        into = into[got:]
