"""What a scan was told while it runs, and what that means for it now: pause, resume, stop, abort."""

from __future__ import annotations

from ronda.framework.errors import BadValue
from ronda.framework.scan.stopped import ScanStopped


class Control:
    """The orders that one scan was given; `give` may be called by any thread.

    Attributes:
        number: of the scan, for sentences.
        in_hand: whether a point is being measured, which a stop lets end.
    """

    def __init__(self) -> None:
        self.number = 0
        self.in_hand = False
        self._stop = ""
        self._abort = ""
        self._pause = ""
        self._stay = ""

    @property
    def stays(self) -> bool:
        """Whether it shall not go back to where it began."""
        return bool(self._stay)

    @property
    def paused(self) -> str:
        """Who has paused it, as a clause; empty if nobody has."""
        return self._pause

    def give(self, word: str, who: str = "") -> None:
        """Take an order: `pause`, `resume`, `stop`, `abort` or `stay`.

        Raises:
            BadValue: it is another one.
        """
        by = f" by {who}" if who else ""
        if word == "pause":
            self._pause = f"paused{by}"
        elif word == "resume":
            self._pause = ""
        elif word == "stop":
            self._stop = self._stop or f"stopped{by}"
        elif word == "stay":
            self._stay = f"not to go back{by}"
        elif word == "abort":
            self._abort = self._abort or f"aborted{by}"
        else:
            raise BadValue(f"scan {self.number}: {word!r} is no order; give pause, resume, stop, abort or stay")

    def check_return(self) -> None:
        """See whether a way back is to be given up.

        Raises:
            ScanStopped: it is.
        """
        if self._stay:
            raise ScanStopped(f"scan {self.number}: was told {self._stay}")

    def check(self) -> None:
        """See whether the scan is to end now.

        Raises:
            ScanStopped: it is.
        """
        why = self._abort or ("" if self.in_hand else self._stop)
        if why:
            raise ScanStopped(f"scan {self.number}: {why}")
