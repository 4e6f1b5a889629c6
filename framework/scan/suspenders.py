"""Suspenders: what must be so while a scan measures. While it is not, the scan waits and says why."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import BadValue, RondaError

SESSION_KIND = "scan_session"
"""Kind of the devices whose YAML holds suspenders."""


@dataclass
class Suspender:
    """A value that scans look at before and after each point.

    Attributes:
        name: for people.
        attribute: DEVICE/ATTRIBUTE, of any Tango device.
        equals, above, below: scans go on while it is so; None does not count.
        reason: what is said while they wait; the attribute and its value if empty.
        settle: seconds for which it must be right again before they go on.
        repeat: whether the point is measured again during which it happened.
        active: whether scans that begin from now on go by it.
    """

    name: str
    attribute: str
    equals: bool | int | float | str | None = None
    above: float | None = None
    below: float | None = None
    reason: str = ""
    settle: float = 1.0
    repeat: bool = True
    active: bool = True

    def __post_init__(self) -> None:
        if len(self.attribute.removeprefix("tango://").split("/")) < 2:
            raise BadValue(f"suspender {self.name}: {self.attribute!r} is not DEVICE/ATTRIBUTE")
        if self.equals is None and self.above is None and self.below is None:
            raise BadValue(f"suspender {self.name}: give equals, above or below")

    def told(self) -> str:
        """It, in a line for people."""
        use = "" if self.active else ", not in use"
        again = "" if self.repeat else ", points are not repeated"
        why = f"{self.reason}: " if self.reason else ""
        wanted = f"{self.attribute} should be {self._wanted()}, settling {self.settle:g} s"
        return f"{self.name}: {why}{wanted}{again}{use}"

    def wrong(self, value: object) -> str:
        """Why a scan must wait, as a clause; empty if it need not."""
        if self._right(value):
            return ""
        shown = f"{value:.6g}" if isinstance(value, float) else value
        what = f"{self.attribute} is {shown} and should be {self._wanted()}"
        return f"{self.reason} ({what})" if self.reason else what

    def _right(self, value: object) -> bool:
        if self.equals is not None and value != self.equals:
            return False
        if self.above is None and self.below is None:
            return True
        if not isinstance(value, int | float):
            return False
        return (self.above is None or value > self.above) and (self.below is None or value < self.below)

    def _wanted(self) -> str:
        words = {"": self.equals, "above ": self.above, "below ": self.below}
        return " and ".join(f"{word}{value}" for word, value in words.items() if value is not None)


class Watched:
    """The suspenders of one scan, and what they say now.

    Args:
        beamline: knows the devices.
        suspenders: by which the scan goes.
    """

    def __init__(self, beamline: Beamline, suspenders: Sequence[Suspender]) -> None:
        self._suspenders = suspenders
        self._remotes: dict[str, Remote] = {}
        for one in suspenders:
            address = one.attribute.rpartition("/")[0]
            self._remotes.setdefault(address, beamline.remote(address, address))
        self._looked = -1.0

    def __bool__(self) -> bool:
        return bool(self._suspenders)

    def look(self) -> list[tuple[Suspender, str]]:
        """Those for which the scan must wait now, each with a clause why; one that does not answer is such a one."""
        found = []
        values: dict[str, Mapping[str, Any] | RondaError] = {}
        for address, remote in self._remotes.items():
            names = [one.attribute.rpartition("/")[2] for one in self._suspenders if _device(one) == address]
            try:
                values[address] = dict(zip(names, remote.read_many(names), strict=True))
            except RondaError as error:
                values[address] = error
        for one in self._suspenders:
            known = values[_device(one)]
            if isinstance(known, RondaError):
                why = f"{one.attribute} cannot be read: {' '.join(str(known).split())}"
            else:
                why = one.wrong(known[one.attribute.rpartition("/")[2]])
            if why:
                found.append((one, why))
        self._looked = time.monotonic()
        return found

    def age(self) -> float:
        """Seconds since the last look."""
        return time.monotonic() - self._looked


def configured(beamline: Beamline, session: str) -> dict[str, Suspender]:
    """The suspenders that the YAML files name for a session, by name."""
    found: dict[str, Suspender] = {}
    for keys in beamline.configurations.values():
        if keys.get("kind") == SESSION_KIND and keys.get("session", "") in ("", session):
            found |= {one.name: one for one in _from_keys(keys.get("suspenders", {}))}
    return found


def _from_keys(entries: Mapping[str, Mapping[str, Any]]) -> Iterable[Suspender]:
    for name, keys in entries.items():
        yield Suspender(
            name,
            f"{keys.get('device') or keys.get('address')}/{keys['attribute']}",
            keys.get("equals"),
            keys.get("above"),
            keys.get("below"),
            keys.get("reason", ""),
            keys.get("settle", 1.0),
            keys.get("repeat", True),
            keys.get("active", True),
        )


def _device(suspender: Suspender) -> str:
    return suspender.attribute.rpartition("/")[0]
