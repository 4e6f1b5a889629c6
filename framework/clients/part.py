"""Parts of the acquisition chain that a user replaces: how a device measures where a scan would do it otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ronda.framework.errors import BadValue

if TYPE_CHECKING:
    from ronda.framework.clients.counter import Counter
    from ronda.framework.clients.device import Device
    from ronda.framework.clients.loop import Loop

EVERY = "every"
"""Attribute of a channel in a scan's description: it is measured at each so many-th point of the plan, from the first
one on; its entries between hold the fill value."""

TRIGGER = "trigger"
"""Attribute of a device in a scan's description: the device whose point triggers it; without it the scan does."""


@dataclass(frozen=True)
class Part:
    """What differs from the chain that a scan builds by itself.

    Attributes:
        every: measure at each so many-th point only, the first one among them.
        time: exposure time in s; None for that of the scan.
        trigger: name of the device that triggers it when that has measured the point; empty for the scan.
        settings: attributes of the device that have another value during the scan, as pairs of name and value.
        period: s between two points of a timer that triggers it instead of the scan, in a sub-scan; None for the scan.
    """

    every: int = 1
    time: float | None = None
    trigger: str = ""
    settings: tuple[tuple[str, bool | int | float | str], ...] = ()
    period: float | None = None

    @property
    def keywords(self) -> dict[str, Any]:
        """What differs, as it is given to `part`."""
        told: dict[str, Any] = {} if self.every == 1 else {"every": self.every}
        if self.time is not None:
            told["time"] = self.time
        if self.trigger:
            told["trigger"] = self.trigger
        if self.period is not None:
            told["period"] = self.period
        return told | dict(self.settings)


@dataclass(frozen=True)
class Parted:
    """Something to measure, with the part of the chain that measures it.

    Attributes:
        what: a counter, a device, a measurement group, or the name of one.
        part: how.
    """

    what: Any
    part: Part


def part(
    what: Counter | Device | Loop | str,
    *,
    every: int = 1,
    time: float | None = None,
    trigger: Device | Counter | str = "",
    period: float | None = None,
    **settings: bool | int | float | str,
) -> Parted:
    """Measure otherwise than the rest of a scan: ascan(samy, 0, 1, 100, 0.1, diode, part(cam, every=10, time=0.5)).

    Args:
        what: a counter, a device, a measurement group, or its name. What the keywords but `every` say holds for all
            counters of its device, which share one gate.
        every: measure it at each so many-th point, from the first one on; between them its data hold NaN.
        time: its own exposure time in s.
        trigger: a device, or its name: it measures when that has measured the point, and not when the scan says so.
        period: it is measured each so many s by a timer of its own, whatever the scan does, in a sub-scan of its own.
        settings: attributes of its device that have another value during the scan: `binning=2`.

    Raises:
        BadValue: a keyword means nothing.
    """
    return Parted(what, checked("part", every, time, trigger, period, settings))


def checked(who: str, every: Any, time: Any, trigger: Any, period: Any, settings: Mapping[str, Any]) -> Part:
    """A part from what somebody gave.

    Args:
        who: for messages.
        every, time, trigger, period, settings: as in `part`.

    Raises:
        BadValue: one means nothing.
    """
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise BadValue(f"{who}: every should be a whole number of at least 1, not {every!r}")
    if time is not None and not _lasts(time):
        raise BadValue(f"{who}: time should be an exposure time in s above 0, not {time!r}")
    if period is not None and not _lasts(period):
        raise BadValue(f"{who}: period should be a time in s above 0, not {period!r}")
    if period is not None and time is not None and time > period:
        raise BadValue(f"{who}: time={time:g} s does not fit into period={period:g} s; give a longer period")
    if period is not None and (every != 1 or trigger):
        other = f"every={every}" if every != 1 else f"trigger={getattr(trigger, 'name', trigger)}"
        raise BadValue(f"{who}: {other} and period={period:g}: the timer of a sub-scan triggers it; give one of both")
    name = getattr(trigger, "card", "") or getattr(trigger, "name", trigger)
    if not isinstance(name, str):
        raise BadValue(f"{who}: trigger should be a device such as cam, or its name, not {trigger!r}")
    for key, value in settings.items():
        if not isinstance(value, bool | int | float | str):
            raise BadValue(f"{who}: {key} should be a number, text, or true or false, not {value!r}")
    seconds = [None if one is None else float(one) for one in (time, period)]
    return Part(every, seconds[0], name, tuple(settings.items()), seconds[1])


def _lasts(given: Any) -> bool:
    """Whether it is a time in s above 0."""
    number = isinstance(given, int | float) and not isinstance(given, bool)
    return number and math.isfinite(given) and given > 0
