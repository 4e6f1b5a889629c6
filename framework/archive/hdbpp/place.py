"""Where a logger's events go: a database by its URL, and how a connection to it is made."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from ronda.framework.errors import BadValue, ServiceFailed

if TYPE_CHECKING:
    from psycopg import Connection

FILE = "database.json"
"""In the folder of a store whose events are in a database: which one."""

CONNECT_LIMIT = 5
"""Seconds until a database that does not answer a new connection counts as away."""

ANSWER_LIMIT = 60
"""Seconds that one statement may take."""

SILENCE_LIMIT = 15
"""Seconds after which a connection over which nothing comes is given up."""

FORM = "postgresql://USER@HOST:PORT/DATABASE"

SECRETS = ("password", "passfile", "sslpassword")


@dataclass(frozen=True)
class Place:
    """A database, and under which names a logger's events stand in it.

    Attributes:
        database: its URL, without a password.
        logger: name of the logger, of which there is one in a control system.
        cs_name: the control system: `HOST:PORT` of its Tango database.
        password: the environment variable that has the password, as `${NAME}`; empty, or where that is not set, libpq
            looks for one in PGPASSWORD, and in the file PGPASSFILE or `~/.pgpass`.
    """

    database: str
    logger: str
    cs_name: str
    password: str = ""

    def __str__(self) -> str:
        parts = urlsplit(self.database)
        query = dict(parse_qsl(parts.query))
        where = query.get("host") or parts.netloc.rpartition("@")[2] or "this machine"
        return f"the database {parts.path.lstrip('/')} on {where}"

    def prefix(self) -> str:
        """What stands before our names in those of HDB++."""
        return f"tango://{self.cs_name}/"


def check_url(url: str) -> str:
    """The same URL.

    Raises:
        BadValue: it is none of a PostgreSQL database, or has a password.
    """
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        port = parts.port
    except ValueError as error:
        raise BadValue(f"must be {FORM} ({error})") from error
    if parts.password is not None or any(name in query for name in SECRETS):
        raise BadValue("must have no password: write 'password: ${NAME}' beside it, and set that environment variable")
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/") or (port is not None and port < 1):
        raise BadValue(f"must be {FORM}")
    return url


def remember(folder: Path, place: Place) -> None:
    """Note in the folder of a store where its events go."""
    path, fresh = folder / FILE, folder / f".{FILE}.{os.getpid()}.part"
    text = json.dumps(asdict(place), indent=2) + "\n"
    if path.exists() and path.read_text() == text:
        return
    fresh.write_text(text)
    fresh.replace(path)


def remembered(folder: Path) -> Place | None:
    """Where the events of a store go; None if they stay in its folder.

    Raises:
        ServiceFailed: the note of this cannot be read.
    """
    path = folder / FILE
    try:
        return Place(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise ServiceFailed(f"{path}, which says where events are stored, cannot be read: {error}") from error


def connect(place: Place, limit: float = CONNECT_LIMIT) -> Connection[Any]:
    """Connect to the database; one statement is one transaction, unless it is in a block `transaction`.

    Args:
        place: which.
        limit: seconds that this may take for one of its addresses.

    Raises:
        ServiceFailed: it does not answer, or does not let us in.
    """
    psycopg = library()
    variable = place.password.removeprefix("${").removesuffix("}")
    word = os.environ.get(variable) if variable else None
    more = {"password": word} if word else {}
    options = f"-c TimeZone=UTC -c DateStyle=ISO -c statement_timeout={1000 * ANSWER_LIMIT}"
    with faults(place):
        connection: Connection[Any] = psycopg.connect(
            place.database,
            autocommit=True,
            connect_timeout=max(2, round(limit)),
            application_name=f"ronda {place.logger}"[:63],
            options=options,
            keepalives_idle=SILENCE_LIMIT,
            keepalives_interval=5,
            keepalives_count=2,
            tcp_user_timeout=1000 * SILENCE_LIMIT,
            **more,
        )
    return connection


@contextlib.contextmanager
def limited(connection: Connection[Any], limit: float) -> Iterator[None]:
    """Cut a connection over which no answer came in `limit` s: a server that hangs says nothing, nor does its host."""
    timer = threading.Timer(limit, _cut, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(connection: Connection[Any]) -> None:
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def faults(place: Place) -> Iterator[None]:
    """What goes wrong with a database as a sentence."""
    psycopg = library()
    try:
        yield
    except psycopg.OperationalError as error:
        raise ServiceFailed(f"{place} does not answer ({first_line(error)})") from error
    except psycopg.Error as error:
        raise ServiceFailed(f"{place} refuses what it is told ({first_line(error)})") from error


def library() -> Any:
    """The module psycopg, imported when it is needed.

    Raises:
        ServiceFailed: it is not installed.
    """
    try:
        import psycopg
    except ImportError as error:
        raise ServiceFailed(
            f"events cannot go to PostgreSQL: psycopg is not there ({error}); `pip install 'ronda[facility]'`"
        ) from error
    return psycopg


def first_line(error: Exception) -> str:
    """The first line of what a library says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].removeprefix("connection is bad: ") if lines else type(error).__name__
