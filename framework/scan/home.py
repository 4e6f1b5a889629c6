"""Where the axes of a relative scan stood before it, and going back there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.beamline import Beamline
from ronda.framework.scan import motion
from ronda.framework.scan.control import Control
from ronda.framework.scan.ending import Ending
from ronda.framework.scan.plan import Point

Move = tuple[Axis, float]
"""An axis and where it goes."""


class Home:
    """The positions last asked for, of the axes of a scan and of the real axes that pseudo axes stand on.

    A pseudo axis alone would bring its real axes back only to what it computes; they return to what they were told.

    Args:
        beamline: knows which axes are computed from which.
        axes: of the scan.

    Attributes:
        positions: of the axes of the scan.

    Raises:
        RondaError: one does not answer.
    """

    def __init__(self, beamline: Beamline, axes: Sequence[Axis]) -> None:
        self.positions: Point = tuple(axis.setpoint for axis in axes)
        self._axes = list(axes)
        self._each = beamline.each
        real = {one.name: one for axis in axes for one in real_axes(beamline, axis)}
        self._real = {name: (axis, axis.setpoint) for name, axis in real.items()}

    def axes(self) -> list[Axis]:
        """All that it moves."""
        return [*self._axes, *(axis for axis, _ in self._real.values())]

    def moves(self) -> list[Move]:
        """The axes of the scan and where they go back to."""
        return list(zip(self._axes, self.positions, strict=True))

    def bring_back(self, control: Control, ending: Ending, tell: Sequence[Callable[[Sequence[Move]], None]]) -> None:
        """Go back at the end of a scan; told to stay, or interrupted, the axes stop where they are.

        Args:
            control: says whether the scan was told to stay.
            ending: takes clauses about what became of it.
            tell: each takes where the axes go, before they do.

        Raises:
            RondaError: one cannot go there, or it was told to stay.
        """
        if control.stays:
            ending.note(f"{axis.name} does not go back to {axis.text(place)}" for axis, place in self.moves())
            return
        for one in tell:
            one(self.moves())
        try:
            self.go(control.check_return)
        except BaseException:
            ending.note(f"{clause}, on its way back" for clause in motion.halt(self.axes(), self._each))
            raise
        if ending.failed:
            ending.note(f"{axis.name} is back at {axis.text(place)} {axis.unit}" for axis, place in self.moves())

    def go(self, check: Callable[[], None]) -> None:
        """Go back; returns when all stand.

        Args:
            check: called again and again; raises to give up. The axes go on moving then.

        Raises:
            RondaError: one cannot.
        """
        for axis in self._axes:
            axis.wait(motion.STOP_LIMIT)
        motion.move(self._axes, self.positions, check)
        astray = [(axis, position) for axis, position in self._real.values() if axis.target != position]
        if astray:
            motion.move([axis for axis, _ in astray], [position for _, position in astray], check)


def real_axes(beamline: Beamline, axis: Axis, seen: set[str] | None = None) -> list[Axis]:
    """The real axes below a pseudo axis; none for an axis that is real itself.

    Args:
        seen: names of those that were found already.
    """
    seen = set() if seen is None else seen
    if axis.group is None:
        return []
    calculation: Mapping[str, Any] = beamline.configurations.get(axis.group.name.lower(), {})
    names = calculation.get("real")
    if not isinstance(names, Mapping):
        return []
    found: list[Axis] = []
    for name in names.values():
        one = beamline.objects.get(name)
        if isinstance(one, Axis) and one.name not in seen:
            seen.add(one.name)
            found += real_axes(beamline, one, seen) or [one]
    return found
