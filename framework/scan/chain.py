"""The acquisition chain of a scan: what triggers each device, at which points, and how long a point takes them.

The scan triggers devices, a device triggers others, and timers trigger those of sub-scans, which count from 2 on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, TypeVar

from ronda.framework.clients.counter import Counter
from ronda.framework.clients.part import Part
from ronda.framework.errors import BadValue

if TYPE_CHECKING:
    from ronda.framework.scan.plan import Plan
    from ronda.framework.scan.sources import Source

Kind = TypeVar("Kind")


def merged(card: str, counters: Sequence[Counter]) -> Part:
    """What the parts of the counters of one device say of the device.

    Args:
        card: name of the device.
        counters: all that a scan measures with it.

    Raises:
        BadValue: they differ, or it is a device that only calculates.
    """
    parts = [one.part for one in counters if one.part is not None]
    time = _same(card, "times", [one.time for one in parts if one.time is not None])
    trigger = _same(card, "triggers", [one.trigger for one in parts if one.trigger])
    settings = _same(card, "settings", [one.settings for one in parts if one.settings])
    timers = list(dict.fromkeys(None if one.part is None else one.part.period for one in counters))
    if len(timers) > 1:
        told = " and ".join("at each point" if one is None else f"each {one:g} s" for one in timers)
        raise BadValue(f"{card}: its counters share one gate and are to be measured {told}; give one period= for all")
    (period,) = timers
    if any(one.is_calculated for one in counters) and (time is not None or trigger or settings or period):
        raise BadValue(f"{card}: calculates from other counters; a part(…) of it can only say every=")
    return Part(1, time, trigger or "", settings or (), period)


def _same(card: str, what: str, given: Sequence[Kind]) -> Kind | None:
    if len(set(given)) > 1:
        told = " and ".join(dict.fromkeys(str(dict(one) if isinstance(one, tuple) else one) for one in given))
        raise BadValue(f"{card}: its counters share one gate and are given different {what}: {told}; give one")
    return given[0] if given else None


def linked(found: Sequence[Source], named: Callable[[str], str]) -> list[Source]:
    """The devices of a scan with the names of those that trigger them, in whose sub-scan and as often they measure.

    Args:
        found: the devices.
        named: the device that is meant by a name, which may be that of a counter.

    Raises:
        BadValue: one is triggered by a device that is not in the scan, in a circle, or more often than that measures.
    """
    sources = {source.name: _triggered_by(source, named) for source in found}
    for source in sources.values():
        master = source.part.trigger
        if master and master not in sources:
            raise BadValue(
                f"{source.name}: is to be triggered by {master}, which this scan does not measure; it measures "
                f"{', '.join(sources)}"
            )
    try:
        order = list(
            TopologicalSorter({one.name: {one.part.trigger} - {""} for one in sources.values()}).static_order()
        )
    except CycleError as error:
        circle = " is triggered by ".join(reversed(error.args[1]))
        raise BadValue(f"{circle}: a circle never begins; let the scan trigger one of them") from error
    for name in order:
        source = sources[name]
        if source.part.trigger:
            sources[name] = _as_often(source, sources[source.part.trigger])
    return _in_subscans(sources)


def _in_subscans(sources: Mapping[str, Source]) -> list[Source]:
    """The devices with the number of the sub-scan that each measures in."""
    timers = [source.part.period for source in sources.values() if source.part.period is not None]
    numbers = {period: n for n, period in enumerate(dict.fromkeys(timers), 2)}
    devices = {counter.name: source for source in sources.values() for counter in source.counters}
    counters = {counter.name: counter for source in sources.values() for counter in source.counters}

    def of_device(source: Source) -> int:
        if source.part.trigger:
            return of_device(sources[source.part.trigger])
        return 1 if source.part.period is None else numbers[source.part.period]

    def of_counter(name: str) -> set[int]:
        inputs = counters[name].inputs if counters[name].is_calculated else []
        return set().union(*map(of_counter, inputs)) if inputs else {of_device(devices[name])}

    found = []
    for source in sources.values():
        measured = set().union(*(of_counter(one.name) for one in source.counters))
        if len(measured) > 1:
            names = ", ".join(one.name for one in source.counters)
            raise BadValue(
                f"{source.name}: calculates {names} from counters that are not all measured by the same timer; give "
                "their devices the same period=, or measure what is calculated from each in a scan of its own"
            )
        found.append(replace(source, subscan=measured.pop()))
    if numbers and all(source.subscan > 1 for source in found):
        raise BadValue("each counter has a timer of its own (period=); give one that the scan itself measures")
    return found


def periods(measuring: Sequence[Source]) -> dict[int, float]:
    """The period in s of the timer of each sub-scan, by its number."""
    return {source.subscan: source.part.period for source in measuring if source.part.period is not None}


def subscan(measuring: Sequence[Source], number: int = 1) -> list[Source]:
    """The devices of one sub-scan; of the scan itself if nothing is said."""
    return [source for source in measuring if source.subscan == number]


def _triggered_by(source: Source, named: Callable[[str], str]) -> Source:
    trigger = source.part.trigger
    return replace(source, part=replace(source.part, trigger=named(trigger))) if trigger else source


def _as_often(source: Source, master: Source) -> Source:
    """A device with counters that are measured when another one measures."""
    often = min(every(one) for one in master.counters)
    counters = []
    for one in source.counters:
        own = every(one)
        if own > 1 and own % often:
            raise BadValue(
                f"{one.name}: every={own}, but {master.name} triggers it, which measures every {often} points; give a "
                f"multiple of {often}"
            )
        counters.append(replace(one, part=replace(one.part or Part(), every=max(own, often))))
    return replace(source, counters=tuple(counters))


def every(counter: Counter) -> int:
    """At each so many-th point it is measured."""
    return counter.part.every if counter.part else 1


def seconds(measuring: Sequence[Source], exposure: float, point: int) -> float:
    """How long the devices measure at a point of the plan, one after the other where one triggers the next.

    Args:
        measuring: the devices.
        exposure: of the scan at this point, in s.
        point: its index in the plan.
    """
    sources = {source.name: source for source in measuring}

    def until(source: Source) -> float:
        due = not source.wired and any(point % every(one) == 0 for one in source.counters)
        own = source.exposure(exposure) if due else 0.0  # one that is wired counts while the other one exposes
        return own + (until(sources[source.part.trigger]) if source.part.trigger else 0.0)

    return max((until(source) for source in measuring), default=exposure)


def lasting(measuring: Sequence[Source], plan: Plan) -> Callable[[int], float]:
    """How long the devices measure at each point of a plan, in s, by its index."""

    def of_scan(point: int) -> float:
        return plan.exposures[point] if plan.exposures else plan.exposure

    if any(one.part != Part() or any(every(each) > 1 for each in one.counters) for one in measuring):
        return lambda point: seconds(measuring, of_scan(point), point)
    return of_scan
