"""What clients ask of the past over Tango, JSON in and out: checked, bounded, and answered from the archive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Field

from ronda.devices.data_logger.asked import asked, said
from ronda.framework.archive.held import Held
from ronda.framework.archive.questions import Archive
from ronda.framework.archive.record import Event
from ronda.framework.config.parameters import Parameters
from ronda.framework.errors import BadValue

POINTS = 10_000
"""Points of a history at most."""

NAMES = 1000
"""Attributes in a question, names and changes in an answer, at most."""

CELLS = 200_000
"""Values of an answer with many attributes at most."""

Time = str | float

M = TypeVar("M", bound=BaseModel)


class _History(Parameters):
    attribute: str
    since: Time = "1 h"
    until: Time | None = None
    points: int = Field(1000, ge=2, le=POINTS)


class _ValueAt(Parameters):
    attributes: list[str] = Field(min_length=1, max_length=NAMES)
    time: Time


class _Aligned(Parameters):
    attributes: list[str] = Field(min_length=1, max_length=NAMES)
    since: Time
    until: Time | None = None
    step: Time = "1 s"


class _Configuration(Parameters):
    device: str
    time: Time = "now"


class _WhatChanged(Parameters):
    since: Time
    until: Time | None = None
    pattern: str = "*"


class _Search(Parameters):
    pattern: str = "*"


class Answers:
    """Answers questions to one archive; any thread."""

    def __init__(self, name: str, folder: Path, full_name: Callable[[str], str]) -> None:
        """Nothing is opened yet.

        Args:
            name: of the logger, for messages.
            folder: of the archive.
            full_name: the Tango name behind the alias of a device, or the same name.
        """
        self._name = name
        self._folder = folder
        self._full_name = full_name

    def history(self, question: str) -> str:
        """How an attribute went; see docs/reference/tango-interface.md for this and the others.

        Raises:
            RondaError: the question makes no sense, or cannot be answered.
        """
        asked = self._asked(_History, "History", question)
        with Archive(self._folder) as archive:
            found = archive.history(self._attribute(asked.attribute), asked.since, asked.until, asked.points)
        answer = {
            "attribute": found.attribute,
            "since": found.since,
            "until": found.until,
            "time": found.time,
            "value": found.value,
            "readings": found.readings,
            "decimated": found.decimated,
            "rolled": found.rolled,
            "breaks": [_mark(event) for event in found.breaks[-NAMES:]],
        }
        return self._said("History", answer)

    def value_at(self, question: str) -> str:
        """What was known of attributes at a time."""
        asked = self._asked(_ValueAt, "ValueAt", question)
        with Archive(self._folder) as archive:
            found = archive.value_at(list(map(self._attribute, asked.attributes)), asked.time)
        return self._said("ValueAt", [_held(one) for one in found])

    def aligned(self, question: str) -> str:
        """Attributes on one axis of time."""
        asked = self._asked(_Aligned, "Aligned", question)
        names = list(map(self._attribute, asked.attributes))
        with Archive(self._folder) as archive:
            found = archive.aligned(names, asked.since, asked.until, asked.step)
        if len(found.time) * len(names) > CELLS:
            raise BadValue(
                f"{self._name}: {len(found.time)} times of {len(names)} attributes are more values than an answer may "
                f"have ({CELLS}); ask for less time, fewer attributes, or a longer step"
            )
        return self._said("Aligned", {"time": found.time, "values": found.values})

    def configuration(self, question: str) -> str:
        """The configuration of a device at a time, and what was known of its attributes."""
        asked = self._asked(_Configuration, "Configuration", question)
        with Archive(self._folder) as archive:
            found = archive.configuration_at(self._full_name(asked.device), asked.time)
        answer = {
            "device": found.device,
            "time": found.time,
            "since": found.since,
            "configuration": found.configuration,
            "attributes": [_held(one) for one in found.attributes[:NAMES]],
        }
        return self._said("Configuration", answer)

    def whatchanged(self, question: str) -> str:
        """What differs between two times."""
        asked = self._asked(_WhatChanged, "WhatChanged", question)
        with Archive(self._folder) as archive:
            found = archive.whatchanged(asked.since, asked.until, asked.pattern)
            since, begins = archive.between(asked.since, asked.until)[0], archive.begins()
        changes = [{**asdict(one), "command": one.command()} for one in found[:NAMES]]
        more = max(0, len(found) - NAMES)
        return self._said("WhatChanged", {"changes": changes, "more": more, "since": since, "begins": begins})

    def search(self, question: str) -> str:
        """Names of attributes."""
        asked = self._asked(_Search, "Search", question)
        with Archive(self._folder) as archive:
            found = [name for name in archive.search(asked.pattern) if name.count("/") > 2]  # no devices
        return self._said("Search", {"attributes": found[:NAMES], "more": max(0, len(found) - NAMES)})

    def _attribute(self, name: str) -> str:
        """With an alias in its beginning, the full name."""
        device, _, attribute = name.rpartition("/")
        return f"{self._full_name(device)}/{attribute}" if device else name

    def _asked(self, model: type[M], command: str, question: str) -> M:
        return asked(model, self._name, command, question)

    def _said(self, command: str, answer: Any) -> str:
        return said(self._name, command, answer)


def _mark(event: Event) -> dict[str, Any]:
    return {"attribute": event.attribute, "time": event.time, "kind": event.kind, "text": event.text}


def _held(one: Held) -> dict[str, Any]:
    event = one.event
    return {
        "attribute": one.attribute,
        "known": one.known,
        "value": one.value,
        "write_value": event.write_value if event is not None and one.known else None,
        "quality": event.quality if event is not None and event.kind == "value" else None,
        "time": None if event is None else event.time,
        "reason": one.reason,
    }
