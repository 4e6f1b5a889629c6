"""What a scan along a trajectory is to do: one part of the plan of a continuous scan whose axes move together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.remote import Remote
from ronda.framework.scan.continuous import Continuous, Edges, Swept, require_at
from ronda.framework.scan.sweep import Line
from ronda.framework.scan.trajectory import Trajectory
from ronda.framework.tango.names import CalculationAttribute, CalculationCommand, MotorControllerCommand


@dataclass(frozen=True)
class Along(Continuous):
    """Several axes pass a trajectory, once or there and back. Its lines are in s along it, not in the unit of an axis.

    Attributes:
        way: of the real axes.
        real: the axes that move, in the order of the trajectory; all of one controller.
        given: those that the user named; some may be computed from the real ones.
        controller: lets them move together.
    """

    way: Trajectory | None = None
    real: tuple[Axis, ...] = ()
    given: tuple[Axis, ...] = ()
    controller: Remote | None = None
    _told: dict[bool, dict[str, Any]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def swept_line(self) -> None:
        """None: its lines are in s."""
        return

    @property
    def moving(self) -> tuple[Axis, ...]:
        """The real axes, that which gives triggers first."""
        return (self.axis, *(one for one in self.real if one is not self.axis))

    @property
    def shown(self) -> tuple[Axis, ...]:
        """Those that the user named, then those that move for them."""
        return (*self.given, *(one for one in self.real if one not in self.given))

    def how(self, number: int) -> Swept:
        """How a pass is made."""
        line = self.lines[number]
        told = self._told[line.step > 0] = check_trajectory(self._controller, self._way(number), line)
        return swept_of(told, line)

    def begins(self, number: int) -> list[tuple[Axis, float]]:
        """Where the axes must stand before a pass."""
        self.how(number)
        begins = self._told[self.lines[number].step > 0]["begins"]
        return [(axis, begins[axis.name]) for axis in self.real]

    def arm(self, number: int, told: Mapping[str, Any]) -> None:
        """Let triggers come in a pass."""
        line = self.lines[number]
        more = {**told, "npoints": line.npoints, "time": line.time, "output": self.axis.name}
        self._controller.command(MotorControllerCommand.ARM_TRAJECTORY, self._way(number).to_json(**more))

    def start(self, number: int) -> None:
        """Begin a pass."""
        for axis in self.real:
            axis.begins(axis, None)
        self._controller.command(
            MotorControllerCommand.START_TRAJECTORY, self._way(number).to_json(spacing=self.lines[number].spacing)
        )

    def velocity(self, number: int, axis: Axis, elapsed: float) -> float:
        """Of an axis so many s after the first point of a pass began, in its unit/s."""
        way, place = self._way(number), self.real.index(axis)
        moment = way.times[0] + np.array([elapsed, elapsed + self.lines[number].time / 100])
        before, after = way.at(np.clip(moment, way.times[0], way.times[-1]))[:, place]
        return float(after - before) / float(moment[1] - moment[0])

    def require_end(self, number: int, axis: Axis, position: float) -> None:
        """See that an axis stands where its pass should have ended."""
        require_at(axis, position, self._told[self.lines[number].step > 0]["rests"][axis.name])

    def computed(self, found: Mapping[str, Edges]) -> dict[str, Edges]:
        """Positions of the computed axes that the user named, from those of the real ones, by name."""
        groups = {one.group.name: one.group for one in self.given if one not in self.real and one.group is not None}
        answers: dict[str, list[float]] = {}
        for group in groups.values():
            names = group.read_some([CalculationAttribute.REAL_AXES])[CalculationAttribute.REAL_AXES]
            real = {name: [*found[name][0].tolist(), *found[name][1].tolist()] for name in names}
            answers |= json.loads(group.command(CalculationCommand.PSEUDO_POSITIONS, json.dumps(real)))
        halves = {}
        for one in self.given:
            if one.name in answers:
                positions = np.array(answers[one.name], float)
                halves[one.name] = positions[: len(positions) // 2], positions[len(positions) // 2 :]
        return halves

    def check(self, axes: Sequence[Axis]) -> None:
        """See that all axes may go where they are sent."""
        del axes  # the same as `real`
        for number in self._directions():
            self.how(number)
            told = self._told[self.lines[number].step > 0]
            for axis in self.real:
                axis.check([told[what][axis.name] for what in ("begins", "low", "high", "rests")])

    def targets(self, swept: Sequence[Swept]) -> list[tuple[float, ...]]:
        """Where the axes of the plan are sent."""
        del swept
        found = []
        for line in self.lines:
            told = self._told[line.step > 0]
            found += [tuple(told[what][axis.name] for axis in self.real) for what in ("begins", "rests")]
        return found

    def reach(self) -> list[tuple[Axis, float, float]]:
        """Each axis with its lowest and highest position."""
        told = self._told.values()
        return [
            (axis, min(one["low"][axis.name] for one in told), max(one["high"][axis.name] for one in told))
            for axis in self.real
        ]

    def _directions(self) -> list[int]:
        """A pass of each direction."""
        return list({line.step > 0: number for number, line in enumerate(self.lines)}.values())

    def _way(self, number: int) -> Trajectory:
        assert self.way is not None  # noqa: S101 - whoever makes it gives one
        return self.way if self.lines[number].step > 0 else self.way.back()

    @property
    def _controller(self) -> Remote:
        assert self.controller is not None  # noqa: S101 - whoever makes it gives one
        return self.controller


def check_trajectory(controller: Remote, way: Trajectory, line: Line) -> dict[str, Any]:
    """How a controller would let its axes follow a trajectory, as `CheckTrajectory` says.

    Args:
        controller: of the axes.
        way: of them.
        line: how many points it has, and how far apart triggers are.

    Raises:
        OutOfRange, NotAllowed: it cannot.
    """
    text = way.to_json(npoints=line.npoints, spacing=line.spacing)
    told: dict[str, Any] = json.loads(controller.command(MotorControllerCommand.CHECK_TRAJECTORY, text))
    return told


def swept_of(told: Mapping[str, Any], line: Line) -> Swept:
    """What a controller says, as the loops take it."""
    end = line.start + line.npoints * line.step
    return Swept(
        line.start,
        end,
        end,
        1.0,
        float(told["duration"]),
        bool(told["triggers"]),
        float(told["run_up"]),
        bool(told["clock"]),
        float(told["jitter"]),
        bool(told["widths"]),
    )
