"""What a command has begun to move, so that Ctrl-C stops just that, and what is left can be told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gevent

from ronda.framework.clients.axis import Axis
from ronda.framework.errors import NotAllowed, RondaError
from ronda.shell.prompt.together import attempt_all, begin_all

COMMAND = "ronda command"
"""Name under which the greenlets of a command find what it has begun."""

LOOK_LIMIT = 0.5
"""Seconds that axes have to say whether they still move, for who does not want to wait."""


class Begun:
    """The motions that one command began and that are not known to be over.

    Attributes:
        left: whether nobody waits for the command any more; it may begin nothing then.
    """

    def __init__(self) -> None:
        self.left = False
        self._over = False
        self._targets: dict[Axis, float | None] = {}

    def end(self) -> None:
        """The command is over: what its greenlets begin from now on is nobody's."""
        self._over = True

    def add(self, axis: Axis, target: float | None) -> None:
        """An axis is going to be told to move.

        Raises:
            NotAllowed: nobody waits for the command any more.
        """
        if self.left:
            raise NotAllowed(f"{axis.name}: the command that would move it was left with Ctrl-C")
        if not self._over:
            self._targets[axis] = target

    def remove(self, axis: Axis) -> None:
        """Its motion is over."""
        self._targets.pop(axis, None)

    def stop(self) -> list[str]:
        """Stop those that still move by order of the command, side by side; a clause about each."""
        asked = [lambda axis=axis, target=target: _stop(axis, target) for axis, target in self._targets.items()]
        answers = attempt_all(asked)
        self._targets.clear()
        return [str(answer) for answer in answers if answer]

    def moving(self) -> list[str]:
        """A clause about each that still moves, or does not say so in time."""
        axes = list(self._targets)
        asked = begin_all([axis.is_moving for axis in axes])
        gevent.joinall(asked, timeout=LOOK_LIMIT)
        told = []
        for axis, greenlet in zip(axes, asked, strict=True):
            if not greenlet.ready() or isinstance(greenlet.value, RondaError):
                told.append(f"{axis.name} does not say whether it moves")
            elif greenlet.value:
                told.append(f"{axis.name} still moves")
        return told


def begun_here() -> Begun | None:
    """What the command has begun to which the present greenlet belongs; None if it belongs to none."""
    found = getattr(gevent.getcurrent(), "spawn_tree_locals", None) or {}
    begun: Begun | None = found.get(COMMAND)
    return begun


def belong_to(greenlet: gevent.Greenlet, begun: Begun | None) -> None:
    """Let a greenlet that has not started, and all that it spawns, belong to a command, or to none."""
    greenlet.spawn_tree_locals = {COMMAND: begun}


def watch(beamline: Any) -> None:
    """Be told of all motions on a beamline from now on; and do what is to be done with each device at the same time."""

    def begins(axis: Axis, target: float | None) -> None:
        begun = begun_here()
        if begun is not None:
            begun.add(axis, target)

    def rests(axis: Axis) -> None:
        begun = begun_here()
        if begun is not None:
            begun.remove(axis)

    beamline.begins, beamline.rests, beamline.each = begins, rests, attempt_all


def told_left(clauses: Sequence[str]) -> str:
    """The sentence about what a command left behind."""
    return f"left as it is: {'; '.join(clauses)}" if clauses else "left; nothing that it began still moves"


def _stop(axis: Axis, target: float | None) -> str:
    """Stop an axis, unless somebody else has sent it elsewhere meanwhile; a clause, empty if it stands."""
    try:
        if not axis.is_moving() or (target is not None and not axis.is_at(axis.target, target)):
            return ""
        return axis.halt()
    except RondaError as error:
        return f"{axis.name} could not be stopped: {error}"
