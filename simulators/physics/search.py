"""The search of a motor controller for a reference mark: to the mark, back at a limit switch, and to the mark again.

The controller does not know where the mark is. It latches the position at the mark's edge, always coming in the
direction asked for, so that the same place is found again. Then it brakes and stands beyond it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ronda.simulators.physics.stage import Stage

Run = Callable[[int, float | None], float | None]
"""Lets the stage run in a direction until a place; returns where the motor passes it, None if it does not."""


class Mark(StrEnum):
    """What can be searched for."""

    HOME = "HOME"
    LOW = "LOW"
    HIGH = "HIGH"
    INDEX = "INDEX"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a search will have ended, if nothing stops it.

    Attributes:
        latched: where the motor was at the mark, in mechanical steps; None if it is not found.
        failure: why not.
    """

    latched: float | None
    failure: str = ""


def search(stage: Stage, time: float, mark: Mark, direction: int, velocity: float, acceleration: float) -> Outcome:
    """Begin a search at a time; the stage has all its motions from then on.

    Args:
        stage: it rests.
        time: in s.
        mark: what to search for.
        direction: 1 or -1; for a limit that of the limit.
        velocity: in steps/s.
        acceleration: in steps/s².
    """

    def run(way: int, until: float | None) -> float | None:
        return stage.run(max(time, stage.trajectory.end), way, velocity, acceleration, until)

    if mark in (Mark.LOW, Mark.HIGH):
        return _to_limit(stage, time, 1 if mark == Mark.HIGH else -1, run)
    edge = _edge(stage, mark, direction)
    name = "home switch" if mark == Mark.HOME else "index mark"
    on_switch = mark == Mark.HOME and stage.on_home_switch(time)
    latched = None
    if not on_switch and edge is not None and (edge - stage.position(time)) * direction > 0:
        latched = run(direction, edge)
    elif not on_switch:
        run(direction, None)  # the mark is not ahead: on, until a limit switch says so
    if latched is None:
        # a limit switch ended it, or it began on the switch: back over the mark, and once more
        if edge is None or run(-direction, edge) is None:
            return Outcome(None, f"no {name} between the limit switches")
        latched = run(direction, edge)
    return Outcome(latched) if latched is not None else Outcome(None, f"no {name} between the limit switches")


def _to_limit(stage: Stage, time: float, direction: int, run: Run) -> Outcome:
    switch = stage.mechanics.upper_switch if direction > 0 else stage.mechanics.lower_switch
    if switch is not None and (stage.on_upper_switch(time) if direction > 0 else stage.on_lower_switch(time)):
        run(-direction, switch)
    run(direction, None)
    return Outcome(None if switch is None else stage.motor_at(switch, direction), "no limit switch")


def _edge(stage: Stage, mark: Mark, direction: int) -> float | None:
    mechanics = stage.mechanics
    if mark == Mark.INDEX:
        return mechanics.index
    return None if mechanics.home is None else mechanics.home - direction * mechanics.home_width / 2
