"""Whether a process that exists also answers: a stopped or hung one is found as surely as a dead one."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from ronda.framework.errors import CommunicationFailed

Ask = Callable[[], Any]
"""Asks a process for a sign of life; returns when it came, raises when it did not. Bounded in time by itself."""

PERIOD = 2.0
"""Seconds between two questions."""

LINE_TIME = 2.5
"""Seconds for the answer to a line."""

DATABASE_AWAY = frozenset({"API_CantConnectToDatabase", "API_DatabaseAccess"})
"""Tango's reasons that say nothing of the server asked for, only that its address cannot be looked up now."""


class Pulse:
    """Asks one process again and again in a thread of its own, so that one that hangs delays no other."""

    def __init__(self, name: str, ask: Ask) -> None:
        """Begin to ask; the thread ends with `stop`."""
        self._ask = ask
        self._stop = threading.Event()
        self._asked = self._answered = 0.0
        self._problem = ""
        self._thread = threading.Thread(target=self._run, name=f"pulse {name}", daemon=True)
        self._thread.start()

    @property
    def silent_for(self) -> float:
        """Seconds since the first question that has no answer yet; 0 when the last one was answered."""
        asked = self._asked
        return time.monotonic() - asked if asked > self._answered else 0.0

    @property
    def problem(self) -> str:
        """What the last question met."""
        return self._problem

    def stop(self) -> None:
        """Ask no more; does not wait for the question in hand."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(PERIOD):
            if self._asked <= self._answered:
                self._asked = time.monotonic()
            try:
                self._ask()
            except Exception as error:  # noqa: BLE001 whatever it is, the process did not answer
                self._problem = str(error)
            else:
                self._answered = time.monotonic()
                self._problem = ""


def ask_redis(client: Any) -> Ask:
    """A sign of life from Redis: `PING`. An error is an answer too: it loads its log, or its disk is full."""
    import redis

    def ask() -> None:
        with contextlib.suppress(redis.BusyLoadingError, redis.ResponseError):
            client.ping()

    return ask


def ask_line(address: str, port: int) -> Ask:
    """A sign of life from a program that answers lines: any line in return for an empty object, also an error."""

    def ask() -> None:
        with socket.create_connection((address, port), LINE_TIME) as connection:
            connection.sendall(b"{}\n")
            if not connection.recv(1):
                raise CommunicationFailed("it closed the connection without an answer")

    return ask


def ask_page(address: str, port: int, *, secure: bool) -> Ask:
    """A sign of life from a web server, under a name that every one of ours has: any answer counts.

    Args:
        secure: whether it speaks TLS. Whose certificate it is does not matter: nothing is told and nothing believed.
    """
    import http.client
    import ssl

    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - compared, not bound

    def ask() -> None:
        if secure:
            context = ssl._create_unverified_context()  # noqa: S323, SLF001 - the library's only name for it
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=LINE_TIME, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=LINE_TIME)
        with contextlib.closing(connection):
            connection.request("HEAD", "/", headers={"Host": "localhost"})
            connection.getresponse()

    return ask


def ask_tango(tango_host: str, device: str) -> Ask:
    """A sign of life from a Tango server, through one of its devices.

    Args:
        tango_host: `HOST:PORT` of the Tango database, which is needed for the first question only.
        device: Tango name of the device.

    `State` is asked because it is answered by Python code: a process whose interpreter is stuck still answers `ping`.
    """
    import tango

    def connect() -> Any:
        return tango.DeviceProxy(f"tango://{tango_host}/{device}")

    return _ask(connect, lambda proxy: proxy.state())


def ask_tango_database(host: str) -> Ask:
    """A sign of life from the Tango database at `HOST:PORT`."""
    import tango

    address, _, port = host.rpartition(":")

    def connect() -> Any:
        return tango.Database(address, int(port))

    return _ask(connect, lambda database: database.command_inout("State"), excused=frozenset())


def _ask(connect: Callable[[], Any], question: Callable[[Any], Any], excused: frozenset[str] = DATABASE_AWAY) -> Ask:
    """Ask over Tango. Any answer counts, an error of the device as well; only silence and a closed port do not."""
    import tango

    kept: list[Any] = []

    def ask() -> None:
        with tango.EnsureOmniThread():
            try:
                if not kept:
                    kept.append(connect())
                    kept[0].set_timeout_millis(2500)
                question(kept[0])
            except tango.DevFailed as error:
                reasons = {entry.reason for entry in error.args}
                unreached = isinstance(error, tango.ConnectionFailed | tango.CommunicationFailed)
                if unreached or "API_CorbaException" in reasons:
                    kept.clear()
                    if not reasons & excused:
                        raise CommunicationFailed(str(error.args[0].desc).strip()) from error

    return ask
