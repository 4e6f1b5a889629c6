"""When a scan may measure its next point: not while somebody has paused it, nor while a suspender says no."""

from __future__ import annotations

import time
from collections.abc import Callable

from ronda.framework.scan.control import Control
from ronda.framework.scan.suspenders import Suspender, Watched

PERIOD = 0.02
"""Seconds between two looks whether a paused scan may go on."""

WATCH_PERIOD = 0.1
"""Seconds between two looks at what suspenders watch, while the scan waits."""

FRESH = 0.02
"""Seconds for which such a look holds while the scan measures."""


class Steering:
    """Lets one scan wait.

    Args:
        control: what it was told.
        watched: its suspenders.
        check: called often; raises to end the scan.
        tell: takes why it waits, and an empty text when it goes on.

    Attributes:
        control: as above.
        waited: seconds for which it has waited.
        spoiled: how many points were measured while a suspender said no.
    """

    def __init__(
        self, control: Control, watched: Watched, check: Callable[[], None], tell: Callable[[str], None]
    ) -> None:
        self.control = control
        self.watched = watched
        self.check = check
        self.waited = 0.0
        self.spoiled = 0
        self._tell = tell
        self._wrong: list[tuple[Suspender, str]] = []
        self._right_from = 0.0
        self._remark = ""

    def wait_until_free(self) -> None:
        """Return when the next point may be measured."""
        self.check()
        if self.watched and self.watched.age() > FRESH:
            self._look()
        if self.control.paused or self._wrong or self._right_from:
            self._wait()

    def spoils(self, index: int, *, always: bool = False) -> bool:
        """Look whether a point that has just been measured counts; returns whether it is to be measured again.

        Args:
            index: of the point in the plan, for people.
            always: whether a spoilt point is measured again also where its suspender does not ask for that.
        """
        again = False
        if self.watched:
            self._look()
            self.spoiled += bool(self._wrong)
            again = any(always or one.repeat for one, _ in self._wrong)
            self._remark = f"; point {index} is measured again then" if again else ""
        return again

    def looks_wrong(self, period: float = 0.0) -> bool:
        """Look whether a suspender says no, unless that was done within `period` (s); for what is only marked then."""
        if self.watched and self.watched.age() >= period:
            self._look()
        return self.wrong

    @property
    def wrong(self) -> bool:
        """Whether a suspender said no at the latest look."""
        return bool(self._wrong)

    def _look(self) -> None:
        self._wrong = self.watched.look()
        if self._wrong:
            self._right_from = time.monotonic() + max(one.settle for one, _ in self._wrong)

    def _wait(self) -> None:
        begun = time.monotonic()
        told: tuple[object, ...] = ()
        while True:
            if self.watched and self.watched.age() >= WATCH_PERIOD:
                self._look()
            paused = self.control.paused
            settling = not self._wrong and time.monotonic() < self._right_from
            now = (paused, tuple(one.name for one, _ in self._wrong), settling)
            if not any(now):
                break
            if now != told:
                told = now
                clauses = [paused, *(why for _, why in self._wrong), "settling" if settling else ""]
                self._tell("; ".join(filter(None, clauses)) + self._remark)
            time.sleep(PERIOD)
            self.check()
        self._right_from, self._remark = 0.0, ""
        self.waited += time.monotonic() - begun
        self._tell("")
