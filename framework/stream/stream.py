"""The door to the stream: connecting to Redis, opening scans, finding them, and the bound of the memory."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from ronda.framework.errors import BadValue, NotAllowed
from ronda.framework.stream import catalogue, keys, lease, retention, scripts
from ronda.framework.stream.answers import Behind
from ronda.framework.stream.board import Board
from ronda.framework.stream.catalogue import News, Record
from ronda.framework.stream.connection import Server
from ronda.framework.stream.control import LEASE
from ronda.framework.stream.description import Description
from ronda.framework.stream.greeting import greet
from ronda.framework.stream.keeper import Keeper
from ronda.framework.stream.lease import Lease
from ronda.framework.stream.logbook import Logbook
from ronda.framework.stream.pointed import Pointer
from ronda.framework.stream.scan import Scan
from ronda.framework.stream.seat import Seat
from ronda.framework.stream.session import Session
from ronda.framework.stream.work import SharedWork

if TYPE_CHECKING:
    from ronda.framework.stream.frames.store import FrameStore

UNKNOWN, REFUSED = -1, -2
"""Answers of script OPEN that are no numbers."""

COST_OF_SCAN = 3000
COST_OF_DEVICE = 1000
"""What the accounting counts for a scan and for each device beside the description, in bytes."""


class Memory(NamedTuple):
    """The accounting of the buffer.

    Attributes:
        used: bytes that data takes.
        limit: bytes it may take at most.
        comfort: bytes above which what every consumer has acknowledged, and ended scans, may leave.
        keep: seconds for which an ended scan stays while there is room.
    """

    used: int
    limit: int
    comfort: int
    keep: float


class Stream:
    """A connection to the stream. Safe for threads and greenlets.

    Args:
        url: `redis://HOST:PORT/DB`, `rediss://HOST:PORT/DB` (TLS) or `unix:///PATH`. Each beamline on a shared Redis
            uses a database of its own.
        user, password: as Redis knows them.
        patience: seconds for which a call tries again when Redis went away, before it raises CommunicationFailed.
        wait: seconds to wait for a Redis that is just being started; without, an absent one is an error at once.

    Raises:
        BadValue: the URL cannot be read.
        ServiceFailed: nobody answers there, or it is not a Redis, or one that is too old.
        NotAllowed: wrong user or password, or not enough rights.
        ConfigurationError: its settings would lose data, or another version of this package has written to it.
    """

    def __init__(
        self,
        url: str,
        *,
        user: str | None = None,
        password: str | None = None,
        patience: float = 30.0,
        wait: float = 0.0,
    ) -> None:
        self._server = Server(url, user=user, password=password, patience=patience)
        self._keeper = Keeper(self._server.leave)
        self._leases: list[Lease] = []
        greet(self._server, wait)

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        user: str | None = None,
        password: str | None = None,
        patience: float = 30.0,
        wait: float = 0.0,
    ) -> Stream:
        """Connect; see the class."""
        return cls(url, user=user, password=password, patience=patience, wait=wait)

    @property
    def address(self) -> str:
        """Where Redis is, without user and password."""
        return self._server.address

    def close(self) -> None:
        """Stop the threads and close the connections; leases are renewed no longer, publishers send no more."""
        for one in self._leases:
            one.stop()
        self._keeper.close()
        self._server.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def session(self, name: str) -> Session:
        """What a session keeps beside its scans."""
        return Session(self._server, name)

    def seat(self, session: str, user: str) -> Seat:
        """A place in a session where one has control and the others look; `Seat.begin` takes it."""
        return Seat(self._server, session, user)

    def board(self) -> Board:
        """What people at prompts ask the displays to show."""
        return Board(self._server)

    def logbook(self) -> Logbook:
        """What people did and said, and the scans."""
        return Logbook(self._server)

    def pointer(self) -> Pointer:
        """What people point at in the live view."""
        return Pointer(self._server)

    def open_scan(
        self,
        description: Description,
        *,
        lease_seconds: float | None = None,
        number_above: int = 0,
        last_number: Callable[[], int] | None = None,
        seat: str = "",
    ) -> Scan:
        """Open a scan in state PREPARING; this works however full the buffer is.

        Args:
            lease_seconds: keep a lease as its owner, which others see run out when this process dies; None for none.
            number_above: the number is greater than this, for a Redis that has forgotten what is on disk.
            last_number: is asked for the last number on disk if Redis knows of none.
            seat: token of who opens it, in a session where somebody has control.

        Raises:
            NotAllowed: somebody else has control of its session.
            CommunicationFailed: Redis does not answer.
        """
        identifier = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        lease = None if lease_seconds is None else Lease(self._server, lease_seconds)
        heading, devices = description.heading(), description.devices_json()
        fixed: list[Any] = [
            f"{description.started.timestamp():.6f}",
            heading,
            devices,
            description.device_names_json(),
            description.consumers_json(),
            len(heading.encode()) + len(devices.encode()) + COST_OF_SCAN + COST_OF_DEVICE * len(description.devices),
            "" if lease is None else lease.token,
            0 if lease is None else lease.milliseconds,
            description.subscans,
        ]
        counter = keys.number_counter(description.counted_in())
        must_know = int(last_number is not None)
        derived = json.dumps([device.name for device in description.devices if device.derived])
        control = (keys.control(description.session) if description.session else "", seat, LEASE, derived)
        number = self._server.script(scripts.OPEN, identifier, counter, number_above, *fixed, must_know, *control)
        if number == UNKNOWN and last_number is not None:
            above = max(number_above, last_number())
            number = self._server.script(scripts.OPEN, identifier, counter, above, *fixed, 0, *control)
        if number == REFUSED:
            raise NotAllowed(
                f"{description.command}: cannot begin, somebody else has control of the session {description.session}; "
                "ask there, or work in another session"
            )
        if lease is not None:
            self._leases = [one for one in self._leases if one.alive] + [lease]
            lease.keep(identifier)
        return Scan(self._server, self._keeper, identifier, number=number, lease=lease)

    def scan(self, which: int | str, *, session: str | None = None, dataset: str | None = None) -> Scan:
        """A scan in memory.

        Args:
            which: its id, its number (of several, the latest), or `last`.
            session, dataset: where its number counts.

        Raises:
            NotFound: memory holds no such scan.
            CommunicationFailed: Redis does not answer.
        """
        identifier = catalogue.identify(self._server, which, session=session, dataset=dataset)
        return Scan(self._server, self._keeper, identifier)

    def shared_work(self, pipeline: str) -> SharedWork:
        """The work that processes share in a pipeline of analysis."""
        return SharedWork(self._server, pipeline)

    def frame_store(self, address: str = "127.0.0.1", port: int = 0) -> FrameStore:
        """A place for the large frames of this process's devices; see `FrameStore`.

        Args:
            address: interface of this host on which readers elsewhere reach its frame server.
            port: 0 for any.
        """
        from ronda.framework.stream.frames.store import FrameStore  # few processes have frames

        return FrameStore(self._server, address, port)

    def sweep_frames(self) -> list[str]:
        """Remove rings on this host whose owners died and whose frames nobody needs; returns their names.

        Raises:
            CommunicationFailed: Redis does not answer.
            ServiceFailed: the folder of rings is not this user's alone.
        """
        from ronda.framework.stream.frames.room import sweep

        return sweep(self._server)

    def scans(
        self,
        *,
        number: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        state: str | Collection[str] | None = None,
        session: str | None = None,
        sample: str | None = None,
        dataset: str | None = None,
    ) -> list[Record]:
        """The scans in memory that fit all that is given, by start time.

        Raises:
            CommunicationFailed: Redis does not answer.
        """
        return catalogue.records(
            self._server,
            number=number,
            since=since,
            until=until,
            state=state,
            session=session,
            sample=sample,
            dataset=dataset,
        )

    def news(self, *, after: str | None = None, timeout: float | None = None) -> Iterator[News]:
        """What happens to scans from now on: new ones, changes of state, those that leave memory.

        Args:
            after: the place of the last news known; now if None. Take `place()` before `scans()` to miss nothing.
            timeout: stop when nothing has happened for so many seconds; None to go on forever.

        Raises:
            CommunicationFailed: Redis does not answer.
        """
        return catalogue.news(self._server, self.place() if after is None else after, timeout)

    def place(self) -> str:
        """Where the news stand now.

        Raises:
            CommunicationFailed: Redis does not answer.
        """
        return catalogue.place(self._server)

    def orphans(self) -> list[Scan]:
        """The running scans whose owner has died; none in the first moments after a start of Redis.

        Raises:
            CommunicationFailed: Redis does not answer.
        """
        return [Scan(self._server, self._keeper, identifier) for identifier in lease.orphans(self._server)]

    def fail_orphan(self, scan: Scan, sentence: str) -> bool:
        """Set an orphan FAILED unless its owner has come back; returns whether this call did.

        Raises:
            CommunicationFailed: Redis does not answer.
        """
        return lease.fail_orphan(self._server, scan.identifier, sentence)

    def behind(self) -> list[Behind]:
        """The consumers that keep data in memory, the one that keeps most first.

        Raises:
            CommunicationFailed: Redis does not answer.
        """
        return retention.behind(self._server)

    def memory(self) -> Memory:
        """The accounting of the buffer now.

        Raises:
            CommunicationFailed: Redis does not answer.
        """
        used, limit, comfort, keep = self._server.call("HMGET", keys.MEMORY, "used", "limit", "comfort", "keep")
        return Memory(int(used or 0), int(limit or 0), int(comfort or 0), float(keep or 0))

    def configure(self, *, limit: int | None = None, comfort: int | None = None, keep: float | None = None) -> Memory:
        """Set the bound of the buffer, for all clients; what is not given stays.

        Args:
            limit: bytes that data may take at most; well below Redis's maxmemory.
            comfort: bytes above which acknowledged data and ended scans may leave; half the limit if only that is
                given.
            keep: seconds for which an ended scan stays while there is room.

        Raises:
            BadValue: a value is negative, or comfort above limit.
            CommunicationFailed: Redis does not answer.
        """
        now = self.memory()
        limit_now = now.limit if limit is None else limit
        comfort_now = (now.comfort if limit is None else limit // 2) if comfort is None else comfort
        keep_now = now.keep if keep is None else keep
        if not 0 <= comfort_now <= limit_now or keep_now < 0:
            raise BadValue(
                f"stream memory: limit {limit_now} B, comfort {comfort_now} B, keep {keep_now:g} s: none may be "
                "negative, and comfort not above limit"
            )
        fields: list[Any] = ["limit", limit_now, "comfort", comfort_now, "keep", keep_now]
        if limit is not None or comfort is not None:
            fields += ["configured", 1]
        self._server.call("HSET", keys.MEMORY, *fields)
        return Memory(now.used, limit_now, comfort_now, keep_now)
