"""How a scan ends: the first error counts, and no step of the clean-up is left out because of another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType

from ronda.framework.errors import RondaError
from ronda.framework.scan.stopped import ScanStopped
from ronda.framework.stream.description import State


class Ending:
    """Takes what ended the work inside `with`, then does the steps of the clean-up."""

    def __init__(self) -> None:
        self._first: BaseException | None = None
        self._notes: list[str] = []

    @property
    def failed(self) -> bool:
        """Whether the work did not come to its own end."""
        return self._first is not None

    def do(self, steps: Iterable[Callable[[], None]]) -> None:
        """Do the steps of the clean-up, all of them; an error in one counts if nothing has failed before.

        An interruption (Ctrl-C, or a killed greenlet) ends the step in hand, not the others.
        """
        left = deque(steps)
        while left:
            try:
                while left:
                    left.popleft()()
            except BaseException as error:  # noqa: BLE001 - nothing may keep the other steps from being done
                self._first = self._first or error

    def note(self, clauses: Iterable[str]) -> None:
        """Tell with the first error what was stopped, and where, because of it."""
        self._notes += clauses

    def state(self) -> str:
        """COMPLETED, ABORTED or FAILED."""
        if self._first is None:
            return State.COMPLETED
        if isinstance(self._first, RondaError):
            return State.ABORTED if isinstance(self._first, ScanStopped) else State.FAILED
        return State.FAILED if isinstance(self._first, Exception) else State.ABORTED

    def sentence(self) -> str:
        """Why, for people; empty if all went well."""
        error = self._first
        if error is None:
            return ""
        if isinstance(error, KeyboardInterrupt):
            return "stopped by Ctrl-C"
        return str(error) if isinstance(error, RondaError) else f"{type(error).__name__}: {error}"

    def reraise(self) -> None:
        """Raise what ended the scan, if it did not come to its own end."""
        if self._first is not None:
            for clause in self._notes:
                self._first.add_note(clause)
            raise self._first

    def __enter__(self) -> Ending:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._first = error
        return True
