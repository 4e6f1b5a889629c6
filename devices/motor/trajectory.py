"""The Tango device of a motor controller, the part that lets several of its axes follow a trajectory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from ronda.devices.device import command
from ronda.devices.motor.controller import ControllerDevice
from ronda.devices.motor.sweeping import CLOCKS, LEAD
from ronda.devices.motor.trajectory_axis import Abilities, TrajectoryAxis
from ronda.framework.errors import BadValue, NotAllowed, OutOfRange
from ronda.framework.scan.sweep import WIDTH, seconds_of
from ronda.framework.tango.names import MotorControllerCommand

if TYPE_CHECKING:
    from ronda.devices.motor.contract import Knots
    from ronda.framework.scan.trajectory import Trajectory

WHAT = "move along a trajectory"

WAY = (
    "JSON: axes, times in s, and positions and velocities (user, units and units/s) at each time, one for each axis; "
    "between them cubic polynomials"
)

ROUNDING = 1e-6
"""Relative error that computing with floats may bring about, and that refuses nothing."""


class Planned(NamedTuple):
    """A trajectory from rest to rest.

    Attributes:
        axes: that follow it.
        way: of them.
        first: when the first knot that was asked for is passed, in s.
        told: what else the client said.
    """

    axes: list[TrajectoryAxis]
    way: Trajectory
    first: float
    told: dict[str, Any]


class TrajectoryController(ControllerDevice):
    """A motor controller whose axes can follow a trajectory together, if its driver can."""

    @command(
        MotorControllerCommand.CHECK_TRAJECTORY,
        dtype_in=str,
        doc_in=f"{WAY}; also npoints, how many points are to be bounded by triggers, and spacing",
        dtype_out=str,
        doc_out="JSON: begins, rests, low, high (user positions by axis), duration and run_up in s; triggers, "
        "clock, jitter and widths as CheckSweep says",
    )
    def check_trajectory(self, text: str) -> str:
        """How axes would follow a trajectory, from rest to rest; an error says why they cannot. Nothing moves."""
        planned = self._planned(text)
        count = planned.told.get("npoints", 0)
        if not isinstance(count, int):
            raise BadValue(f"{self.label}: npoints should be a whole number, not {count!r}")
        names = planned.way.axes
        low, high = planned.way.reach()
        places = {
            "begins": planned.way.positions[0],
            "rests": planned.way.positions[-1],
            "low": low,
            "high": high,
        }
        found = {key: dict(zip(names, values.tolist(), strict=True)) for key, values in places.items()}
        told = {
            "duration": planned.way.duration,
            "run_up": planned.first,
            "triggers": all(axis.gives_triggers(count + 1, "compare_times") for axis in planned.axes),
            "clock": self._motion.keeps_time(),
            "jitter": self._motion.trigger_jitter(),
            "widths": self._motion.offers("trigger_width"),
        }
        return json.dumps({**found, **told})

    @command(
        MotorControllerCommand.ARM_TRAJECTORY,
        dtype_in=str,
        doc_in=f"{WAY}; also npoints and time of each in s; scan, its id, line, its number, output, the axis whose "
        "output gives triggers, and clocks, spacing and width",
    )
    def arm_trajectory(self, text: str) -> None:
        """Get ready to latch all axes, and to give triggers, where points begin and end; may set the clocks before."""
        planned = self._planned(text)
        told = planned.told
        scan, line, count, period = (told.get(key) for key in ("scan", "line", "npoints", "time"))
        output = told.get("output")
        if not isinstance(scan, str) or not isinstance(line, int) or not isinstance(count, int) or count < 1:
            raise BadValue(f"{self.label}: ArmTrajectory needs scan, line and npoints, see its description")
        if not isinstance(period, float | int) or not period > 0 or output not in planned.way.axes:
            raise BadValue(f"{self.label}: ArmTrajectory needs time, and output, one of {', '.join(planned.way.axes)}")
        for axis, begins in zip(planned.axes, planned.way.positions[0].tolist(), strict=True):
            axis.require_at(WHAT, begins)
        clocks, width = told.get("clocks", True) is not False, seconds_of(self.label, told, WIDTH)
        spacing = seconds_of(self.label, told)

        def arm() -> None:
            # the axis that gives triggers comes last: those that set the clocks are given when all else is done
            for axis in sorted(planned.axes, key=lambda axis: axis.label == output):
                emits = axis.label == output
                times = (planned.first, float(period), count + 1)
                after = {"spacing": spacing * emits, "width": width * emits}
                axis.arm_times(scan, line, *times, emits=emits, clocks=clocks and emits, **after)

        self.wait(arm)

    @command(MotorControllerCommand.START_TRAJECTORY, dtype_in=str, doc_in=WAY)
    def start_trajectory(self, text: str) -> None:
        """Let axes follow a trajectory: run up, pass all knots, and brake; returns when it has begun."""
        planned = self._planned(text)
        for axis, begins in zip(planned.axes, planned.way.positions[0].tolist(), strict=True):
            axis.require_at(WHAT, begins)
        rests = planned.way.positions[-1].tolist()
        courses = [
            axis.along(WHAT, place, planned.way.duration) for axis, place in zip(planned.axes, rests, strict=True)
        ]
        channels = frozenset(course.channel for course in courses)
        for course in courses:
            course.companions = channels - {course.channel}
        knots = _knots(planned)

        def start() -> None:
            self._motion.run(self.label, WHAT, lambda driver: driver.load_trajectory(knots))
            self._motion.start(self.label, WHAT, courses, lambda driver: driver.start_trajectory())

        self.wait(start)

    # -- tools

    def _planned(self, text: str) -> Planned:
        """The whole way, from rest to rest.

        Raises:
            BadValue: it is no trajectory.
            NotFound: an axis is not of this controller.
            NotAllowed: the controller, or an axis, cannot follow one.
            OutOfRange: an axis would leave its limits, or would have to be too fast.
        """
        import numpy as np  # loaded by the first who needs it

        from ronda.framework.scan.trajectory import Trajectory

        way, told = Trajectory.from_json(text)
        if not self._motion.offers("load_trajectory"):
            raise NotAllowed(f"{self.label}: cannot let axes follow a trajectory, its driver does not offer it")
        axes = []
        for name in way.axes:
            axis = self._motion.axis(self.label, name)
            assert isinstance(axis, TrajectoryAxis)  # noqa: S101 - there are no others
            axes.append(axis)
        able = [axis.abilities() for axis in axes]
        _check_fast(self.label, way, able)
        whole, first = way.with_run_up(np.array([one.acceleration for one in able]))
        if not self._motion.keeps_time():  # triggers that set the clocks come while it stands and runs up
            lead = LEAD + CLOCKS * seconds_of(self.label, told)
            whole, first = whole.later(lead), first + lead
        _check_limits(self.label, whole, able)
        return Planned(axes, whole, first, told)


def _check_fast(who: str, way: Trajectory, able: list[Abilities]) -> None:
    """Refuse what is too fast.

    Raises:
        OutOfRange: an axis would be; the sentence says how long the points should take.
    """
    from ronda.framework.scan.trajectory import slower

    velocities, accelerations = (found.tolist() for found in way.fastest())
    worst = [
        slower(velocity, one.velocity, acceleration, one.acceleration)
        for velocity, acceleration, one in zip(velocities, accelerations, able, strict=True)
    ]
    factor = max(worst)
    if factor <= 1 + ROUNDING:
        return
    place = worst.index(factor)
    axis, velocity, acceleration, one = way.axes[place], velocities[place], accelerations[place], able[place]
    if velocity > one.velocity * (1 + ROUNDING):
        needs = f"{velocity:.4g} {one.unit}/s, and moves at {one.velocity:.4g} {one.unit}/s at most"
    else:
        needs = f"an acceleration of {acceleration:.4g} {one.unit}/s^2, and has {one.acceleration:.4g} {one.unit}/s^2"
    raise OutOfRange(f"{who}: {axis} would need {needs}; let the trajectory take {factor:.3g} times as long")


def _check_limits(who: str, whole: Trajectory, able: list[Abilities]) -> None:
    """Refuse what leads outside limits, with run-up.

    Raises:
        OutOfRange: an axis would leave its own.
    """
    lowest, highest = (found.tolist() for found in whole.reach())
    for axis, low, high, one in zip(whole.axes, lowest, highest, able, strict=True):
        room = ROUNDING * max(abs(low), abs(high), 1e-3)
        if not (one.low - room <= low and high <= one.high + room):
            raise OutOfRange(
                f"{who}: {axis} would move between {low:.6g} and {high:.6g} {one.unit}, with the way to run up and to "
                f"brake, outside limits [{one.low}, {one.high}] {one.unit}"
            )


def _knots(planned: Planned) -> Knots:
    """As the driver takes them."""
    import numpy as np

    from ronda.devices.motor.contract import Knots

    way = planned.way
    columns = [
        axis.in_steps(way.positions[:, place], way.velocities[:, place]) for place, axis in enumerate(planned.axes)
    ]
    positions, velocities = (np.stack(list(each), axis=1) for each in zip(*columns, strict=True))
    return Knots(tuple(axis.parameters.channel for axis in planned.axes), way.times, positions, velocities)
