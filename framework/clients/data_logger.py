"""A data logger, asked of the past: `logger.history("samx/position", "2 h")`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ronda.framework.clients.device import Device
from ronda.framework.errors import CommunicationFailed, NotFound, RondaError, TimedOut
from ronda.framework.snapshots.record import Snapshot, from_json
from ronda.framework.tango.names import LoggerCommand

if TYPE_CHECKING:
    from ronda.framework.clients.beamline import Beamline

ANSWER_LIMIT = 30.0
"""Seconds that an answer may take."""

Time = str | float

T = TypeVar("T")


class DataLogger(Device):
    """A logger. Times are words (`yesterday 18:00`, `2 h`, `now`) or seconds since 1970; answers as JSON has them.

    Each question raises BadValue for what makes no sense, and NotFound for what was never stored.
    """

    def history(
        self, attribute: str, since: Time = "1 h", until: Time | None = None, points: int = 1000
    ) -> dict[str, Any]:
        """How an attribute went: `time`, `value`, `breaks` and more; at most so many points, minima and maxima kept."""
        asked = {"attribute": attribute, "since": since, "until": until, "points": points}
        return self._ask(LoggerCommand.HISTORY, asked)  # type: ignore[no-any-return]

    def value_at(self, attributes: Sequence[str], time: Time) -> list[dict[str, Any]]:
        """What was known of attributes at a time, in their order, with the reason where nothing was."""
        return self._ask(LoggerCommand.VALUE_AT, {"attributes": list(attributes), "time": time})  # type: ignore[no-any-return]

    def aligned(
        self, attributes: Sequence[str], since: Time, until: Time | None = None, step: Time = "1 s"
    ) -> dict[str, Any]:
        """Attributes on one axis of time: `time`, and `values` by attribute, null where none was known."""
        asked = {"attributes": list(attributes), "since": since, "until": until, "step": step}
        return self._ask(LoggerCommand.ALIGNED, asked)  # type: ignore[no-any-return]

    def configuration_at(self, device: str, time: Time = "now") -> dict[str, Any]:
        """The configuration of a device at a time, and what was known of its attributes."""
        return self._ask(LoggerCommand.CONFIGURATION, {"device": device, "time": time})  # type: ignore[no-any-return]

    def whatchanged(self, since: Time, until: Time | None = None, pattern: str = "*") -> dict[str, Any]:
        """What differs between two times: `changes`, settings first, and how many `more` there are."""
        asked = {"since": since, "until": until, "pattern": pattern}
        return self._ask(LoggerCommand.WHAT_CHANGED, asked)  # type: ignore[no-any-return]

    def search(self, pattern: str = "*") -> dict[str, Any]:
        """Names of `attributes` that fit a pattern or contain it, and how many `more` there are."""
        return self._ask(LoggerCommand.SEARCH, {"pattern": pattern})  # type: ignore[no-any-return]

    # -- snapshots

    def save_snapshot(
        self, name: str, devices: Sequence[str] = (), note: str = "", who: str = "", *, replace: bool = False
    ) -> dict[str, Any]:
        """Keep what devices are set to now; says how many `devices` and `settings` it has, and what is `missing`."""
        asked = {"name": name, "devices": list(devices), "note": note, "who": who, "replace": replace}
        return self._ask(LoggerCommand.SAVE_SNAPSHOT, asked)  # type: ignore[no-any-return]

    def snapshots(self) -> list[dict[str, Any]]:
        """Which snapshots are kept, as `save_snapshot` says it; of one that cannot be read the `error`."""
        return self._ask(LoggerCommand.SNAPSHOTS, {})  # type: ignore[no-any-return]

    def snapshot(self, name: str, devices: Sequence[str] = ()) -> Snapshot:
        """What devices were set to, by the name of a snapshot, or by time; `now` asks them."""
        found = self._ask(LoggerCommand.SNAPSHOT, {"name": name, "devices": list(devices)})
        return from_json(found, f"what {self.name} says of {name}")

    def compare_snapshots(self, old: str, new: str = "now", devices: Sequence[str] = ()) -> list[dict[str, str]]:
        """What two snapshots have otherwise: `device`, `setting`, `old`, `new`."""
        asked = {"old": old, "new": new, "devices": list(devices)}
        return self._ask(LoggerCommand.COMPARE_SNAPSHOTS, asked)  # type: ignore[no-any-return]

    def _ask(self, command: str, asked: dict[str, Any]) -> Any:
        proxy = self.remote.proxy
        limit = proxy.get_timeout_millis()
        proxy.set_timeout_millis(int(1000 * ANSWER_LIMIT))
        try:
            return json.loads(self.command(command, json.dumps(asked)))
        finally:
            proxy.set_timeout_millis(limit)


def loggers(beamline: Beamline) -> list[DataLogger]:
    """The data loggers of a beamline, at least one.

    Raises:
        NotFound: it has none.
    """
    found = [one for one in beamline.objects.values() if isinstance(one, DataLogger)]
    if not found:
        raise NotFound(
            f"the beamline {beamline.name} has no data logger, so nobody knows; `kind: data_logger` in YAML makes one"
        )
    return found


def ask_first(beamline: Beamline, ask: Callable[[DataLogger], T]) -> T:
    """What the first of the loggers says that knows; one that does not answer hides no other.

    Raises:
        NotFound: none knows.
        CommunicationFailed, TimedOut: one that may know does not answer.
    """
    refused: list[RondaError] = []
    for logger in loggers(beamline):
        try:
            return ask(logger)
        except (NotFound, CommunicationFailed, TimedOut) as error:
            refused.append(error)
    raise next((error for error in refused if not isinstance(error, NotFound)), refused[0])
