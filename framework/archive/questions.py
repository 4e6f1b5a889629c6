"""Questions to an archive: how did it go, what was it then, what changed; from any process, while loggers write."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ronda.framework.archive import aligned, changes, export, held, past
from ronda.framework.archive.aligned import Aligned
from ronda.framework.archive.changes import Change
from ronda.framework.archive.held import Held
from ronda.framework.archive.past import History
from ronda.framework.archive.reading import Reader
from ronda.framework.archive.record import device_of
from ronda.framework.archive.times import Time, between, moment, span
from ronda.framework.errors import BadValue, NotFound


@dataclass(frozen=True)
class Configuration:
    """A device at a time.

    Attributes:
        device: its name.
        time: in s since 1970.
        since: when it got this configuration; None if none was stored until then.
        configuration: what it was; None as above.
        attributes: what was known of each of its attributes.
    """

    device: str
    time: float
    since: float | None
    configuration: Any
    attributes: list[Held]


class Archive:
    """The archive in a folder: one store, or several, each in a folder of its own in it."""

    def __init__(self, folder: Path) -> None:
        """Raises NotFound if there is no store."""
        self.folder = folder
        self._reader = Reader(folder)

    def search(self, pattern: str = "*") -> list[str]:
        """Names of attributes that fit a pattern (`*`, `?`), or contain it where it has no such signs; sorted."""
        wanted = pattern.lower()
        if not any(sign in wanted for sign in "*?["):
            wanted = f"*{wanted}*"
        names = self._reader.names()
        devices = {device_of(name) for name in names}
        return [
            name
            for name in names
            if name.count("/") not in (0, 2) and name not in devices and fnmatch.fnmatchcase(name, wanted)
        ]  # devices have three parts

    def resolve(self, attribute: str) -> str:
        """The full name of an attribute: as it stands, or the only one that ends with it: `mx/position`.

        Raises:
            NotFound: nothing was ever stored of it.
            BadValue: several end with it.
        """
        name = attribute.lower().strip("/")
        names = self._reader.names()
        if name in names:
            return name
        ends = [one for one in names if one.endswith(f"/{name}")]
        if len(ends) > 1:
            raise BadValue(f"{attribute} is not clear: {', '.join(ends[:6])}{' …' * (len(ends) > 6)}; say more of it")
        if not ends:
            near = [one for one in names if name.rpartition("/")[2] in one][:6]
            raise NotFound(
                f"nothing was ever stored of {attribute}; "
                + (f"names like it: {', '.join(near)}" if near else "`ronda archive search` lists what there is")
            )
        return ends[0]

    def history(
        self,
        attribute: str,
        since: Time | None = "1 h",
        until: Time | None = None,
        points: int | None = None,
    ) -> History:
        """How an attribute went.

        Args:
            attribute: its name, or the end of it.
            since: the beginning: a time, or a span such as `2 h`, which ends now (or at `until`).
            until: the end; None for now.
            points: the most that the answer shall have, minima and maxima kept; None for each reading.

        Raises:
            BadValue: a time that is none, too few points, or too many readings for an answer.
            NotFound: nothing was ever stored of it.
        """
        if points is not None and points < 2:
            raise BadValue(f"{points} points are too few; minima and maxima take two")
        start, stop = self.between(since, until)
        return past.history(self._reader, self.resolve(attribute), start, stop, points)

    def aligned(
        self, attributes: Sequence[str], since: Time | None, until: Time | None = None, step: str | float = "1 s"
    ) -> Aligned:
        """Attributes on one axis of time, from `since` every `step`: at each time the value that was known then.

        Raises:
            BadValue, NotFound: as for `history`.
        """
        start, stop = self.between(since, until)
        names = [self.resolve(name) for name in attributes]
        return aligned.aligned(self._reader, names, start, stop, span(step))

    def value_at(self, attributes: Sequence[str], time: Time) -> list[Held]:
        """What was known of attributes at a time, in their order; says why where there was no value.

        Raises:
            BadValue, NotFound: as for `history`.
        """
        names = self._reader.names()
        wanted = [name if name in names else self.resolve(name) for name in attributes]
        return held.held(self._reader, wanted, moment(time))

    def configuration_at(self, device: str, time: Time) -> Configuration:
        """The configuration of a device at a time, and what was known of its attributes.

        Raises:
            BadValue: a time that is none.
            NotFound: nothing was ever stored of it.
        """
        name, at = device.lower().strip("/"), moment(time)
        names = list(self._reader.names())
        devices = dict.fromkeys(one if one.count("/") == 2 else device_of(one) for one in names)
        if name not in devices:
            name = next((one for one in devices if one.endswith(f"/{name}")), name)
        if name not in devices:
            raise NotFound(f"nothing was ever stored of the device {device}")
        found = held.latest_events(self._reader, [name], 0, round(at * 1e6), ["configuration"]).get(name)
        attributes = [one for one in names if device_of(one) == name]
        return Configuration(
            name,
            at,
            found.time if found else None,
            _json(found.text) if found else None,
            held.held(self._reader, attributes, at),
        )

    def whatchanged(self, since: Time, until: Time | None = None, pattern: str = "*") -> list[Change]:
        """What differs between two times: settings that somebody moved first, then states, presence, configurations.

        Readings that only jitter are not listed: a setting is what has a setpoint that changed, or a known author.

        Raises:
            BadValue: a time that is none.
        """
        start, stop = self.between(since, until)
        names = [name for name in self._reader.names() if fnmatch.fnmatchcase(name, pattern.lower())]
        return changes.changes(self._reader, names, start, stop)

    def export(self, attributes: Sequence[str], path: Path, since: Time | None, until: Time | None = None) -> int:
        """Write all that is stored of attributes between two times into a file: `.csv`, `.parquet`, `.nxs` or `.h5`.

        Returns:
            How many events it has.

        Raises:
            BadValue: another kind of file, or as for `history`.
            NotFound: nothing was ever stored of one of them.
            ServiceFailed: the file cannot be written.
        """
        start, stop = self.between(since, until)
        return export.export(self._reader, [self.resolve(name) for name in attributes], path, start, stop)

    def begins(self) -> float | None:
        """When the first event is from, in s since 1970; None if there is none."""
        return self._reader.begins()

    def between(self, since: Time | None, until: Time | None) -> tuple[float, float]:
        """The two times of a question, in s since 1970.

        Raises:
            BadValue: one is no time, or the second is not the later one.
        """
        if isinstance(since, str) and since.strip()[-1:].isalpha() and until is not None:  # a plain number is a time
            try:
                length = span(since)  # so long until the end, not until now
            except BadValue:
                pass
            else:
                stop = moment(until)
                return stop - length, stop
        return between(since, until)

    def close(self) -> None:
        """Let go of the files."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
