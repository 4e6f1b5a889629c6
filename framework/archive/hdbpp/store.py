"""The store of a facility: events go into the SQLite buffer first, as all do, and from there into the database."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ronda.framework.archive import buffer
from ronda.framework.archive.buffer import Buffer
from ronda.framework.archive.hdbpp.place import Place, faults, library, remember, remembered
from ronda.framework.archive.record import EVERYTHING, Event
from ronda.framework.archive.store import Compacted, Store
from ronda.framework.errors import ServiceFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ronda.framework.archive.hdbpp.sending import Sender

STEP = 10_000
"""Events that go into the database in one transaction."""

SPACE = 10e9
"""Bytes that the buffer may take on the disk while the database is away."""

IDENTITY, SENT = "identity", "sent"
"""Marks in the buffer: its own number, and the last serial number that went into a database."""


class FacilityStore(Store):
    """A store whose events go into PostgreSQL, in the schema of HDB++; may be used by several threads."""

    def __init__(self, folder: Path, place: Place, space: float = SPACE) -> None:
        """Open the buffer in a folder; the database need not be there.

        Args:
            folder: of the buffer; made if it is not there.
            place: the database.
            space: bytes that the buffer may take.

        Raises:
            NotAllowed, ServiceFailed: as for `Store`.
        """
        super().__init__(folder)
        self.place = place
        self.space = space
        self._sender: Sender | None = None
        try:
            remember(folder, place)
            self._identity = _mark(self._buffer, IDENTITY, secrets.randbits(62))
        except (OSError, sqlite3.Error) as error:
            super().close()
            raise ServiceFailed(f"the archive {folder} cannot be written: {error}") from error

    def append(self, events: Sequence[Event]) -> None:
        """Store events as `Store` does.

        Raises:
            BadValue: one of them cannot be stored; none is.
            ServiceFailed: the disk is full or fails, or the buffer has all the space that it may have; none is stored.
        """
        if self.used > self.space:
            raise ServiceFailed(
                f"the buffer in {self.folder} is full: {self.buffered} events take {self.space / 1e9:g} GB and wait "
                f"for {self.place}"
            )
        super().append(events)

    def compact(self, older_than: float | None = None, now: float | None = None) -> Compacted:  # noqa: ARG002 - as `Store`
        """Bring all events into the database.

        May be called in a thread beside those that append, and killed anywhere.

        Args:
            older_than: events that are in the database stay in the buffer, too, where they were received later, in s
                since 1970; None for none.
            now: of no meaning here.

        Raises:
            ServiceFailed: the database does not answer or refuses; nothing is lost, call it again.
        """
        with self._compacting:
            try:
                rows = self._send_all()
                self._forget(time.time() if older_than is None else older_than)
            except (OSError, sqlite3.Error) as error:
                raise ServiceFailed(f"the buffer in {self.folder} cannot be used: {error}") from error
        return Compacted(rows, 0, 0, 0)

    def waiting(self) -> str:
        """How much waits for the database, as a clause."""
        return f"{self.buffered} events wait on the disk, of which they may take {self.space / 1e9:g} GB"

    @property
    def used(self) -> int:
        """Bytes of the buffer that events take."""
        with self._buffer.lock:
            ask = self._buffer.connection.execute
            pages, free, size = (
                ask(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * size)

    @property
    def behind(self) -> float:
        """For how long the oldest event waits for the database, in s."""
        with self._buffer.lock:
            row = self._buffer.connection.execute(
                "SELECT time + delay FROM events WHERE serial > (SELECT value FROM marks WHERE name = 'compacted') "
                "ORDER BY serial LIMIT 1"
            ).fetchone()
        return 0.0 if row is None else max(0.0, time.time() - row[0] / 1e6)

    def close(self) -> None:
        """Let go of the folder and of the database; what waits is sent when it is opened again."""
        if self._compacting.acquire(timeout=1.0):  # whoever waits for the database is left alone
            try:
                self._let_go()
            finally:
                self._compacting.release()
        super().close()

    # -- with the lock `_compacting`

    def _send_all(self) -> int:
        psycopg = library()
        from ronda.framework.archive.hdbpp.sending import Moved

        count = 0
        while True:
            try:
                with faults(self.place), contextlib.closing(sqlite3.connect(self._buffer.path, timeout=60)) as reader:
                    sender = self._sender or self._meet()
                    while rows := reader.execute(f"{buffer.ROWS} ORDER BY e.serial LIMIT ?", (STEP,)).fetchall():
                        try:
                            sender.send(rows, rows[-1][0])
                        except (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError):
                            sender = self._send_after_refusal(rows)
                        self._sent(rows[-1][0])
                        count += len(rows)
                return count
            except Moved:  # wherever it was found out: ask what is there again
                self._let_go()
            except BaseException:
                self._let_go()
                raise

    def _meet(self) -> Sender:
        """Connect, and agree on what is there."""
        from ronda.framework.archive.hdbpp.sending import Sender

        self._sender = sender = Sender(self.place, self._identity)
        (there, received), sent = sender.position(), _mark(self._buffer, SENT)
        if there is None or there < sent:  # never used, made anew, or taken from a back-up
            rows = [] if sent == 0 else [self._gap(received)]
            sender.send(rows, max(sent, self._buffer.compacted))
        elif there > self._buffer.compacted:
            self._sent(there)  # killed after the database had them, and before the buffer knew
        return sender

    def _gap(self, since: float | None) -> tuple[Any, ...]:
        """A row that says that events of this buffer are not in the database any more, from a time on."""
        begin = since or self._buffer.last_received() or time.time()
        note = "events that were stored are not in the database any more: it was made anew, or from a back-up"
        return (-time.time_ns(), EVERYTHING, round(begin * 1e6), 0, "gap", "", "VALID", 0, None, None, None, note)

    def _send_after_refusal(self, rows: Sequence[tuple[Any, ...]]) -> Sender:
        """The database refused rows: somebody else stores the same attributes, or a value fits no column. With a new
        connection it is asked what is there; what it refuses again goes where everything has a place.
        """
        import psycopg

        self._let_go()
        sender = self._meet()
        try:
            sender.send(rows, rows[-1][0])
        except psycopg.Error as error:
            if isinstance(error, psycopg.OperationalError):
                raise
            self._let_go()
            sender = self._meet()
            sender.send(rows, rows[-1][0], plainly=False)
        return sender

    def _sent(self, serial: int) -> None:
        with self._buffer.writing() as connection:
            for mark in ("compacted", SENT):
                connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (mark, serial))

    def _forget(self, received: float) -> None:
        """Delete the rows that are in the database and were received before a time."""
        with contextlib.closing(sqlite3.connect(self._buffer.path, timeout=60)) as reader:
            (first,) = reader.execute("SELECT min(serial) FROM events").fetchone()
            query = "SELECT serial FROM events WHERE time + delay >= ? ORDER BY serial LIMIT 1"
            kept = reader.execute(query, (round(received * 1e6),)).fetchone()
        if first is None or (kept is not None and kept[0] == first):
            return
        last = self._buffer.last_received()
        with self._buffer.writing() as connection:  # so that it is known when nothing is left
            connection.execute("INSERT OR REPLACE INTO marks VALUES ('received', ?)", (round((last or 0.0) * 1e6),))
        self._buffer.forget_compacted(until=None if kept is None else kept[0] - 1)

    def _let_go(self) -> None:
        sender, self._sender = self._sender, None
        if sender is not None:
            with contextlib.suppress(Exception):
                sender.connection.close()


def open_store(folder: Path) -> Store:
    """The store in a folder, whatever it is.

    Raises:
        NotAllowed, ServiceFailed: as for `Store`.
    """
    place = remembered(folder)
    return Store(folder) if place is None else FacilityStore(folder, place)


def _mark(store: Buffer, name: str, first: int = 0) -> int:
    """A mark of the buffer, made if it is not there."""
    with store.writing() as connection:
        connection.execute("INSERT OR IGNORE INTO marks VALUES (?, ?)", (name, first))
        return int(connection.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()[0])
