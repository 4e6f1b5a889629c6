"""An axis that follows the arrow keys: the line that shows it, and the keys."""

from __future__ import annotations

import math
from collections.abc import Callable

import gevent
from prompt_toolkit import Application
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl
from prompt_toolkit.layout.dimension import Dimension

from ronda.framework.clients.axis import Axis
from ronda.framework.errors import RondaError

PERIOD = 0.1
"""Seconds between two looks at the axis."""

KEYS = "→ ↑ forward  ← ↓ back  + - step  blank stops  q leaves  Ctrl-C stops and leaves"
"""They fit into 80 columns."""

SERIES = (1.0, 2.0, 5.0)
"""Steps that + and - go through, with their tens and tenths."""


class Tweak:
    """Moves an axis by a step at each press of a key. What is pressed while it moves is not taken: no step is owed.

    Args:
        axis: which; nobody else may move it meanwhile.
        step: how far, in its unit.
        pressed: told of each key.

    Attributes:
        step: how far at present.
        told: what is to be said about the latest press; empty if all is well.
    """

    def __init__(self, axis: Axis, step: float, pressed: Callable[[], None] = lambda: None) -> None:
        self.step = step
        self.told = ""
        self._axis = axis
        self._told_of_keys = pressed
        self._goal = axis.setpoint
        self._stopped = False
        self._move: gevent.Greenlet | None = None
        self._seen = ("", "")
        self._application: Application[None] | None = None

    @property
    def moves(self) -> bool:
        """Whether a step is being made."""
        return self._move is not None and not self._move.ready()

    def press(self, direction: int) -> None:
        """Begin a step, 1 forward or -1 back; steps count from where the axis was sent, so that they add up exactly."""
        if not self.moves:
            self.told, self._stopped = "", False
            self._move = gevent.spawn(self._go, self._goal + direction * self.step)

    def change_step(self, direction: int) -> None:
        """Take the next larger (1) or smaller (-1) step of 1, 2, 5, 10 …"""
        self.step = next_step(self.step, direction)

    def stop(self) -> None:
        """Begin to stop the axis."""
        self._stopped = True
        gevent.spawn(self._stop)

    def finish(self) -> None:
        """Wait for the end of the step in hand, then leave."""
        if self._move is not None:
            self._move.join()
        application = self._application
        if application is not None and application.loop is not None:
            application.loop.call_soon_threadsafe(lambda: None if application.is_done else application.exit())

    def run(self) -> None:
        """Follow the keys until the person leaves; returns when the axis stands.

        Raises:
            KeyboardInterrupt: at Ctrl-C; the axis still moves.
        """
        window = Window(FormattedTextControl(self._text), height=Dimension(2, 4), wrap_lines=True)
        self._application = Application(Layout(window), key_bindings=self._keys(), erase_when_done=True)
        looking = gevent.spawn(self._look)
        try:
            self._application.run()
        finally:
            looking.kill()
            self._stopped = True
            if self._move is not None:
                self._move.kill()  # an order that is on its way comes to its end; no other one is given
            self._application = None

    def _go(self, target: float) -> None:
        try:
            self._axis.check([target])
            if self._stopped:
                self.told = "stopped"
                return
            self._goal = target
            self._axis.start(target)
            self._axis.arrive(target)
        except RondaError as error:
            self.told = "stopped" if self._stopped else " ".join(str(error).split())
            self._find_goal()

    def _find_goal(self) -> None:
        try:
            self._goal = self._axis.setpoint
        except RondaError as error:  # the next press asks again
            self.told = " ".join(str(error).split())

    def _stop(self) -> None:
        try:
            self._axis.stop()
        except RondaError as error:
            self.told = " ".join(str(error).split())

    def _look(self) -> None:
        while True:
            try:
                self._seen = (self._axis.text(self._axis.position), self._axis.state)
            except RondaError as error:
                self._seen = ("!ERR", "")
                self.told = " ".join(str(error).split())
            if self._application is not None:
                self._application.invalidate()
            gevent.sleep(PERIOD)

    def _text(self) -> StyleAndTextTuples:
        axis, (position, state) = self._axis, self._seen
        goal = f" → {axis.text(self._goal)}" if self.moves else ""
        first = f"{axis.name}  {position:>10}{goal} {axis.unit}   {state}   step {self.step:g} {axis.unit}"
        return [("bold", first), ("", "\n"), ("fg:ansired", self.told) if self.told else ("fg:ansibrightblack", KEYS)]

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        def on(*names: str) -> None:
            for name in names:
                keys.add(name)(self._pressed)

        on("right", "up", "left", "down", "+", "-", " ", "q", "enter", "c-d", "c-c")
        return keys

    def _pressed(self, event: KeyPressEvent) -> None:
        self._told_of_keys()
        key = event.key_sequence[0].key
        key = str(getattr(key, "value", key))
        if key in ("right", "up"):
            self.press(1)
        elif key in ("left", "down"):
            self.press(-1)
        elif key in ("+", "-"):
            self.change_step(1 if key == "+" else -1)
        elif key == " ":
            self.stop()
        elif key == "c-c":
            event.app.exit(exception=KeyboardInterrupt)
        else:
            gevent.spawn(self.finish)


def next_step(step: float, direction: int) -> float:
    """The next larger (1) or smaller (-1) of … 0.1, 0.2, 0.5, 1, 2, 5, 10 …"""
    decade = math.floor(math.log10(step))
    near = [float(f"{one}e{power}") for power in range(decade - 1, decade + 2) for one in SERIES]
    if direction > 0:
        return min(one for one in near if one > step * (1 + 1e-9))
    return max(one for one in near if one < step * (1 - 1e-9))
