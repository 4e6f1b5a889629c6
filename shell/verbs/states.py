"""What state axes and the machine are in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.machine import Machine
from ronda.framework.clients.work_session import SessionObjects
from ronda.framework.errors import BadValue, NotFound, RondaError
from ronda.shell.displays.colours import coloured
from ronda.shell.displays.positions import ERROR
from ronda.shell.displays.troubles import reason, troubles
from ronda.shell.prompt.together import attempt_all
from ronda.shell.verbs.motion import as_axis


class StateCommands:
    """The commands of one session that show states. A device that does not answer is a row with `!ERR` and the reason.

    Args:
        shown: whose devices.
        console: where they print.
    """

    def __init__(self, shown: SessionObjects, console: Console) -> None:
        self._shown = shown
        self._console = console

    def commands(self) -> list[Callable[..., Any]]:
        """All that people can type."""
        return [self.sta, self.stm, self.srcur]

    def sta(self) -> None:
        """Show the state of all axes, with what each says about it."""
        self._show(self._shown.axes())

    def stm(self, *axes: Axis) -> None:
        """Show the state of axes, with what each says about it: stm(samx, samy)."""
        if not axes:
            raise BadValue("stm: takes one axis or several, as in stm(samx); sta() shows all of them")
        self._show([as_axis("stm", one) for one in axes])

    def srcur(self) -> None:
        """Show the current of the storage ring, the front end, and when the next top-up comes."""
        machine = next((one for one in self._shown.beamline.objects.values() if isinstance(one, Machine)), None)
        if machine is None:
            raise NotFound(
                f"srcur: the beamline {self._shown.beamline.name} has no device that tells about the ring; "
                "`kind: machine` in YAML makes one"
            )
        self._console.print(coloured(machine.__info__()), soft_wrap=True)

    def _show(self, axes: Sequence[Axis]) -> None:
        if not axes:
            self._console.print("there are no axes", markup=False)
            return
        answers = attempt_all([lambda axis=axis: (axis.state, axis.status) for axis in axes])  # type: ignore[misc]
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("axis", "state"):
            table.add_column(title, no_wrap=True)
        table.add_column("what it says", overflow="fold")
        for axis, answer in zip(axes, answers, strict=True):
            state, told = (ERROR, "see below") if isinstance(answer, RondaError) else answer
            table.add_row(axis.name, coloured(state), _said(axis.name, told))
        self._console.print(table)
        failed = [(a.name, reason(one)) for a, one in zip(axes, answers, strict=True) if isinstance(one, RondaError)]
        for sentence in troubles(failed):
            self._console.print(coloured(sentence), soft_wrap=True)


def _said(name: str, told: str) -> str:
    """Sentences in one line, without the name, which stands beside them already."""
    return "; ".join(" ".join(line.split()).removeprefix(f"{name}: ") for line in told.splitlines() if line.strip())
