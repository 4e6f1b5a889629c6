"""A program's place in a session: it reports that it is there, and knows whether it has control."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from functools import partial

import redis

from ronda.framework.errors import Busy, CommunicationFailed, NotAllowed, NotFound
from ronda.framework.stream.connection import Server, cause
from ronda.framework.stream.control import IDLE, LEASE, Control, Person, View

RENEWAL = LEASE / 4
"""Seconds between two reports."""

AGAIN = 0.5
"""Seconds until the next attempt while Redis does not answer."""

LOOK = 0.1
"""Seconds between two looks whether somebody who does not report any more has left."""

PATIENCE = 3.0
"""Seconds for which the first report, and what people ask for, tries again while Redis does not answer."""


class Seat:
    """One program's place in a session, reported by a thread of its own. Any thread or greenlet.

    Args:
        server: Redis.
        session: name of the session.
        user: who works here.

    Attributes:
        session: its name.
        me: this program.
        view: the session as last seen.
        busy: asked before each report: whether a command or a scan of this program runs.
        told: called, in the thread that finds it out, when control came to this program by itself: nobody had it.
    """

    def __init__(self, server: Server, session: str, user: str) -> None:
        self.session = session
        self.me = Person(secrets.token_hex(8), user, socket.gethostname(), os.getpid())
        self.view = View()
        self.busy: Callable[[], bool] = lambda: False
        self.told: Callable[[View], None] = lambda _: None
        self._server = server
        self._control = Control(server, session, self.me)
        self._until = 0.0
        self._safe = 0.0
        self._had = False
        self._active = False
        self._over = threading.Event()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self, *, take: bool) -> None:
        """Be there from now on.

        Args:
            take: whether to take control if nobody has it; otherwise the first motion or scan does.

        Raises:
            CommunicationFailed: Redis does not answer.
        """
        try:
            self._insist(self._control.take_free if take else self._control.report, active=True)
        finally:
            self._thread = threading.Thread(target=self._run, name=f"ronda-seat-{self.session}", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Be there no longer, and give control back; where Redis does not answer it ends by itself."""
        self._over.set()
        if self._thread is not None:
            deadline = time.monotonic() + PATIENCE
            while self._thread.is_alive() and time.monotonic() < deadline:
                time.sleep(0.001)  # where greenlets run, the others go on meanwhile

    def touch(self) -> None:
        """Something was done here."""
        self._active = True

    @property
    def mine(self) -> bool:
        """Whether this program has control."""
        return self._had and _clock() < self._until

    def permit(self, who: str) -> None:
        """Refuse a motion or a measurement of somebody who only looks; takes control if nobody has it.

        While Redis does not answer, whoever has control keeps it until the time is over after which others may take
        it: Redis may answer these, and be out of reach from here only.

        Args:
            who: begins the sentence: the device, or the command.

        Raises:
            NotAllowed: somebody else has control.
        """
        if self.mine and _clock() < self._safe:
            return
        try:
            before = self._had
            view = self._seen(self._control.take_free, active=True)
            deadline = time.monotonic() + LEASE
            while not self.mine and _silent(view) and time.monotonic() < deadline:
                time.sleep(LOOK)
                view = self._seen(self._control.take_free, active=True)
        except (redis.RedisError, OSError):
            if self.mine:
                return
            raise NotAllowed(
                f"{who}: Redis does not answer, so nobody can say who has control of the session {self.session}; "
                "try again when it does"
            ) from None
        if not self.mine:
            raise NotAllowed(f"{who}: {self.refusal()}")
        if not before:
            self.told(view)

    def refusal(self) -> str:
        """Why one may only look here, and what to do."""
        view, holder = self.view, self.view.holder
        if holder is None:
            return f"nobody has control of the session {self.session}; take_control() takes it"
        idle = f", and did nothing for {_minutes(view.idle)}" if view.idle >= 60 else ""
        return (
            f"you look, {holder} has control of the session {self.session} since {view.clock(view.since)}{idle}; "
            f"reading, plots and stop are for everyone; ask_control() asks for control, take_control() takes it after "
            f"{_minutes(IDLE)} in which nothing was done"
        )

    # -- what people ask for

    def ask(self) -> View:
        """Ask for control, and take it if nobody has it.

        Raises:
            CommunicationFailed: Redis does not answer.
        """
        view = self._insist(self._control.ask, active=True)
        return self._insist(self._control.take_free, active=True) if view.holder is None else view

    def take(self) -> View:
        """Take control: nobody has it, or nothing was done for ten minutes by who has it; returns how it was before.

        Raises:
            Busy: who has it is at work.
            CommunicationFailed: Redis does not answer.
        """
        before = self._insist(self._control.report)
        if not self._insist(self._control.take, active=True).done and self.view.holder is not None:
            left = max(IDLE - self.view.idle, 0)
            view, holder = self.view, self.view.holder
            since, active = view.clock(view.since), view.clock(holder.active)
            raise Busy(
                f"control of the session {self.session}: {holder} has it since {since} and did something at {active}; "
                f"it can be taken after {_minutes(IDLE)} in which nothing was done, in {_minutes(left)} at the "
                "earliest; ask_control() asks for it"
            )
        return before

    def give(self, to: str = "") -> Person:
        """Hand control over.

        Args:
            to: a user's name, `user@host`, or a process number, as `View.people` has them; empty for whoever asked
                first, or the only other one.

        Raises:
            NotAllowed: control is not ours.
            NotFound: there is no such person, or more than one.
            CommunicationFailed: Redis does not answer.
        """
        view = self._insist(self._control.report)
        if not self.mine:
            raise NotAllowed(f"control of the session {self.session} is not yours to give: {self.refusal()}")
        others = [one for one in view.people.values() if one.token != self.me.token]
        names = ", ".join(map(str, others)) or "nobody else"
        meant = [one for one in others if to in (one.user, f"{one.user}@{one.host}", str(one.process), str(one))]
        if not to:
            meant = view.asking[:1] or others
        if len(meant) != 1:
            asked = f"{to} is not one of them" if to and not meant else "say to whom, if need be by process number"
            raise NotFound(f"control of the session {self.session}: in it is {names}; {asked}")
        if not self._insist(partial(self._control.give, meant[0].token)).done:
            raise NotFound(f"control of the session {self.session}: {meant[0]} has just left")
        return meant[0]

    def look(self) -> View:
        """How it is now.

        Raises:
            CommunicationFailed: Redis does not answer.
        """
        return self._insist(self._control.report)

    # -- tools

    def _insist(self, action: Callable[..., View], *, active: bool = False) -> View:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self._seen(action, active=active)
            except (redis.RedisError, OSError) as error:
                if time.monotonic() > deadline:
                    raise CommunicationFailed(
                        f"control of the session {self.session}: Redis does not answer ({cause(error)})"
                    ) from error
            time.sleep(LOOK)

    def _seen(self, action: Callable[..., View], *, active: bool = False) -> View:
        asked = _clock()
        view = action(active=active)
        with self._guard:
            if asked >= self._until - LEASE:  # what was asked earlier may be answered later
                self.view = view
                self._had = view.holder is not None and view.holder.token == self.me.token
                self._until = asked + LEASE
                if active:  # nobody can take it before it was idle for long, so Redis need not be asked until then
                    self._safe = asked + IDLE - LEASE
        return view

    def _run(self) -> None:
        try:
            self._report()
        finally:
            self._server.leave()

    def _report(self) -> None:
        pause = RENEWAL
        while not self._over.wait(pause):
            active, self._active = self._active or self.busy(), False
            # Whoever has control and was away, as Redis may have been, has it again if nobody took it.
            action = self._control.take_free if self._had else self._control.report
            try:
                self._seen(action, active=active)
                pause = RENEWAL
            except (redis.RedisError, OSError):
                self._active = active
                pause = AGAIN
        try:
            self._control.leave()
        except (redis.RedisError, OSError):
            return


def _clock() -> float:
    """Seconds that go on while the computer sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _silent(view: View) -> bool:
    """Whether who has control has not reported when it should have."""
    return view.holder is not None and view.now - view.holder.seen > 2 * RENEWAL


def _minutes(seconds: float) -> str:
    minutes = -(-int(seconds) // 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"
