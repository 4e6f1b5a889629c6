"""Names: how they are spelt, which are reserved, and that each stands for one thing only."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Iterator, Mapping

from ronda.framework.config.beamline import NAME_PATTERN, Location
from ronda.framework.config.entries import Entry
from ronda.framework.config.problems import Problem, short
from ronda.framework.config.source import Section

LONGEST = 64
"""Longest name: the Tango database of a facility keeps 85 characters for each part of a device's name."""

RESERVED_BEAMLINES = ("dserver", "sys", "tango")
"""Domains that Tango's own devices use."""


RESERVED_SERVERS = ("agent", "keeper", "redis", "simulators", "view")
"""Processes that a beamline has beside its servers."""


def check_names(
    servers: Mapping[str, Section], entries: Iterable[Entry], others: Iterable[tuple[str, Section]]
) -> list[Problem]:
    """Check the names of servers, devices, devices within devices; and of others: simulated instruments, sessions.

    The first three share one set of names, in which case does not count, because Tango ignores it.
    """
    problems = []
    taken: dict[str, tuple[str, Location]] = {}
    for name, location in _device_names(servers, entries):
        spelling = _spelling(name, location)
        if spelling is not None:
            problems.append(spelling)
        elif name.lower() in taken:
            other, first = taken[name.lower()]
            called = "is given twice" if other == name else f"differs from {other!r} only in case"
            what = f"the name {name!r} {called}, first in {short(first)}"
            problems.append(Problem(location, name, what, "servers, devices and axes must have different names"))
        else:
            taken[name.lower()] = (name, location)
    for name, section in servers.items():
        if name.lower() in RESERVED_SERVERS:
            what = f"the name {name!r} is that of a process that a beamline has beside its servers"
            problems.append(Problem(section.location(key=True), name, what, "choose another one"))
    for name, section in others:
        spelling = _spelling(name, section.location(key=True))
        problems += [spelling] if spelling else []
    return problems


def check_beamline_name(section: Section) -> list[Problem]:
    """Check that the beamline's name is not one that Tango needs itself."""
    name = section.data.get("name")
    if name not in RESERVED_BEAMLINES:
        return []
    return [Problem(section.location(("name",)), "beamline", f"name is {name!r}", "which Tango uses for itself")]


def _device_names(servers: Mapping[str, Section], entries: Iterable[Entry]) -> Iterator[tuple[str, Location]]:
    for server, section in servers.items():
        yield server, section.location(key=True)
    for entry in entries:
        yield entry.name, entry.section.location(key=True)
        for device in entry.tango_devices:
            if device.name != entry.name:
                yield device.name, entry.section.location(entry.path_of(device.name), key=True)


def _spelling(name: str, location: Location) -> Problem | None:
    if not re.fullmatch(NAME_PATTERN, name) or len(name) > LONGEST:
        allowed = f"names begin with a letter and hold at most {LONGEST} letters, digits and _"
        return Problem(location, name, f"the name {name!r} is not allowed", allowed)
    if keyword.iskeyword(name):
        return Problem(location, name, f"the name {name!r} is a word of the language Python", "choose another one")
    return None
