"""Showing where axes are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from rich.console import Console

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.work_session import SessionObjects
from ronda.framework.errors import RondaError
from ronda.shell.displays.colours import coloured
from ronda.shell.displays.positions import Place, Whereabouts, limits_table, positions_table
from ronda.shell.displays.troubles import reason, troubles
from ronda.shell.prompt.together import attempt_all
from ronda.shell.verbs.motion import as_axis

T = TypeVar("T")


class PositionCommands:
    """The commands of one session that show where axes are.

    Args:
        shown: whose axes.
        console: where they print.
    """

    def __init__(self, shown: SessionObjects, console: Console) -> None:
        self._shown = shown
        self._console = console

    def wa(self, *axes: Axis) -> None:
        """Show where axes are, in user and dial positions: wa() all of them, wa(samx, samy) these."""
        self._show("wa", axes, lambda axis: (axis.position, axis.dial))

    def wu(self, *axes: Axis) -> None:
        """Show where axes are, in user positions: wu() all of them, wu(samx, samy) these."""
        self._show("wu", axes, lambda axis: (axis.position, None), dial=False)

    def wm(self, *axes: Axis) -> None:
        """Show where axes are and between which limits, in user and dial positions: wm(samx, samy)."""
        asked = self._asked("wm", axes)
        answers = attempt_all([lambda axis=axis: Whereabouts.of(axis) for axis in asked])  # type: ignore[misc]
        self._print(limits_table([_told(answer) for answer in answers], asked, self._console.width))
        self._tell_errors(asked, answers)

    def _show(
        self,
        verb: str,
        axes: Sequence[Axis],
        read: Callable[[Axis], tuple[float, float | None]],
        *,
        dial: bool = True,
    ) -> None:
        asked = self._asked(verb, axes)
        answers = attempt_all([lambda axis=axis: read(axis) for axis in asked])  # type: ignore[misc]
        places = [
            Place(axis.name, axis.unit, axis.digits, *(_told(answer) or (None, None)))
            for axis, answer in zip(asked, answers, strict=True)
        ]
        self._print(positions_table(places, self._console.width, dial=dial))
        self._tell_errors(asked, answers)

    def _asked(self, verb: str, axes: Sequence[Axis]) -> list[Axis]:
        return [as_axis(verb, one) for one in axes] or self._shown.axes()

    def _tell_errors(self, axes: Sequence[Axis], answers: Sequence[object]) -> None:
        pairs = zip(axes, answers, strict=True)
        failed = [(axis.name, reason(answer)) for axis, answer in pairs if isinstance(answer, RondaError)]
        for sentence in troubles(failed):
            self._print(sentence)

    def _print(self, text: str) -> None:
        self._console.print(coloured(text), soft_wrap=True)


def _told(answer: T | RondaError) -> T | None:
    return None if isinstance(answer, RondaError) else answer
