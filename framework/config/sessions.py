"""What sessions name that is not there: objects, other sessions, scripts; and names of sessions that cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from ronda.framework.config.beamline import SessionParameters
from ronda.framework.config.calculations import circle_of
from ronda.framework.config.problems import Problem, listed, nearest
from ronda.framework.config.references import Names
from ronda.framework.config.source import Section
from ronda.framework.config.words import show

KIND = "kind:"
"""Begins a pattern that is about what things are, not about their names."""


def check_sessions(
    sections: Mapping[str, Section], sessions: Mapping[str, SessionParameters], names: Names, folder: Path
) -> Iterator[Problem]:
    """Find what sessions name that is not there.

    Args:
        sections: where each stands.
        sessions: those whose keys are right.
        names: what there is in the beamline.
        folder: of the beamline.
    """
    graph = {name: [other for other in one.sessions if other in sections] for name, one in sessions.items()}
    circle = circle_of(graph)
    if circle:
        where = sections[circle[0]].location(("sessions",))
        yield Problem(where, circle[0], " includes ".join(circle), "sessions must not include each other in a circle")
    for name, one in sessions.items():
        section = sections[name]
        for index, other in enumerate(one.sessions):
            if other not in sections:
                what = f"sessions has {show(other)}, which does not exist"
                allowed = f"must name {listed(map(repr, sections), 'or')}"
                yield Problem(section.location(("sessions", index)), name, what, allowed, nearest(other, sections))
        for key, patterns in (("include", one.include or []), ("exclude", one.exclude)):
            for index, pattern in enumerate(patterns):
                yield from _unmatched(names, name, f"{key} has", pattern, section, (key, index))
        if one.setup is not None:
            yield from _unreadable(one.setup, folder, name, section)


def _unmatched(
    names: Names, who: str, what: str, pattern: str, section: Section, path: tuple[str, int]
) -> Iterator[Problem]:
    """A pattern that means nothing of the beamline, which is most likely mistyped."""
    if not names.complete or None in names.devices.values():
        return
    if pattern.startswith(KIND):
        kinds = {*filter(None, names.devices.values()), "counter"}
        known: Iterable[str] = (f"{KIND}{kind}" for kind in kinds)
    else:
        known = [*names.devices, *names.counters]
    known = sorted(known)
    if pattern not in known and not any(_may_match(name, pattern) for name in known):
        allowed = (
            f"must be one of {listed(known, 'or')}" if pattern.startswith(KIND) else "must match a device or counter"
        )
        yield Problem(
            section.location(path),
            who,
            f"{what} {show(pattern)}, which matches nothing",
            allowed,
            nearest(pattern, known),
        )


def _may_match(name: str, pattern: str) -> bool:
    """Whether a pattern matches a name; one with `*` at its end stands for names that are known at run time only."""
    if not name.endswith("*"):
        return fnmatchcase(name, pattern)
    begin = name[:-1]
    return pattern.startswith(begin) or fnmatchcase(begin, pattern)


def _unreadable(setup: str, folder: Path, who: str, section: Section) -> Iterator[Problem]:
    file = folder / setup
    where = section.location(("setup",))
    if not file.resolve().is_relative_to(folder.resolve()):
        yield Problem(where, who, f"setup is {show(setup)}", "must be a file in the beamline's folder")
    elif not file.is_file():
        scripts = [str(one.relative_to(folder)) for one in folder.rglob("*.py")]
        what = f"setup is {show(setup)}, and there is no such file in {folder}"
        yield Problem(where, who, what, None, nearest(setup, scripts))
