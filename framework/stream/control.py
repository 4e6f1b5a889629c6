"""Who has control of a session: several people may be in it, one of them moves and measures, the others look."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ronda.framework.stream import keys, scripts
from ronda.framework.stream.connection import Server

LEASE = 6.0
"""Seconds after which a program that does not report any more has left, and has control no longer."""

IDLE = 600.0
"""Seconds in which nothing was done, after which anybody may take control."""


@dataclass(frozen=True)
class Person:
    """Somebody in a session: one program, such as a shell.

    Attributes:
        token: tells the program from all others.
        user, host, process: whose it is, where it runs, its process number.
        seen: when it last reported, seconds since 1970 by the clock of Redis, as all times here.
        active: when something was last done there.
        asked: since when it asks for control; 0 if it does not.
    """

    token: str
    user: str
    host: str
    process: int
    seen: float = 0.0
    active: float = 0.0
    asked: float = 0.0

    def __str__(self) -> str:
        return f"{self.user}@{self.host}, process {self.process}"

    def to_json(self) -> str:
        """What others are told."""
        return json.dumps({"user": self.user, "host": self.host, "process": self.process}, ensure_ascii=False)


@dataclass(frozen=True)
class View:
    """A session at one moment.

    Attributes:
        now: when, by the clock of Redis.
        done: whether what was asked for has happened.
        holder: who has control; None if nobody has.
        since: since when.
        people: all who are there, by token.
        former: who had control last and left without giving it back, as when a program was killed; None if nobody.
    """

    now: float = 0.0
    done: bool = False
    holder: Person | None = None
    since: float = 0.0
    people: Mapping[str, Person] = field(default_factory=dict)
    former: Person | None = None

    @property
    def idle(self) -> float:
        """Seconds for which who has control has done nothing."""
        return 0.0 if self.holder is None else max(self.now - self.holder.active, 0.0)

    @property
    def asking(self) -> list[Person]:
        """Who asks for control, the first one first."""
        return sorted((one for one in self.people.values() if one.asked), key=lambda one: one.asked)

    def clock(self, moment: float) -> str:
        """A moment by the clock of this computer, for people."""
        then = time.time() - (self.now - moment)
        same_day = time.strftime("%d", time.localtime(then)) == time.strftime("%d")
        return time.strftime("%H:%M" if same_day else "%d %b %H:%M", time.localtime(then))


class Control:
    """The record of who is in a session and who has control, in Redis; each method is one step there.

    All raise what Redis raises, without patience: who reports tries again by itself. `active` says that something was
    done here since the last time.

    Args:
        server: where.
        session: its name.
        me: on whose behalf.
    """

    def __init__(self, server: Server, session: str, me: Person) -> None:
        self._server = server
        self._key = keys.control(session)
        self._me = me

    def report(self, *, active: bool = False) -> View:
        """Be there; say so every few seconds, `LEASE` at most."""
        return self._do("report", active)

    def take_free(self, *, active: bool = False) -> View:
        """Take control if nobody has it."""
        return self._do("free", active)

    def take(self, *, active: bool = False) -> View:
        """Take control if nobody has it, or who has it has done nothing for `IDLE` seconds."""
        return self._do("take", active, idle=IDLE)

    def ask(self, *, active: bool = False) -> View:
        """Ask for it."""
        return self._do("ask", active)

    def give(self, other: str, *, active: bool = False) -> View:
        """Hand it over to another one who is there, by token; done only if it was ours."""
        return self._do("give", active, other=other)

    def leave(self) -> View:
        """Be there no longer; control is free if it was ours."""
        return self._do("leave", False)

    def _do(self, action: str, active: bool, other: str = "", idle: float = 0.0) -> View:
        me = self._me
        told = self._server.script_once(
            scripts.CONTROL, self._key, action, me.token, LEASE, me.to_json(), int(active), other, idle
        )
        return _view(json.loads(told))


def _view(told: Mapping[str, Any]) -> View:
    people = {}
    for token, entry in dict(told["people"] or {}).items():
        times = (float(entry[name]) for name in ("seen", "active", "asked"))
        people[token] = _person(token, entry["who"], *times)
    holder = people.get(told["holder"])
    former = _person("", told["former"]) if told["former"] else None
    return View(float(told["now"]), bool(told["done"]), holder, float(told["since"]), people, former)


def _person(token: str, who: str, *times: float) -> Person:
    told = json.loads(who)
    return Person(token, str(told["user"]), str(told["host"]), int(told["process"]), *times)
