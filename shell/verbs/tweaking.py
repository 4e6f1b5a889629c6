"""Moving an axis by the arrow keys."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.locking import Hold
from ronda.framework.errors import BadValue, NotReady
from ronda.shell.verbs.motion import as_axis, as_number, stop_axes


class TweakCommands:
    """The command with which a person moves an axis by hand.

    Args:
        console: where it prints.
        lent: makes a `with` block in which nobody else reads the terminal.
        pressed: told of each key.
    """

    def __init__(
        self,
        console: Console,
        lent: Callable[[], AbstractContextManager[None]] = nullcontext,
        pressed: Callable[[], None] = lambda: None,
    ) -> None:
        self._console = console
        self._pressed = pressed
        self._lent = lent

    def commands(self) -> list[Callable[..., Any]]:
        """All that people can type."""
        return [self.tweak]

    def tweak(self, axis: Axis, step: float) -> None:
        """Move an axis by the arrow keys: tweak(samx, 0.1). + and - change the step, q leaves, Ctrl-C stops it.

        Up and right go forward, down and left go back, a blank stops. A key that is pressed while the axis moves is not
        taken.
        """
        one, size = as_axis("tweak", axis), abs(as_number("tweak", step))
        if not size or not math.isfinite(size):
            raise BadValue(f"tweak: the step should be a number above 0, in {one.unit or 'no unit'}, not {step}")
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise NotReady("tweak: there is no terminal with keys to press; mvr moves by a distance")
        if why := one.forbidden():
            raise NotReady(f"tweak: {one.name} does not move now: {why}")
        from ronda.shell.displays.tweak import Tweak

        with Hold([one.remote], f"tweak({one.name}, {size:g})"):
            one.check([one.setpoint])
            tweak = Tweak(one, size, self._pressed)
            try:
                with self._lent():
                    tweak.run()
            except BaseException as error:
                for sentence in stop_axes([one]):
                    error.add_note(sentence)
                raise
        self._console.print(f"{one.name}  {one.text(one.position)} {one.unit}", markup=False, highlight=False)
