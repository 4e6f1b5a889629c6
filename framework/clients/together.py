"""Starting several axes together: those of one controller in one order, which its hardware begins at one moment."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from ronda.framework.clients.axis import Axis
from ronda.framework.errors import RondaError
from ronda.framework.tango.names import MotorControllerCommand


@dataclass(frozen=True)
class Order:
    """What is told to one device: moves that begin together, all or none.

    Attributes:
        moves: axes of one controller (or calculation) with their targets; or a single one.
    """

    moves: tuple[tuple[Axis, float], ...]

    @property
    def axes(self) -> list[Axis]:
        """The axes that it starts."""
        return [axis for axis, _ in self.moves]

    def start(self) -> None:
        """Begin; returns when the hardware has taken it.

        Raises:
            RondaError: one axis may not go there, or the controller refuses; then none of them moves.
        """
        axis, target = self.moves[0]
        group = axis.group
        if len(self.moves) == 1 or group is None:
            axis.start(target)
            return
        targets = {axis.name: target for axis, target in self.moves}
        for axis, target in self.moves:
            axis.begins(axis, target)
        try:
            group.command(MotorControllerCommand.MOVE_TOGETHER, json.dumps(targets))
        except RondaError:
            for axis in self.axes:
                axis.rests(axis)
            raise


def orders(moves: Iterable[tuple[Axis, float]]) -> list[Order]:
    """As few orders as possible, in the sequence of their first axes."""
    groups: dict[str, list[tuple[Axis, float]]] = {}
    for axis, target in moves:
        key = f"axis {axis.name}" if axis.group is None else f"group {axis.group.address}"
        groups.setdefault(key, []).append((axis, target))
    return [Order(tuple(group)) for group in groups.values()]
