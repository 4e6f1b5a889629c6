"""Telling the logbook what is typed at a prompt, and what went wrong, without ever keeping anybody waiting."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import gevent
from gevent.event import Event

from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import RondaError

MOST = 1000
"""So many entries wait for Redis at most; the oldest are forgotten."""

AGAIN = 2.0
"""Seconds between attempts while Redis does not answer."""

LAST_WAIT, LAST_WAIT_AWAY = 10.0, 2.0
"""Seconds that the end of the program waits for the last entries, and if Redis did not answer before."""

TURNS = 20
"""Looks that waiting takes at least: a machine that pauses is no Redis that does not answer."""


@dataclass(frozen=True)
class Said:
    """What waits to be told."""

    kind: str
    text: str
    when: float
    token: str


class Journal:
    """Sends entries to the logbook in a greenlet of its own.

    Args:
        beamline: whose logbook.
        session, user: whose entries.
        tell: takes a sentence when entries cannot be sent, or are lost.
    """

    def __init__(self, beamline: Beamline, session: str, user: str, tell: Callable[[str], None]) -> None:
        self._beamline = beamline
        self._session = session
        self._user = user
        self._tell = tell
        self._waiting: deque[Said] = deque(maxlen=MOST)
        self._lost = 0
        self._told = False
        self._some = Event()
        self._sender: gevent.Greenlet | None = None
        self._numbers = count()
        self._mine = secrets.token_hex(8)

    def add(self, kind: str, text: str) -> None:
        """Say something; returns at once.

        Args:
            kind: `command`, `error` or `note`.
            text: what is to be read.
        """
        if len(self._waiting) == MOST:
            self._lost += 1
        text = text.encode(errors="replace").decode()  # what was pasted may be no text
        self._waiting.append(Said(kind, text, time.time(), f"{self._mine} {next(self._numbers)}"))
        self._some.set()
        if self._sender is None:
            self._sender = gevent.spawn(self._run)

    def flush(self, seconds: float) -> None:
        """Wait until all is sent, at most so many seconds."""
        began, turns = time.monotonic(), 0
        while self._waiting and (turns < TURNS or time.monotonic() - began < self._patience(seconds)):
            gevent.sleep(0.01)
            turns += 1

    def close(self) -> None:
        """Wait a moment for what is not sent yet, and end."""
        self.flush(LAST_WAIT)
        if self._sender is not None:
            self._sender.kill(block=False)
        left = len(self._waiting) + self._lost
        if left:
            self._tell(f"the logbook cannot be reached; {left} {'entry is' if left == 1 else 'entries are'} not in it")

    def _patience(self, seconds: float) -> float:
        return min(seconds, LAST_WAIT_AWAY) if self._told else seconds

    def _run(self) -> None:
        while True:
            self._some.wait()
            self._some.clear()
            while self._waiting:
                first = self._waiting[0]
                try:
                    self._beamline.stream.logbook().add(
                        first.kind,
                        first.text,
                        user=self._user,
                        session=self._session,
                        when=first.when,
                        token=first.token,
                    )
                except RondaError as error:
                    if not self._told:
                        self._told = True
                        self._tell(f"the logbook cannot be reached ({error}); what is said is sent when it can be")
                    gevent.sleep(AGAIN)
                    continue
                except Exception as error:  # noqa: BLE001 - whatever is wrong with one entry, the next ones are sent
                    self._lost += 1
                    self._tell(f"an entry of the logbook cannot be sent ({type(error).__name__}: {error})")
                else:
                    self._told = False
                if self._waiting and self._waiting[0] is first:
                    self._waiting.popleft()
