"""What a logbook does with the stream: adds the scans, and writes what is new beside the data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from ronda.devices.driver import Driver
from ronda.devices.logbook.markdown import append
from ronda.devices.logbook.parameters import LogbookParameters
from ronda.devices.logbook.webhook import Webhook
from ronda.devices.redis_of_server import connect_stream
from ronda.framework.errors import BadValue, CommunicationFailed, NotFound, ServiceFailed
from ronda.framework.nexus import words
from ronda.framework.policy.place import Place
from ronda.framework.stream import Stream
from ronda.framework.stream.answers import ScanGone
from ronda.framework.stream.catalogue import News
from ronda.framework.stream.description import Description, State
from ronda.framework.stream.logbook import BEGINNING, Logbook, LogEntry

READER, SCANS = "markdown", "scans"
"""Under these names Redis keeps how far the file and the scans have come."""

WAIT = 0.3
"""Longest wait for news of scans in one look, in s."""

Describe = Callable[[str], str]
"""Asks the writer where data of a place go, JSON to JSON."""


class LogbookFollowing(Driver):
    """The stream in the place where other devices have their hardware.

    Args:
        name: of the device, for messages.
        parameters: its keys.
        environment: says where the stream is.
        describe: asks the writer.

    Attributes:
        written: entries that were written since the start.
        latest: the latest of them.
        webhook: passes them on; None if there is nobody.
    """

    parameters: LogbookParameters

    def __init__(self, name: str, parameters: Any, environment: Mapping[str, str], describe: Describe) -> None:
        super().__init__(name, parameters)
        self._environment = environment
        self._describe = describe
        self._stream: Stream | None = None
        self._news = ""
        self.written = 0
        self.latest = ""
        beamline = environment.get("RONDA_BEAMLINE", "")
        hook = self.parameters.webhook
        self.webhook = None if hook is None else Webhook(beamline, hook, environment)
        self._beamline = beamline

    def connect(self) -> None:
        """Connect, and find out where we were.

        Raises:
            ConfigurationError: nobody said where the stream is.
            ServiceFailed, NotAllowed: it cannot be used.
        """
        self._stream = stream = connect_stream(self.name, self._environment, patience=0.5)
        self._news = stream.logbook().reached(SCANS) or stream.place()
        if self.webhook is not None:
            self.webhook.start(stream.logbook())

    def disconnect(self) -> None:
        """Let go of the stream."""
        if self.webhook is not None:
            self.webhook.close()
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def add(self, text: str, user: str) -> None:
        """Add a note; any thread.

        Raises:
            CommunicationFailed: Redis does not answer.
        """
        self._connected().logbook().add("note", text, user=user)

    def look(self) -> None:
        """Wait for news for a moment; write what is new.

        Raises:
            CommunicationFailed: Redis does not answer.
            ServiceFailed: the file cannot be written; it is tried again.
        """
        stream = self._connected()
        logbook = stream.logbook()
        for news in stream.news(after=self._news, timeout=WAIT):
            if news.state == State.RUNNING or news.state in State.ENDED:
                self._tell_scan(stream, logbook, news)
            self._news = news.place
            logbook.reach(SCANS, news.place)
            if logbook.after(logbook.reached(READER) or BEGINNING, most=1):
                break
        self._write(logbook)

    def _connected(self) -> Stream:
        if self._stream is None:
            raise CommunicationFailed(f"{self.name}: is not connected to the stream")
        return self._stream

    def _tell_scan(self, stream: Stream, logbook: Logbook, news: News) -> None:
        try:
            scan = stream.scan(news.identifier)
            record, file, told = scan.record(), scan.note(words.CONSUMER), scan.description
        except (NotFound, ScanGone):
            return  # it has left memory long ago
        if news.state == State.RUNNING:
            text, when = f"scan {record.number} begins: {record.title or record.command}", record.started
        else:
            why = f": {record.sentence}" if record.sentence else ""
            text = f"scan {record.number} {news.state}{why}" + (f", {file}" if file else "")
            when = record.ended or record.started
        logbook.add(
            "scan",
            text,
            user=record.user,
            session=record.session,
            when=when.timestamp(),
            place=_place(told).to_state(),
            token=f"{news.identifier} {news.state} {news.place}",
        )

    def _write(self, logbook: Logbook) -> None:
        entries = logbook.after(logbook.reached(READER) or BEGINNING)
        for (session, place), group in groupby(entries, lambda entry: (entry.session, dict(entry.place))):
            belonging = list(group)
            self._append(Place.from_state(place), session, belonging)
            self.written += len(belonging)
            self.latest = belonging[-1].text
            logbook.reach(READER, belonging[-1].identifier)

    def _append(self, place: Place, session: str, entries: list[LogEntry]) -> None:
        """Write entries where they belong; where that is refused, beside all data, so that they hold up no others."""
        try:
            append(self._folder(place, session, entries[0]), entries)
        except (OSError, BadValue) as error:
            if place == Place():
                raise ServiceFailed(f"{self.name}: cannot write: {error}") from error
            folder = self._folder(Place(), session, entries[0])
            try:
                append(folder, entries)
            except OSError as failed:
                raise ServiceFailed(f"{self.name}: cannot write into {folder}: {failed.strerror}") from failed

    def _folder(self, place: Place, session: str, entry: LogEntry) -> Path:
        """Where the data of a collection are; without a proposal, where all data of the session are."""
        fields = {**place.scan_fields(), "session": session, "user": entry.user, words.BEAMLINE: self._beamline}
        fields["dataset"] = fields["dataset"] or "0001"  # whichever: we go to the folder above it
        found = json.loads(self._describe(json.dumps({name: value for name, value in fields.items() if value})))
        return Path(found["folder"]).parent if place.proposal and found["folder"] else Path(found["root"])


def _place(told: Description) -> Place:
    return Place(told.proposal, told.proposal_session, told.collection, told.sample, dataset=told.dataset)
