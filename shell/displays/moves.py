"""Axes while they move: a line for each with its position, its target and the time left."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import gevent
from rich.console import Console
from rich.live import Live
from rich.text import Text

from ronda.framework.clients.axis import Axis
from ronda.framework.errors import RondaError
from ronda.shell.displays.columns import aligned
from ronda.shell.prompt.together import attempt_all

PERIOD = 0.1
"""Seconds between two looks."""


class MovesDisplay:
    """Shows moving axes while its `with` block lasts; where nothing can be redrawn, only where they ended.

    Args:
        console: where to.
        moves: the axes and their targets.
        transient: whether nothing of it is left at the end.
    """

    def __init__(self, console: Console, moves: Sequence[tuple[Axis, float]], *, transient: bool = False) -> None:
        self._console = console
        self._moves = moves
        self._name_width = max(len(axis.name) for axis, _ in moves)
        goals = aligned([f"{target:.{axis.digits}f}" for axis, target in moves])
        units = max(len(axis.unit) for axis, _ in moves)
        self._goals = [f"{goal} {axis.unit:{units}}" for goal, (axis, _) in zip(goals, moves, strict=True)]
        self._velocities: list[float | RondaError] = []
        self._live = Live(
            console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False, transient=transient
        )
        self._greenlet: gevent.Greenlet | None = None

    def __enter__(self) -> None:
        self.open()

    def open(self) -> None:
        """Begin to show."""
        if self._console.is_terminal:
            self._live.start()
            self._greenlet = gevent.spawn(self._follow)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(shown=error is None)

    def close(self, *, shown: bool = False) -> None:
        """Show no more.

        Args:
            shown: show once more where the axes are.
        """
        if self._greenlet is not None:
            self._greenlet.kill(block=False)
            self._greenlet = None
        if shown:
            self._show(final=True)
        if self._console.is_terminal:
            self._live.stop()

    def _follow(self) -> None:
        self._velocities = attempt_all([lambda axis=axis: axis.velocity for axis, _ in self._moves])  # type: ignore[misc]
        while True:
            self._show()
            gevent.sleep(PERIOD)

    def _show(self, *, final: bool = False) -> None:
        positions = attempt_all([lambda axis=axis: axis.position for axis, _ in self._moves])  # type: ignore[misc]
        lines = [self._line(number, position, final=final) for number, position in enumerate(positions)]
        text = Text("\n".join(lines))
        if self._console.is_terminal:
            self._live.update(text, refresh=True)
        else:
            self._console.print(text, soft_wrap=True)

    def _line(self, number: int, position: float | RondaError, *, final: bool) -> str:
        axis, target = self._moves[number]
        name = axis.name.ljust(self._name_width)
        if isinstance(position, RondaError):
            return f"{name}  !ERR  {position}"
        shown = f"{position:.{axis.digits}f}".rjust(max(len(f"{target:.{axis.digits}f}"), 10))
        if final:
            return f"{name}  {shown} {axis.unit}"
        velocity = self._velocities[number] if self._velocities else 0.0
        left = ""
        if isinstance(velocity, float) and velocity > 0:
            left = f"   {abs(target - position) / velocity:.1f} s left"
        return f"{name}  {shown} → {self._goals[number]}{left}".rstrip()
