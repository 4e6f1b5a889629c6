"""Axes that move in thought only: where they would stand, whether they may go there, and how long it would take."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.remote import Remote
from ronda.framework.tango.names import AxisAttribute, CalculationCommand

READ = (
    AxisAttribute.POSITION,
    AxisAttribute.TARGET,
    AxisAttribute.VELOCITY,
    AxisAttribute.ACCELERATION_TIME,
    AxisAttribute.BACKLASH,
    AxisAttribute.SIGN,
)


@dataclass
class Moving:
    """How a real axis moves.

    Attributes:
        position: where it would stand, in its unit.
        velocity: in unit/s; 0 if nobody knows, then its moves take no time.
        acceleration_time: s from rest to this velocity.
        backlash: in its unit, with the sign of the direction in which each move ends; 0 for none.
        low, high: where it would have been so far.
    """

    position: float
    velocity: float
    acceleration_time: float
    backlash: float
    low: float = math.inf
    high: float = -math.inf

    def go(self, target: float) -> float:
        """Go to a target; returns the time in s that this takes.

        Against the direction of its backlash an axis goes past the target first.
        """
        way = target - self.position
        legs = [way]
        if self.backlash and way and way * self.backlash < 0:
            legs = [way - self.backlash, self.backlash]
        self.position = target
        self.low, self.high = min(self.low, target), max(self.high, target)
        return sum(move_time(leg, self.velocity, self.acceleration_time) for leg in legs)


class VirtualAxes:
    """The axes of a beamline as a dry run moves them.

    Args:
        beamline: whose.
        start: where they stand at first, by name; those that are not there stand where the real ones do.

    Attributes:
        real: the real axes that would have moved, by name.
    """

    def __init__(self, beamline: Beamline, start: Mapping[str, float] = MappingProxyType({})) -> None:
        self.real: dict[str, Moving] = {}
        self._beamline = beamline
        self._start = start
        self._sent: dict[str, float] = {}

    def setpoint(self, axis: Axis) -> float:
        """Where an axis would have been sent last."""
        found = self._sent.get(axis.name)
        return axis.setpoint if found is None else found

    def go(self, axes: Sequence[Axis], targets: Sequence[Sequence[float]]) -> list[float]:
        """Go to points one after the other; returns the time in s of each motion, the slowest axis's.

        Args:
            axes: which.
            targets: for each point a position of each of them.

        Raises:
            BadValue, OutOfRange: one of them, or of the real axes below, may not go there.
            NotAllowed, Busy, NotReady: one cannot move now.
        """
        if not targets:
            return []
        ways = {axis.name: (axis, [float(point[place]) for point in targets]) for place, axis in enumerate(axes)}
        for axis, way in ways.values():
            axis.check(way)
        real = self.below(ways)
        for name, (axis, way) in real.items():
            if name not in ways:
                axis.check(way)
        self._sent |= {name: way[-1] for name, (_, way) in ways.items()}
        moving = [(self._moving(axis), way) for axis, way in real.values()]
        return [max(one.go(way[index]) for one, way in moving) for index in range(len(targets))]

    def below(self, ways: Mapping[str, tuple[Axis, list[float]]]) -> dict[str, tuple[Axis, list[float]]]:
        """The ways of real axes: those that are real themselves, and those below computed ones."""
        found: dict[str, tuple[Axis, list[float]]] = {}
        computed: dict[str, tuple[Remote, dict[str, list[float]]]] = {}
        for name, (axis, way) in ways.items():
            if axis.group is not None and self.is_computed(axis):
                computed.setdefault(axis.group.name, (axis.group, {}))[1][name] = way
            else:
                found[name] = (axis, way)
        for group, wanted in computed.values():
            length = len(next(iter(wanted.values())))
            others = {name: [at] * length for name, at in self._sent.items() if self._is_of(name, group)}
            answer = json.loads(group.command(CalculationCommand.REAL_TARGETS, json.dumps({**others, **wanted})))
            below = {name: (self._axis(name), list(map(float, way))) for name, way in answer.items()}
            found |= self.below(below)
        return found

    def _moving(self, axis: Axis) -> Moving:
        if axis.name not in self.real:
            told: dict[str, Any] = axis.remote.read_some(READ)
            position, target = float(told["Position"]), float(told.get("Target", math.nan))
            self.real[axis.name] = Moving(
                self._start.get(axis.name, target if axis.is_at(position, target) else position),
                float(told.get("Velocity") or 0.0),
                float(told.get("AccelerationTime") or 0.0),
                float(told.get("Backlash") or 0.0) * float(told.get("Sign") or 1.0),
            )
        return self.real[axis.name]

    def is_computed(self, axis: Axis) -> bool:
        """Whether an axis is computed from others."""
        group = axis.group
        return group is not None and isinstance(
            self._beamline.configurations.get(group.name.lower(), {}).get("real"), Mapping
        )

    def pass_by(self, axis: Axis, low: float, high: float) -> None:
        """An axis that has been sent somewhere was at these positions on its way."""
        one = self._moving(axis)
        one.low, one.high = min(one.low, low), max(one.high, high)

    def _is_of(self, name: str, group: Remote) -> bool:
        axis = self._beamline.objects.get(name)
        return isinstance(axis, Axis) and axis.group is not None and axis.group.name == group.name

    def _axis(self, name: str) -> Axis:
        """An axis below a computed one: of this beamline, or any Tango device."""
        known = self._beamline.objects.get(name)
        return known if isinstance(known, Axis) else Axis(self._beamline.remote(name, name), {})


def move_time(way: float, velocity: float, acceleration_time: float) -> float:
    """Time in s of a trapezoidal move; a triangle if it never reaches its velocity.

    Args:
        way: in the axis's unit.
        velocity: in unit/s; 0 for one that nobody knows.
        acceleration_time: s from rest to this velocity.
    """
    way = abs(way)
    if not velocity or not way:
        return 0.0
    if way >= velocity * acceleration_time:
        return way / velocity + acceleration_time
    return 2.0 * math.sqrt(way * acceleration_time / velocity)
