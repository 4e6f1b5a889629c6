"""A sweep: constant velocity over the points of a continuous scan, with the run-up that the acceleration needs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from ronda.framework.errors import BadValue, OutOfRange

ROUNDING = 1e-9
"""Relative error that computing with floats may bring about, and that refuses no velocity."""

SPACING, WIDTH = "spacing", "width"
"""Keys of an armed line: seconds for which a device takes no further trigger after each, for which each stays on."""

LONGEST_SPACING = 0.25
"""Seconds between two triggers that set the clocks, at most: who asks for them waits meanwhile."""


@dataclass(frozen=True, slots=True)
class Line:
    """What an axis is asked to sweep over; u is its unit. Also the argument of its commands, as JSON.

    Attributes:
        start: where the first point begins, in u.
        step: from the beginning of one point to that of the next, in u; its sign is the direction.
        npoints: how many points.
        time: for each point, in s.
        spacing: seconds after each trigger for which a device takes no further one; an axis whose controller keeps no
            time begins so much earlier that those that set the clocks are as far apart.
    """

    start: float
    step: float
    npoints: int
    time: float
    spacing: float = 0.0

    def to_json(self, **more: Any) -> str:
        """As text, with more keys."""
        return json.dumps({**asdict(self), **more})

    @classmethod
    def from_json(cls, text: str) -> tuple[Self, dict[str, Any]]:
        """From text; also the other keys.

        Raises:
            BadValue: it is no such line.
        """
        try:
            told = json.loads(text)
            numbers = [float(told.pop(key)) for key in ("start", "step", "time")]
            npoints = told.pop("npoints")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadValue(
                f'a sweep is JSON such as {{"start": 0, "step": 0.01, "npoints": 100, "time": 0.01}}, '
                f"not {text[:100]!r}"
            ) from error
        if not isinstance(npoints, int) or isinstance(npoints, bool) or not all(map(math.isfinite, numbers)):
            raise BadValue(f"a sweep has finite numbers, and a whole number of points: {text[:100]}")
        return cls(numbers[0], numbers[1], npoints, numbers[2], seconds_of("a sweep", told)), told


def seconds_of(who: str, told: Mapping[str, Any], key: str = SPACING) -> float:
    """How long something lasts after each trigger, in s, as the other keys of a line say.

    Args:
        who: the axis, for messages.
        key: SPACING, for which a device takes no further one, or WIDTH, for which it stays on.

    Raises:
        BadValue: that is no such time, or longer than anybody waits.
    """
    seconds = told.get(key, 0.0)
    if not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_SPACING:
        raise BadValue(f"{who}: {key} should be from 0 to {LONGEST_SPACING:g} s, not {seconds!r}")
    return float(seconds)


@dataclass(frozen=True, slots=True)
class Sweep:
    """One line of a continuous scan; u is the unit of the axis.

    Attributes:
        start: where the first point begins, in u.
        step: from the beginning of one point to that of the next, in u; its sign is the direction.
        npoints: how many points; `npoints + 1` triggers bound them.
        velocity: over the points, in u/s, positive.
        run_up: distance from rest to that velocity, with the margin, in u, positive; the same is left for braking.
        lead: distance between run-up and first point, for triggers that set the clocks, in u, positive.
    """

    start: float
    step: float
    npoints: int
    velocity: float
    run_up: float
    lead: float = 0.0

    @property
    def end(self) -> float:
        """Where the last point ends, in u."""
        return self.start + self.npoints * self.step

    @property
    def begins(self) -> float:
        """Where the axis must stand before it, in u."""
        return self.start - math.copysign(self.run_up + self.lead, self.step)

    @property
    def rests(self) -> float:
        """Where the axis comes to rest after it, in u."""
        return self.end + math.copysign(self.run_up, self.step)


def sweep(
    axis: str,
    start: float,
    step: float,
    npoints: int,
    point_time: float,
    *,
    acceleration_time: float,
    velocities: tuple[float, float] = (0.0, math.inf),
    margin: float = 0.1,
    backlash: float = 0.0,
    lead_time: float = 0.0,
    unit: str = "",
) -> Sweep:
    """Work out a sweep.

    Args:
        axis: its name, for messages.
        start, step: of the points, in u.
        npoints: how many.
        point_time: seconds for each point.
        acceleration_time: from rest to full velocity, whatever that is, in s.
        velocities: lowest and highest that the axis can do, in u/s.
        margin: part of the run-up that is added, so that the velocity has settled.
        backlash: in u, a run-up takes up play at least as large; its sign does not matter.
        lead_time: at full velocity between run-up and first point, in s.
        unit: for messages.

    Raises:
        OutOfRange: it cannot be done; the sentence says which value would do.
    """
    if npoints < 1:
        raise OutOfRange(f"{axis}: a continuous scan needs 1 point or more, not {npoints}")
    if not math.isfinite(step) or step == 0:
        raise OutOfRange(f"{axis}: the step of a continuous scan should be a number other than 0, not {step!r}")
    if not point_time > 0 or not math.isfinite(point_time):
        raise OutOfRange(f"{axis}: the time of each point should be greater than 0 s, not {point_time!r} s")
    velocity = abs(step) / point_time
    lowest, highest = velocities
    if velocity > highest * (1 + ROUNDING):
        raise OutOfRange(
            f"{axis}: {abs(step):g} {unit} in {point_time:g} s takes {velocity:g} {unit}/s, but it moves at "
            f"{highest:g} {unit}/s at most; measure each point for {abs(step) / highest:g} s or longer"
        )
    if velocity < lowest * (1 - ROUNDING):
        raise OutOfRange(
            f"{axis}: {abs(step):g} {unit} in {point_time:g} s takes {velocity:g} {unit}/s, but it moves at "
            f"{lowest:g} {unit}/s at least; measure each point for {abs(step) / lowest:g} s or less"
        )
    velocity = min(max(velocity, lowest), highest)
    # from rest at constant acceleration: v × t / 2
    run_up = max(0.5 * velocity * acceleration_time, abs(backlash)) * (1.0 + margin)
    return Sweep(start, step, npoints, velocity, run_up, velocity * lead_time)
