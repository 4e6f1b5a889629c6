"""What is measured: the counters that somebody gave to a scan, or those of the active measurement group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.counter import Counter, as_given
from ronda.framework.clients.detector import Detector
from ronda.framework.clients.device import Device
from ronda.framework.clients.loop import Loop
from ronda.framework.clients.measurement_group import MeasurementGroup
from ronda.framework.clients.part import Part, Parted
from ronda.framework.config.calculations import circle_of
from ronda.framework.errors import BadValue

Measured = Counter | Device | Loop | Parted | str
"""What can be given to a scan: a counter, its name, a device or loop with all its counters, or a measurement group;
and `part(…)` of one, which says how it is measured."""


def measured(beamline: Beamline, who: str, given: Sequence[Measured]) -> tuple[Counter, ...]:
    """The counters that are given, each once, and those from which they are calculated; at least one.

    Args:
        beamline: whose counters they are.
        who: name of the scan, for messages.
        given: counters, their names, devices with all their counters, or measurement groups with those that are
            enabled; nothing for the active measurement group, or, if the beamline has no groups, for all counters but
            those of cameras and spectrum analysers.

    Raises:
        BadValue: something is not a counter, two of them have one name, or none is given.
        NotFound: a name is not known.
        NotReady: no counter of a measurement group is enabled.
        ServiceFailed: the Tango database does not say which group is active.
    """
    if not given:
        active = beamline.active_group.get()
        plain = [counter for counter in beamline.counters() if not counter.described]
        given = plain if active is None else [active]
    chosen: dict[str, Counter] = {}
    parts: dict[str, Part] = {}
    for each in given:
        found = _counters_of(beamline, each)
        if not found:
            raise BadValue(f"{who}: {each!r} is not a counter; {_known(beamline)}")
        for counter in [part for one in found for part in one.parts()]:
            if chosen.setdefault(counter.name, counter) != counter:
                raise BadValue(f"{who}: two counters are called {counter.name}; give one of them another name")
            if isinstance(each, Parted) and parts.setdefault(counter.name, each.part) != each.part:
                raise BadValue(f"{who}: {counter.name} is given twice, with another part(…) each time; give it once")
    if not chosen:
        raise BadValue(f"{who}: there is nothing to measure; {_known(beamline)}")
    chosen |= {name: replace(chosen[name], part=one) for name, one in parts.items()}  # whatever a group's chain says
    to_do = list(chosen.values())
    while to_do:
        counter = to_do.pop(0)
        for name in counter.inputs:
            if name not in chosen:
                chosen[name] = _input_of(beamline, who, counter, name)
                to_do.append(chosen[name])
    circle = circle_of({name: counter.inputs for name, counter in chosen.items()})
    if circle:
        raise BadValue(f"{who}: {' uses '.join(circle)}: a circle cannot be calculated; change one of them")
    return tuple(chosen.values())


def as_typed(beamline: Beamline, counters: Sequence[Counter]) -> list[Measured]:
    """The counters of a scan as one would type them.

    All of one detector are its name, as are all of another device with the same part(…); a frame alone has the name
    that it has at the prompt.
    """
    found: dict[str, Measured] = {}
    given = as_given(counters)
    for counter in given:
        mates = [one for one in given if one.card == counter.card]
        known = {one.name for one in beamline.counters() if one.card == counter.card}
        same = counter.part is not None and all(one.part == counter.part for one in mates)
        whole = len(known) > 1 and known <= {one.name for one in mates}
        if same and counter.part and whole:
            found[counter.card] = Parted(counter.card, counter.part)
        elif whole and counter.described and not any(one.part for one in mates):
            found[counter.card] = counter.card
        elif not counter.number and counter.card == counter.name and counter.part is None:
            found[counter.name] = next(name for name, one in beamline.objects.items() if one == counter)
        else:
            found[counter.name] = counter
    return list(found.values())


def _input_of(beamline: Beamline, who: str, calculated: Counter, name: str) -> Counter:
    """A counter that a calculated one needs; it is measured with it."""
    found = beamline.objects.get(name)
    if not isinstance(found, Counter) or not found.number:
        raise BadValue(
            f"{who}: {calculated.name} is {calculated.formula or calculated.function}, and {name} is not a counter; "
            f"{_known(beamline)}"
        )
    return found.parts()[0]


def _counters_of(beamline: Beamline, given: Measured) -> list[Counter]:
    if isinstance(given, Parted):
        return [replace(counter, part=given.part) for counter in _counters_of(beamline, given.what)]
    one = beamline[given] if isinstance(given, str) else given
    if isinstance(one, Counter):
        return [one]
    if isinstance(one, Loop):
        return one.counters()
    if isinstance(one, MeasurementGroup):
        return one.measured()
    if isinstance(one, Detector):
        beamline.renew_counters(one)
    if isinstance(one, Device):
        return [counter for counter in beamline.counters() if counter.card == one.name]
    return []


def _known(beamline: Beamline) -> str:
    names = [counter.name for counter in beamline.counters()]
    return f"give some of {', '.join(names)}" if names else "the beamline has none"
