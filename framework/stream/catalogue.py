"""The catalogue of scans in memory: finding them, and following what happens to them."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from ronda.framework.errors import NotFound
from ronda.framework.stream import keys
from ronda.framework.stream.connection import Server
from ronda.framework.stream.cursor import BLOCKING

PAGE = 200
"""How many scans one command asks about."""


class Record(NamedTuple):
    """A line of the catalogue.

    Attributes:
        identifier: unique id of the scan.
        number: its number within session and dataset.
        state: as in `State`.
        sentence: why it has this state; empty if there is nothing to say.
        started: start time with zone.
        ended: end time with zone, None while it runs.
        points: points expected, None if unknown.
    """

    identifier: str
    number: int
    state: str
    sentence: str
    command: str
    title: str
    user: str
    session: str
    sample: str
    dataset: str
    started: datetime
    ended: datetime | None
    points: int | None
    proposal: str = ""
    collection: str = ""


class News(NamedTuple):
    """Something happened to a scan.

    Attributes:
        identifier: id of the scan.
        number: its number.
        state: its new state; PREPARING for a new scan, GONE for one that left memory.
        sentence: why.
        place: where to go on following from.
    """

    identifier: str
    number: int
    state: str
    sentence: str
    place: str


def records(
    server: Server,
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

    Args:
        since, until: bounds of the start time, with zone.

    Raises:
        CommunicationFailed: Redis does not answer.
    """
    low = "-inf" if since is None else f"{since.timestamp():.6f}"
    high = "+inf" if until is None else f"{until.timestamp():.6f}"
    scans = [i.decode() for i in server.call("ZRANGE", keys.SCANS, low, high, "BYSCORE")]
    states = {state} if isinstance(state, str) else state
    return [
        record
        for start in range(0, len(scans), PAGE)
        for record in _read(server, scans[start : start + PAGE])
        if (number is None or record.number == number)
        and (states is None or record.state in states)
        and (session is None or record.session == session)
        and (sample is None or record.sample == sample)
        and (dataset is None or record.dataset == dataset)
    ]


def identify(server: Server, which: int | str, *, session: str | None = None, dataset: str | None = None) -> str:
    """The id of a scan given by id, by number, or as `last`; of several with that number, the latest.

    Raises:
        NotFound: memory holds no such scan.
        CommunicationFailed: Redis does not answer.
    """
    if isinstance(which, str) and which != "last" and not which.isdecimal():
        if server.call("EXISTS", keys.scan(which)):
            return which
        raise NotFound(f"scan {which}: is not in memory; list the scans that are, or open its file")
    if which == "last" and session is None and dataset is None:
        newest = server.call("ZREVRANGE", keys.SCANS, 0, 0)
        if newest:
            identifier: str = newest[0].decode()
            return identifier
        raise NotFound("scan last: there is no scan in memory; open a file instead")
    number = None if which == "last" else int(which)
    found = records(server, number=number, session=session, dataset=dataset)
    if not found:
        raise NotFound(f"scan {which}: is not in memory; list the scans that are, or open its file")
    return found[-1].identifier


def place(server: Server) -> str:
    """Where the news stand now: following from here misses nothing that happens later."""
    last = server.call("XREVRANGE", keys.NEWS, "+", "-", "COUNT", 1)
    return last[0][0].decode() if last else "0-0"


def news(server: Server, after: str, timeout: float | None = None) -> Iterator[News]:
    """What happens to scans, as it happens.

    Args:
        after: a place of the news.
        timeout: stop when nothing has happened for so many seconds; None to go on forever.

    Raises:
        CommunicationFailed: Redis does not answer.
    """
    quiet_since = time.monotonic()
    while True:
        left = BLOCKING if timeout is None else min(quiet_since + timeout - time.monotonic(), BLOCKING)
        blocking = ("BLOCK", max(int(left * 1000), 1)) if left > 0 else ()
        answer = server.call("XREAD", "COUNT", 100, *blocking, "STREAMS", keys.NEWS, after)
        for identifier, fields in answer[0][1] if answer else []:
            after = identifier.decode()
            entry = {k.decode(): v.decode() for k, v in zip(fields[::2], fields[1::2], strict=True)}
            yield News(entry["scan"], int(entry["number"] or 0), entry["state"], entry["sentence"], after)
            quiet_since = time.monotonic()
        if not answer and timeout is not None and time.monotonic() - quiet_since >= timeout:
            return


def _read(server: Server, scans: list[str]) -> list[Record]:
    fields = ("heading", "number", "state", "sentence", "ended")
    answers = server.calls([("HMGET", keys.scan(scan), *fields) for scan in scans])
    return [
        make_record(scan, *answer)
        for scan, answer in zip(scans, answers, strict=True)
        if answer[0] is not None  # it may leave memory meanwhile
    ]


def make_record(scan: str, heading: bytes, number: bytes, state: bytes, sentence: bytes, ended: bytes | None) -> Record:
    """The line of the catalogue from the fields of a scan's hash."""
    told: dict[str, Any] = json.loads(heading)
    started = datetime.fromisoformat(told["start"])
    return Record(
        scan,
        int(number),
        state.decode(),
        sentence.decode(),
        told["command"],
        told["title"],
        told["user"],
        told["session"],
        told["sample"],
        told["dataset"],
        started,
        None if ended is None else datetime.fromtimestamp(float(ended), started.tzinfo),
        told["points"],
        told.get("proposal", ""),
        told.get("collection", ""),
    )
