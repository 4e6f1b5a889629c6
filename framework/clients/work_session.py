"""A session of the YAML files as clients see it: which objects it has, and which scripts run when it begins."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.counter import Counter
from ronda.framework.errors import NotFound
from ronda.framework.host.entries import SESSIONS

KIND = "kind:"
"""Begins a pattern that is about what things are."""


@dataclass(frozen=True)
class WorkSession:
    """What people find at the prompt for one kind of work.

    Attributes:
        name: empty where no session was chosen; then everything is there.
        description: what it is for.
        parts: patterns of names and kinds: what is in it, and what is left out of that.
        setups: scripts that run when it begins, relative to the beamline's folder, in order.
    """

    name: str = ""
    description: str = ""
    parts: Sequence[tuple[Sequence[str], Sequence[str]]] = field(default=((("*",), ()),))
    setups: Sequence[str] = ()

    @classmethod
    def of(cls, name: str, sessions: Mapping[str, Mapping[str, Any]]) -> WorkSession:
        """A session with all that it includes.

        Args:
            name: its name.
            sessions: the keys of each in YAML, by name; checked, so that they name each other in no circle.
        """
        keys = sessions[name]
        included = [cls.of(other, sessions) for other in keys.get("sessions", ())]
        left_out = tuple(keys.get("exclude", ()))
        own = keys.get("include")
        if own is None:
            own = () if included else ("*",)
        parts = [(inner, (*outer, *left_out)) for one in included for inner, outer in one.parts]
        parts.append((tuple(own), left_out))
        setups = [setup for one in included for setup in one.setups]
        setups += [keys["setup"]] if keys.get("setup") else []
        return cls(name, str(keys.get("description", "")), tuple(parts), tuple(dict.fromkeys(setups)))

    def chosen(self, objects: Mapping[str, Any]) -> dict[str, Any]:
        """Its objects, of all those of the beamline by name."""
        return {name: one for name, one in objects.items() if self.has(name, one)}

    def has(self, name: str, one: Any) -> bool:
        """Whether an object is one of its own."""

        def among(patterns: Sequence[str]) -> bool:
            return any(
                fnmatchcase(kind_of(one), each.removeprefix(KIND)) if each.startswith(KIND) else fnmatchcase(name, each)
                for each in patterns
            )

        return any(among(inside) and not among(outside) for inside, outside in self.parts)


def kind_of(one: Any) -> str:
    """What an object is: `counter`, or the family of its Tango device, such as `axis` or `shutter`."""
    if isinstance(one, Counter):
        return "counter"
    return str(one.remote.device).split("/")[-2]


def work_sessions(beamline: Beamline) -> dict[str, WorkSession]:
    """The sessions of a beamline, by name.

    Raises:
        ServiceFailed: the Tango database does not answer.
    """
    keys = json.loads(beamline.kept(SESSIONS) or "{}")
    return {name: WorkSession.of(name, keys) for name in keys}


def work_session(beamline: Beamline, name: str) -> WorkSession:
    """One of them.

    Raises:
        NotFound: there is no such session.
        ServiceFailed: the Tango database does not answer.
    """
    known = work_sessions(beamline)
    if name not in known:
        raise NotFound(f"{beamline.name}: there is no session {name}; there are {', '.join(known) or 'none'}")
    return known[name]


class SessionObjects:
    """The objects of a beamline that a session has, as they are at any time.

    Attributes:
        beamline: all of it.
        session: which are chosen.
    """

    def __init__(self, beamline: Beamline, session: WorkSession) -> None:
        self.beamline = beamline
        self.session = session

    @property
    def objects(self) -> dict[str, Any]:
        """All of them, by name."""
        return self.session.chosen(self.beamline.objects)

    def axes(self) -> list[Axis]:
        """Its axes, in the order of the beamline."""
        return [one for one in self.beamline.axes() if self.session.has(one.name, one)]

    def counters(self) -> list[Counter]:
        """Its counters, in the order of the beamline."""
        return [one for one in self.beamline.counters() if self.session.has(one.name, one)]
