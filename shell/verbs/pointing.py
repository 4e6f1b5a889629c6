"""Going to a place that somebody clicks at in the live view."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rich.console import Console

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.going import go_together
from ronda.framework.errors import BadValue, TimedOut
from ronda.framework.stream.pointed import CLICK, Pointed

PERIOD = 0.1
"""Seconds between two looks whether somebody has clicked."""


class PointingCommands:
    """The commands about what people point at in the live view.

    Args:
        beamline: whose.
        console: where they print.
        ask: a question that is answered by yes or no.
        is_dry: whether there is a dry run, in which nothing moves.
    """

    def __init__(
        self, beamline: Beamline, console: Console, ask: Callable[[str], bool], is_dry: Callable[[], bool]
    ) -> None:
        self._beamline = beamline
        self._console = console
        self._ask = ask
        self._is_dry = is_dry

    def commands(self) -> list[Callable[..., Any]]:
        """All that people can type."""
        return [self.goto_click]

    def goto_click(self, *, ask: bool = True, timeout: float | None = None) -> dict[str, float]:
        """Wait for a click on a curve or map in the live view, and move there: goto_click(), goto_click(ask=False).

        Args:
            ask: whether to ask before moving; without, it moves at once.
            timeout: longest wait for the click in s; None for ever, Ctrl-C ends it.
        """
        is_number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
        if timeout is not None and not (is_number and timeout > 0):
            raise BadValue(f"goto_click: timeout is a number of seconds above 0, not {timeout!r}")
        if self._is_dry():
            self._say("goto_click: only the click itself will tell where that is")
            return {}
        click = self._wait(timeout)
        moves = [(self._axis(name), target) for name, target in click.positions.items()]
        there = ", ".join(f"{one.name} to {target:.6g} {one.unit}".rstrip() for one, target in moves)
        from_now = ", ".join(f"{one.name} is at {one.position:.6g} {one.unit}".rstrip() for one, _ in moves)
        if ask and not self._ask(f"scan {click.number}, {click.who}: move {there}? {from_now}"):
            self._say("nothing moved")
            return {}
        go_together(moves, f"goto_click of scan {click.number}")
        self._say(f"scan {click.number}: moved {there}")
        return dict(click.positions)

    def _wait(self, timeout: float | None) -> Pointed:
        pointer = self._beamline.stream.pointer()
        place = pointer.place(CLICK)
        self._say("click on a curve or map in the live view, opened with the operators' address (Ctrl-C ends)")
        begun = time.monotonic()
        while timeout is None or time.monotonic() < begun + timeout:
            for click in pointer.after(place, CLICK):
                place = click.identifier
                if click.positions:
                    return click
            time.sleep(PERIOD)
        raise TimedOut(f"goto_click: nobody clicked within {timeout:g} s")

    def _axis(self, name: str) -> Axis:
        found = self._beamline.objects.get(name)
        if not isinstance(found, Axis):
            raise BadValue(
                f"goto_click: {name} is no axis of this beamline; click on a curve against an axis, or a map"
            )
        return found

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
