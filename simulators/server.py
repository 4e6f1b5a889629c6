"""One TCP port: lines in, answers out, any number of clients."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

from ronda.simulators.faults import Faults
from ronda.simulators.framing import LINES, Framing

LOOK = 0.02
"""Seconds between two looks whether an instrument that hangs still does."""


class LineServer:
    """Serves an instrument on a port.

    Args:
        answer: gives the reply to a line, both without line end; bytes go out as they are; None for no reply.
        loop: where it runs.
        framing: how bytes become lines.
        afterwards: called when answers have been sent; None for nothing.
    """

    def __init__(
        self,
        answer: Callable[[str], str | bytes | None],
        loop: asyncio.AbstractEventLoop,
        framing: Framing = LINES,
        afterwards: Callable[[], None] | None = None,
    ) -> None:
        self.answer = answer
        self.loop = loop
        self.framing = framing
        self.afterwards = afterwards
        self.faults = Faults(loop.time)
        self.connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, address: str, port: int) -> int:
        """Listen; returns the port, which is a free one if 0 was asked for.

        Raises:
            OSError: the port cannot be had.
        """
        self._server = await self.loop.create_server(lambda: Connection(self), address, port)
        listening: int = self._server.sockets[0].getsockname()[1]
        return listening

    def drop_clients(self) -> None:
        """Close all connections without a word."""
        for connection in list(self.connections):
            connection.drop()

    def close(self) -> None:
        """Stop listening and drop all clients."""
        if self._server is not None:
            self._server.close()
        self.drop_clients()


class Connection(asyncio.Protocol):
    """One client of an instrument."""

    def __init__(self, server: LineServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._overflowed = False
        self._lines: deque[bytes] = deque()
        self._waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP's is one
        if self._server.faults.refusing:
            transport.abort()
            return
        self._transport = transport
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The client went."""
        self._transport = None
        self._server.connections.discard(self)
        if self._waiting is not None:
            self._waiting.cancel()

    def pause_writing(self) -> None:
        """The client does not read what it asked for: take no more questions from it."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Bytes came, not necessarily whole lines."""
        lines, self._received = self._server.framing.split(self._received + data)
        for line in lines:
            too_long = self._overflowed or len(line) > self._server.framing.longest
            self._lines.append(b"" if too_long else line)
            self._overflowed = False
        if len(self._received) > self._server.framing.longest:
            self._received = b""
            self._overflowed = True
        if self._waiting is None:
            self._serve()

    def drop(self) -> None:
        """Close without a word."""
        if self._transport is not None:
            self._transport.abort()

    def _serve(self, *, waited: bool = False) -> None:
        """Answer the lines that came, now or when the faults allow it."""
        self._waiting = None
        answers = []
        faults = self._server.faults
        while self._lines and self._transport is not None:
            silence = faults.silence()
            wait = min(silence, LOOK) if silence > 0 else 0.0 if waited else faults.delay
            if wait > 0:
                self._waiting = self._server.loop.call_later(wait, partial(self._serve, waited=True))
                break
            waited = False
            line = self._lines.popleft().decode(self._server.framing.encoding, errors="replace")
            reply = self._server.answer(line)
            if isinstance(reply, str):
                reply = reply.encode("latin-1", errors="replace") + b"\n"
            if reply is not None:
                answers.append(faults.distort(reply))
        if answers and self._transport is not None:
            self._transport.write(b"".join(answers))
            if self._server.afterwards is not None:
                # after one more look at who else asks: what came in the same moment is answered first
                loop = self._server.loop
                loop.call_soon(loop.call_soon, self._server.afterwards)
