"""The memory of the digitiser that its data wait in, and the port from which one client takes them."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections import deque
from collections.abc import Callable

LOOK = 0.05
"""Longest wait in one piece, in s."""


class Outlet:
    """Sends what is put into it in order; what does not fit is lost.

    Args:
        address: of the network interface.
        port: on which a client takes the data; 0 for a free one.
        memory: bytes that wait at most.

    Attributes:
        port: on which it listens.
        waiting: bytes that wait.
    """

    def __init__(self, address: str, port: int, memory: int) -> None:
        self._listener = socket.create_server((address, port))
        self.port: int = self._listener.getsockname()[1]
        self.waiting = 0
        self._memory = memory
        self._changed = threading.Condition()
        self._items: deque[tuple[int, Callable[[], bytes]]] = deque()
        self._client: socket.socket | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="digitiser", daemon=True)
        self._thread.start()

    def put(self, size: int, make: Callable[[], bytes]) -> bool:
        """Let a packet go out; whether there is room for it.

        Args:
            size: its bytes.
            make: makes it, in the thread that sends.
        """
        with self._changed:
            if self.waiting + size > self._memory:
                return False
            self._items.append((size, make))
            self.waiting += size
            self._changed.notify()
            return True

    def clear(self) -> None:
        """Forget what waits."""
        with self._changed:
            self._items.clear()
            self.waiting = 0

    def close(self) -> None:
        """Stop listening."""
        self._closed = True
        with contextlib.suppress(OSError):
            if self._client is not None:
                self._client.shutdown(socket.SHUT_RDWR)
        self._thread.join(1.0)
        self._listener.close()

    def _serve(self) -> None:
        while not self._closed:
            self._look_for_client()
            with self._changed:
                if self._client is None or not self._items:
                    self._changed.wait(LOOK)
                    continue
                size, make = self._items[0]
            packet = make()
            self._look_for_client()  # one that came before what is to be sent gets it
            with self._changed:
                if self._client is None:
                    continue
                if self._items and self._items[0][1] is make:
                    self._items.popleft()
                    self.waiting -= size
                else:  # cleared meanwhile
                    continue
            try:
                self._client.sendall(packet)
            except OSError:
                self._drop()
        self._drop()

    def _look_for_client(self) -> None:
        """Take the latest client; one that has gone is dropped."""
        with contextlib.suppress(OSError, ValueError):
            while select.select([self._listener], [], [], 0)[0]:
                self._drop()
                self._client = self._listener.accept()[0]
                self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._client is not None and select.select([self._client], [], [], 0)[0] and not self._client.recv(64):
                self._drop()

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
