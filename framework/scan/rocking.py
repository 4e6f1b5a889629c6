"""Rocking an axis: it moves to and fro around where it stands while something is measured."""

from __future__ import annotations

from types import TracebackType

from ronda.framework.clients.axis import SLICE, Axis
from ronda.framework.errors import HardwareFault, RondaError
from ronda.framework.scan.background import Spawn, Task, in_thread


class Rocking:
    """A `with` block in which an axis moves to and fro; then it stops, and goes back to where it was sent last.

    Args:
        axis: which.
        total_move: from one end to the other, in its unit, half of it on each side.
        spawn: begins what goes on beside.

    Raises, when the block begins, before anything moves:
        OutOfRange: an end is outside the limits.
        Busy, NotReady, NotAllowed: it cannot move now.

    And when it ends:
        RondaError: why the axis did not go on rocking.
    """

    def __init__(self, axis: Axis, total_move: float, spawn: Spawn = in_thread) -> None:
        self._axis = axis
        self._half = abs(total_move) / 2
        self._spawn = spawn
        self._over = False
        self._failure: RondaError | None = None
        self._task: Task | None = None
        self._home = 0.0
        self._hold = axis.hold(f"rockit({axis.name}, {total_move:g})")

    def __repr__(self) -> str:
        return f"<{self._hold.purpose}, to be used as in `with {self._hold.purpose}: …`>"

    def __enter__(self) -> Rocking:
        self._hold.take()
        try:
            self._home = self._axis.setpoint
            self._axis.check([self._home - self._half, self._home + self._half])
        except BaseException:
            self._hold.give_back()
            raise
        self._axis.begins(self._axis, None)
        self._task = self._spawn(self._rock)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        try:
            if self._task is not None:
                self._task.join()
            self._axis.halt()
            self._axis.move(self._home)
        finally:
            self._hold.give_back()
        if self._failure is not None and error is None:
            raise HardwareFault(f"{self._axis.name}: did not go on rocking: {self._failure}") from self._failure

    def _rock(self) -> None:
        """Beside the measurement."""
        try:
            while True:
                for end in (self._home - self._half, self._home + self._half):
                    if self._over:
                        return
                    self._axis.start(end)
                    while not self._over and self._axis.await_rest(SLICE) is None:
                        pass
        except RondaError as error:
            self._failure = error
