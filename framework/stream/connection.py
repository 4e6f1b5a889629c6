"""The connection to Redis: its address, its errors in words, and commands that outlive an interruption."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from ronda.framework.errors import BadValue, CommunicationFailed, NotAllowed, RondaError, ServiceFailed
from ronda.framework.stream import keys
from ronda.framework.stream.scripts import Script

try:
    import hiredis  # packs in half the time that redis-py needs to reach it
except ImportError:
    hiredis = None  # type: ignore[assignment] # a client may do without

CONNECT_TIMEOUT = 3.0
ANSWER_TIMEOUT = 5.0
"""Seconds until a connection on which nothing comes is given up and made anew."""

INTERRUPTIONS = (redis.ConnectionError, redis.TimeoutError, OSError)
BUSY_ANSWERS = ("MISCONF", "LOADING", "READONLY", "MASTERDOWN", "TRYAGAIN", "BUSY ")
"""How answers begin that will be different once Redis is itself again."""

Command = tuple[Any, ...]

T = TypeVar("T")


class Server:
    """A Redis or Valkey: sends commands and, after an interruption, sends them again for a while.

    Every command sent through it may be sent twice, so each must do no harm then. Safe for threads and greenlets: a
    call takes a connection for itself, and no lock is held while it waits.

    Args:
        url: `redis://HOST:PORT/DB`, `rediss://…` (TLS) or `unix:///PATH`.
        user, password: as Redis knows them.
        patience: seconds for which a call tries again when Redis does not answer.

    Raises:
        BadValue: the URL cannot be read.
    """

    def __init__(
        self, url: str, *, user: str | None = None, password: str | None = None, patience: float = 30.0
    ) -> None:
        self.address = re.sub(r"(://)[^/@]*@", r"\1", url).partition("?")[0]
        try:
            options: dict[str, Any] = dict(parse_url(url))  # type: ignore[no-untyped-call] # redis-py has no types here
        except ValueError as error:
            raise BadValue(
                f"Redis at {self.address}: the address cannot be read; use redis://HOST:PORT, rediss://HOST:PORT "
                "or unix:///PATH"
            ) from error
        self.patience = patience
        self._class: Callable[..., Any] = options.pop("connection_class", redis.Connection)
        options.setdefault("socket_timeout", ANSWER_TIMEOUT)
        options.setdefault("socket_connect_timeout", CONNECT_TIMEOUT)
        options.setdefault("socket_read_size", 1 << 18)
        if user is not None:
            options["username"] = user
        if password is not None:
            options["password"] = password
        self._options = {**options, "protocol": 2, "retry": Retry(NoBackoff(), 0), "client_name": "ronda"}
        self._own = _OfThread()
        self._all: weakref.WeakSet[Link] = weakref.WeakSet()

    def call(self, *command: Any) -> Any:
        """Send a command and return the plain answer: bytes, int, list or None.

        Raises:
            CommunicationFailed: Redis did not answer within the patience.
            NotAllowed: Redis refuses this user or command.
            redis.ResponseError: Redis answered with another error.
        """
        return self.insist(lambda: self.once(command)[0])

    def calls(self, commands: Sequence[Command]) -> list[Any]:
        """Send several commands in one go and return their answers.

        Raises:
            as `call`.
        """
        return self.insist(lambda: self.once(*commands))

    def script(self, script: Script, *arguments: Any) -> Any:
        """Run one of our scripts.

        Raises:
            as `call`.
        """
        return self.insist(lambda: self.script_once(script, *arguments))

    def script_once(self, script: Script, *arguments: Any) -> Any:
        """Run a script without patience.

        Raises:
            redis.RedisError, OSError: as they come.
        """
        with self.link() as link:
            return link.script(script, *arguments)

    def once(self, *commands: Command) -> list[Any]:
        """Send commands without patience.

        Raises:
            redis.RedisError, OSError: as they come.
        """
        with self.link() as link:
            return link.send(*commands)

    def link(self) -> Link:
        """A connection for one exchange: `with server.link() as link`."""
        own = self._own
        if own.process != os.getpid():  # after a fork the sockets belong to the parent
            own.process, own.idle = os.getpid(), []
        if own.idle:
            return own.idle.pop()
        link = Link(self._class(**self._options), own.idle)
        self._all.add(link)
        return link

    def insist(self, action: Callable[[], T]) -> T:
        """Do it, again and again while Redis is away, until the patience ends.

        Raises:
            as `call`.
        """
        deadline = time.monotonic() + self.patience
        delay = 0.01
        while True:
            try:
                return action()
            except (*INTERRUPTIONS, redis.ResponseError) as error:
                if not is_interruption(error):
                    explained = self.explain(error)
                    if explained is None:
                        raise
                    raise explained from error
                if time.monotonic() > deadline:
                    raise CommunicationFailed(
                        f"Redis at {self.address}: gives no answer since {self.patience:g} s ({cause(error)}); "
                        "start it again or look at its log"
                    ) from error
            time.sleep(delay)
            delay = min(2 * delay, 0.5)

    def explain(self, error: Exception) -> RondaError | None:
        """An error of Redis in our words; None if it is not about the connection or its rights."""
        if isinstance(error, redis.AuthenticationError):
            return NotAllowed(
                f"Redis at {self.address}: refuses the user or password ({error}); give those it was configured with"
            )
        if isinstance(error, redis.exceptions.NoPermissionError):
            return NotAllowed(
                f"Redis at {self.address}: this user may not do that ({error}); allow it the keys {keys.ROOT}* "
                "and commands on streams, hashes and scripts"
            )
        if isinstance(error, INTERRUPTIONS):
            return ServiceFailed(
                f"Redis at {self.address}: cannot be reached ({cause(error)}); check the address and that it is running"
            )
        return None

    def leave(self) -> None:
        """Close the connections of this thread, which ends."""
        while self._own.idle:
            self._own.idle.pop().close()

    def close(self) -> None:
        """Close all connections; later commands open new ones."""
        for link in list(self._all):
            link.close()


class Link:
    """One connection. Its loss is final, so what was learnt of Redis through it holds as long as it does.

    Attributes:
        broken: whether it is lost.
        informed: those who know through this link what Redis has; when Redis starts anew, it is on other links.
    """

    def __init__(self, connection: Any, idle: list[Link]) -> None:
        self.broken = False
        self.informed: weakref.WeakSet[Any] = weakref.WeakSet()
        self._connection = connection
        self._idle = idle

    def __enter__(self) -> Link:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.broken:
            self._idle.append(self)

    def send(self, *commands: Command) -> list[Any]:
        """Send commands in one go and return their answers.

        Raises:
            redis.RedisError, OSError: as they come; the first error that Redis answered, after all answers are read.
        """
        connection = self._connection
        answers: list[Any] = []
        try:
            if hiredis is None:
                connection.send_packed_command(connection.pack_commands(commands))
            else:
                connection.send_packed_command([hiredis.pack_command(command) for command in commands])
            for _ in commands:
                try:
                    answers.append(connection.read_response())
                except redis.ResponseError as error:
                    answers.append(error)
        except BaseException:  # also a killed greenlet must not leave an answer behind for the next command
            self.close()
            raise
        for answer in answers:
            if isinstance(answer, redis.ResponseError):
                raise answer
        return answers

    def script(self, script: Script, *arguments: Any) -> Any:
        """Run a script.

        Raises:
            as `send`.
        """
        try:
            return self.send(("EVALSHA", script.sha, 0, *arguments))[0]
        except redis.exceptions.NoScriptError:
            return self.send(("EVAL", script.text, 0, *arguments))[0]

    def close(self) -> None:
        """Give it up."""
        self.broken = True
        self._connection.disconnect()


class _OfThread(threading.local):
    """The idle links of one thread: under gevent a socket belongs to the thread that made it."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.idle: list[Link] = []


def is_interruption(error: BaseException) -> bool:
    """Whether the same command may succeed when it is sent again later."""
    if isinstance(error, redis.AuthenticationError):
        return False
    if isinstance(error, redis.ResponseError):
        return str(error).startswith(BUSY_ANSWERS)
    return isinstance(error, INTERRUPTIONS)


def cause(error: BaseException) -> str:
    """What the operating system said, in a few words."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, socket.gaierror):
            return "nobody knows the name of this host"
        if isinstance(inner, ssl.SSLError):
            return str(inner.reason or inner).lower().replace("_", " ")
        if isinstance(inner, OSError) and inner.errno:
            return {errno.ECONNREFUSED: "connection refused", errno.ENOENT: "there is no such socket"}.get(
                inner.errno, os.strerror(inner.errno).lower()
            )
        if isinstance(inner, TimeoutError | redis.TimeoutError):
            return "no answer in time"
        inner = inner.__cause__ or inner.__context__
    return str(error) or type(error).__name__
