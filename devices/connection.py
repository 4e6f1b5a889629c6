"""A TCP connection to an instrument that answers lines with lines."""

from __future__ import annotations

import contextlib
import logging
import math
import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from ronda.devices.log import brief, talk_of
from ronda.framework.errors import CommunicationFailed, ConfigurationError, RondaError, TimedOut

T = TypeVar("T")

LONGEST_REPLY = 1 << 20
"""Bytes after which a reply without an end is taken for garbage."""


class LineConnection:
    """Asks a line, returns the line that answers it.

    A reply can never be taken for the answer to another question: after any failure the connection is closed and must
    be opened again, and bytes that nobody asked for are a failure.
    """

    def __init__(
        self, instrument: str, address: str, *, timeout: float = 1.0, ending: bytes = b"\n", encoding: str = "ascii"
    ) -> None:
        """Nothing is opened yet.

        Args:
            instrument: its name, for messages.
            address: `HOST:PORT`.
            timeout: longest time for connecting and for each reply, in s.
            ending: what ends each line, sent and received.
            encoding: of the text.

        Raises:
            ConfigurationError: the address cannot be used.
        """
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise ConfigurationError(f"{instrument}: the address should be HOST:PORT, not {address!r}")
        self._place = (host.strip("[]"), int(port))
        self._who = f"{instrument} at {address}"
        self._timeout = timeout
        self._ending = ending
        self._encoding = encoding
        self._socket: socket.socket | None = None
        self._talk_log = talk_of(instrument)

    def open(self) -> None:
        """Connect; an open connection is closed first.

        Raises:
            CommunicationFailed: nothing listens there, or it cannot be reached in time.
        """
        self.close()
        try:
            self._socket = socket.create_connection(self._place, timeout=self._timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # With a time-out, Python asks the system three times as much for each line.
            self._socket.setblocking(False)
            self._readable = select.poll()  # unlike select.select, knows the descriptors above 1023 of a big server
            self._readable.register(self._socket, select.POLLIN)
        except OSError as error:
            self.close()
            why = f"no answer within {self._timeout:g} s" if isinstance(error, TimeoutError) else _reason(error)
            raise CommunicationFailed(
                f"cannot connect to {self._who}: {why}; is it switched on, and the address right?"
            ) from error

    def close(self) -> None:
        """Let go; harmless when nothing is open."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None

    def query(self, line: str) -> str:
        """Send a line and return the next one, both without their ending.

        Raises:
            TimedOut: no complete reply within the time-out.
            CommunicationFailed: the connection is not open, was lost, or brought something that is no reply.
        """
        return self.query_all([line])[0]

    def query_all(self, lines: Sequence[str]) -> list[str]:
        """Send several lines in one go and return what answers each; for instruments that take the next one meanwhile.

        Raises:
            as `query`.
        """
        return self.ask(lines, lambda replies: len(replies) < len(lines))

    def ask(self, lines: Sequence[str], more: Callable[[list[str]], bool], block: bytes = b"") -> list[str]:
        """Send several lines in one go and return all that answers, where an answer may have several lines.

        Args:
            lines: what to send.
            more: told the lines that have come (at least one), whether another is to come.
            block: bytes as they are, sent right behind the lines.

        Raises:
            as `query`.
        """
        line = "; ".join(lines)
        return self._talk(line, lambda connected: self._exchange(connected, lines, line, more, block))

    def fetch(self, line: str, length: Callable[[str], int]) -> tuple[str, bytearray]:
        """Send a line that is answered by a line and, right behind it, bytes as they are, such as an image.

        Args:
            line: what to send.
            length: number of bytes, from the line that came; 0 for none.

        Returns:
            The line without its ending, and the bytes.

        Raises:
            as `query`; the time-out is for each piece that comes.
        """
        return self._talk(line, lambda connected: self._receive(connected, line, length))

    def _talk(self, line: str, exchange: Callable[[socket.socket], T]) -> T:
        """Do an exchange, and write it into the log if somebody wants that."""
        if not self._talk_log.isEnabledFor(logging.DEBUG):
            return self._whole(line, exchange)
        begun = time.monotonic()
        try:
            answer = self._whole(line, exchange)
        except RondaError as error:
            self._talk_log.debug("%s: %s", brief(line), error)
            raise
        self._talk_log.debug("%s -> %s, %.1f ms", brief(line), brief(answer), 1000 * (time.monotonic() - begun))
        return answer

    def _whole(self, line: str, exchange: Callable[[socket.socket], T]) -> T:
        """Do an exchange; after one that failed nobody knows what comes next, so the connection is closed then."""
        if self._socket is None:
            raise CommunicationFailed(f"{self._who} was asked {_short(line)} while not connected")
        try:
            return exchange(self._socket)
        except (CommunicationFailed, TimedOut):
            self.close()
            raise
        except TimeoutError as error:
            self.close()
            raise TimedOut(f"{self._who} did not answer {_short(line)} within {self._timeout:g} s") from error
        except OSError as error:
            self.close()
            raise CommunicationFailed(
                f"the connection to {self._who} broke when it was asked {_short(line)}: {_reason(error)}"
            ) from error

    def _receive(self, connection: socket.socket, line: str, length: Callable[[str], int]) -> tuple[str, bytearray]:
        self._send(connection, line.encode(self._encoding) + self._ending, time.monotonic() + self._timeout)
        received = b""
        while self._ending not in received:
            self._await_bytes()
            chunk = connection.recv(65536)
            if not chunk:
                raise CommunicationFailed(f"{self._who} closed the connection instead of answering {_short(line)}")
            received += chunk
            if len(received) > LONGEST_REPLY and self._ending not in received:
                raise CommunicationFailed(f"{self._who} answers {_short(line)} without an end: {received[:100]!r}")
        heading, _, rest = received.partition(self._ending)
        reply = self._text(line, heading)
        data = bytearray(length(reply))
        if len(rest) > len(data):
            raise CommunicationFailed(f"{self._who} answers {_short(line)} with more than it said")
        data[: len(rest)] = rest
        view = memoryview(data)[len(rest) :]
        while view:
            self._await_bytes()
            got = connection.recv_into(view)
            if not got:
                raise CommunicationFailed(f"{self._who} closed the connection in the middle of its data")
            view = view[got:]
        return reply, data

    def _await_bytes(self) -> None:
        if not self._readable.poll(math.ceil(1000 * self._timeout)):
            raise TimeoutError

    def _exchange(
        self,
        connection: socket.socket,
        lines: Sequence[str],
        line: str,
        more: Callable[[list[str]], bool],
        block: bytes,
    ) -> list[str]:
        with contextlib.suppress(BlockingIOError):
            unasked = connection.recv(200)
            raise CommunicationFailed(
                f"{self._who} closed the connection before it was asked {_short(line)}"
                if not unasked
                else f"{self._who} sent {unasked!r} before it was asked {_short(line)}"
            )
        deadline = time.monotonic() + self._timeout
        message = b"".join(each.encode(self._encoding) + self._ending for each in lines)
        self._send(connection, message + block, deadline)
        replies: list[str] = []
        received, size = b"", 0
        while True:
            reply, ended, rest = received.partition(self._ending)
            if ended:
                replies.append(self._text(line, reply))
                received = rest
                if more(replies):
                    continue
                if rest:
                    raise CommunicationFailed(
                        f"{self._who} answers {_short(line)} with more than a line: {rest[:100]!r}"
                    )
                return replies
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimedOut(
                    f"{self._who} did not end its answer to {_short(line)} within {self._timeout:g} s; "
                    f"it sent {received[:100]!r}"
                )
            if not self._readable.poll(math.ceil(1000 * left)):
                raise TimeoutError
            chunk = connection.recv(65536)
            if not chunk:
                raise CommunicationFailed(f"{self._who} closed the connection instead of answering {_short(line)}")
            received += chunk
            size += len(chunk)
            if size > LONGEST_REPLY:
                raise CommunicationFailed(f"{self._who} answers {_short(line)} without an end: {received[:100]!r}")

    @staticmethod
    def _send(connection: socket.socket, message: bytes, deadline: float) -> None:
        while True:
            with contextlib.suppress(BlockingIOError):
                message = message[connection.send(message) :]
                if not message:
                    return
            room = select.poll()
            room.register(connection, select.POLLOUT)
            if not room.poll(max(0, math.ceil(1000 * (deadline - time.monotonic())))):
                raise TimeoutError

    def _text(self, line: str, reply: bytes) -> str:
        try:
            return reply.decode(self._encoding)
        except UnicodeDecodeError as error:
            raise CommunicationFailed(f"{self._who} answers {_short(line)} with {reply[:100]!r}") from error


def _short(line: str) -> str:
    return repr(line if len(line) <= 60 else f"{line[:60]}…")


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
