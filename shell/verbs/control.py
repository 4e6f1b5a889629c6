"""Several people in one session: who has control, asking for it, handing it over, taking it; and stop for everyone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import gevent
from rich.console import Console
from rich.table import Table

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.locking import who_we_are
from ronda.framework.errors import NotReady
from ronda.framework.plain import plain
from ronda.framework.stream.answers import ScanOver
from ronda.framework.stream.control import View
from ronda.framework.stream.description import State
from ronda.framework.stream.seat import Seat
from ronda.shell.prompt.toolbar import Fragments
from ronda.shell.prompt.user import user_name

LOOK = 0.2
"""Seconds between two looks at what the seat has heard."""


class ControlCommands:
    """What people do about control of their session.

    Args:
        beamline: whose seat it is, if there is one.
        session: name of the session; empty for none.
        say: writes into the logbook.
        console: where they print.
        beside: names the scans of this shell that run beside.
    """

    def __init__(
        self,
        beamline: Beamline,
        session: str,
        say: Callable[[str, str], None],
        console: Console,
        beside: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._beamline = beamline
        self._session = session
        self._say = say
        self._console = console
        self._known: tuple[str, frozenset[str]] = ("", frozenset())
        self._watcher: gevent.Greenlet | None = None
        self._beside = beside
        self._working = self._resting = 0

    def join(self, *, take: bool) -> None:
        """Take a place in the session.

        Args:
            take: whether to take control at once if nobody has it.

        Raises:
            RondaError: Redis does not answer; the first motion or scan tries again.
        """

        def ready(seat: Seat) -> None:
            seat.busy = lambda: bool(self._working > self._resting or self._beside())
            seat.told = self._came

        if self._session:
            self._beamline.join(self._session, user_name(), take=take, ready=ready)
            seat = self._beamline.seat
            if seat is not None and seat.mine:
                self._say("note", f"{seat.me} has control of the session {self._session}{_former(seat.view)}")

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """A `with` block in which a command runs: nobody takes control meanwhile."""
        self.touch()
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1
            self.touch()

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """A `with` block in which a command waits for the person: who went home meanwhile is not at work."""
        self.touch()
        self._resting += 1
        try:
            yield
        finally:
            self._resting -= 1
            self.touch()

    def touch(self) -> None:
        """Something was done or typed here."""
        if self._beamline.seat is not None:
            self._beamline.seat.touch()

    def commands(self) -> list[Callable[..., Any]]:
        """All that people can type."""
        return [self.control, self.ask_control, self.give_control, self.take_control, self.stop_scan]

    def control(self) -> None:
        """Show who is in this session, who has control of it, and who asks for it."""
        seat = self._seat()
        view = seat.look()
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("", "who", "where", "process", "last did something", ""):
            table.add_column(title, no_wrap=True)
        for one in sorted(view.people.values(), key=lambda one: (one.user, one.host, one.process)):
            holds = view.holder is not None and one.token == view.holder.token
            remark = f"asks for control since {view.clock(one.asked)}" if one.asked else ""
            remark = f"since {view.clock(view.since)}" if holds else remark
            me = " (you)" if one.token == seat.me.token else ""
            told = ("control" if holds else "looks", f"{plain(one.user)}{me}", plain(one.host), str(one.process))
            table.add_row(*told, view.clock(one.active), remark)
        self._console.print(table)
        if view.holder is None:
            self._print("nobody has control; the first command that moves or measures takes it")

    def ask_control(self) -> None:
        """Ask whoever has control of this session for it; it is yours at once if nobody has it."""
        seat = self._seat()
        if seat.mine:
            self._print(f"you have control of the session {self._session}")
            return
        view = seat.ask()
        if seat.mine:
            self._came(view)
            return
        self._say("note", f"{seat.me} asks {view.holder} for control of the session {self._session}")
        self._print(f"{view.holder} is told that you ask for control; you are told when it is yours")

    def give_control(self, to: str | int = "") -> None:
        """Hand control over: give_control("alice"), or to whoever asked: give_control()."""
        seat = self._seat()
        if beside := self._beside():
            raise NotReady(f"give_control: {beside[0]} of yours still runs; wait for its end, or stop it first")
        other = seat.give(str(to))
        self._say("note", f"{seat.me} hands control of the session {self._session} to {other}")
        self._known = (other.token, self._known[1])
        self._print(f"{other} has control of the session {self._session} now; you look")

    def take_control(self) -> None:
        """Take control of this session, if nobody has it or nothing was done by who has it for ten minutes."""
        seat = self._seat()
        if seat.mine:
            self._print(f"you have control of the session {self._session}")
            return
        before = seat.take()
        if before.holder is None:
            self._came(before)
            return
        idle = f"who did nothing for {int(before.idle // 60)} minutes"
        self._say("note", f"{seat.me} takes control of the session {self._session} from {before.holder}, {idle}")
        self._known = (seat.me.token, self._known[1])
        self._print(f"you have control of the session {self._session} now, taken from {before.holder}, {idle}")

    def stop_scan(self) -> None:
        """Stop the scan that runs in this session, whoever began it, after the point in hand."""
        stream = self._beamline.stream
        running = [one for one in stream.scans(state=State.LIVE) if one.session == self._session]
        told = 0
        for one in running:
            try:
                stream.scan(one.identifier).order("stop", who_we_are())
            except ScanOver:
                continue
            told += 1
            self._say("note", f"{who_we_are()} stops scan {one.number}")
            self._print(f"scan {one.number} is told to stop after the point in hand")
        if not told:
            self._print(f"no scan runs in {'the session ' + self._session if self._session else 'this session'}")

    # -- what the screen shows

    def line(self) -> str:
        """A sentence for the first screen; empty without a session."""
        seat = self._beamline.seat
        if seat is None:
            return ""
        if seat.mine:
            others = [str(one) for one in seat.view.people.values() if one.token != seat.me.token]
            looking = f"; {plain(', '.join(others))} {'looks' if len(others) == 1 else 'look'}" if others else ""
            return f"you have control of the session{looking}"
        return plain(seat.refusal())

    def fragments(self) -> Fragments:
        """For the bottom line; nothing is asked."""
        seat = self._beamline.seat
        if seat is None:
            return []
        if seat.mine:
            asking = [one.user for one in seat.view.asking]
            return [("class:good", "you"), *([("class:bad", f", {plain(asking[0])} asks")] if asking else [])]
        holder = seat.view.holder
        return [("class:faint", "nobody")] if holder is None else [("class:busy", f"{plain(holder.user)}, you look")]

    def watch(self, changed: Callable[[], None]) -> None:
        """Tell at the prompt, from now on, when control changes hands or somebody asks for it.

        Args:
            changed: called after each change, to draw the bottom line again.
        """
        seat = self._beamline.seat
        if seat is not None:
            self._known = _state(seat)
            self._watcher = gevent.spawn(self._look, seat, changed)

    def stop(self) -> None:
        """Tell no longer."""
        if self._watcher is not None:
            self._watcher.kill()

    def _look(self, seat: Seat, changed: Callable[[], None]) -> None:
        while True:
            gevent.sleep(LOOK)
            now, before = _state(seat), self._known
            if now == before:
                continue
            self._known = now
            holder = seat.view.holder
            if now[0] != before[0]:
                self._tell_holder(seat, before[0] == seat.me.token)
            if holder is not None and seat.mine:
                for one in seat.view.asking:
                    if one.token not in before[1]:
                        self._print(f"{one} asks for control; give_control({one.user!r}) hands it over")
            changed()

    def _tell_holder(self, seat: Seat, had: bool) -> None:
        holder = seat.view.holder
        if seat.mine:
            self._print(f"you have control of the session {self._session} now")
        elif had:
            why = "nobody has it now" if holder is None else f"{holder} has it now"
            self._print(f"you have control of the session {self._session} no longer: {why}; you look")
        elif holder is not None:
            self._print(f"{holder} has control of the session {self._session} now")
        else:
            self._print(f"nobody has control of the session {self._session} any more; what moves or measures takes it")

    def _came(self, view: View) -> None:
        """Nobody had control, and now it is ours."""
        seat = self._seat()
        self._say("note", f"{seat.me} has control of the session {self._session}{_former(view)}")
        self._known = (seat.me.token, self._known[1])
        self._print(f"nobody had control of the session {self._session}; it is yours now")

    def _seat(self) -> Seat:
        seat = self._beamline.seat
        if seat is None:
            raise NotReady(
                "control: this shell is in no session, so it shares none; `ronda shell NAME` is in one, see "
                "`sessions` in the YAML files. Axes in use are kept apart by locks all the same"
            )
        return seat

    def _print(self, text: str) -> None:
        self._console.print(plain(text), markup=False, highlight=False, soft_wrap=True)


def _state(seat: Seat) -> tuple[str, frozenset[str]]:
    view = seat.view
    return ("" if view.holder is None else view.holder.token, frozenset(one.token for one in view.asking))


def _former(view: View) -> str:
    return "" if view.former is None else f", which {view.former} had until that was gone"
