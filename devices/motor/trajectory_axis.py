"""The Tango device of one axis, the part that trajectories of several axes ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ronda.devices.motor.axis import HALF_STEP
from ronda.devices.motor.closed_loop import ClosedLoop
from ronda.devices.motor.journey import Journey
from ronda.devices.motor.sweeping import SweepingAxis
from ronda.framework.errors import Busy, NotAllowed, NotReady

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ronda.devices.motor.contract import MotorController


class Abilities(NamedTuple):
    """What an axis may do on a trajectory; u is its unit.

    Attributes:
        low, high: user limits, in u.
        velocity: highest, in u/s.
        acceleration: that of its moves, in u/s².
        unit: for messages.
    """

    low: float
    high: float
    velocity: float
    acceleration: float
    unit: str


class TrajectoryAxis(SweepingAxis):
    """An axis that can also follow a trajectory together with others, if its controller can."""

    def abilities(self) -> Abilities:
        """What it may do.

        Raises:
            NotAllowed: it can follow no trajectory.
        """
        scale = self._scale
        if scale.modulo is not None:
            raise NotAllowed(
                f"{self.label}: cannot follow a trajectory, because its positions repeat after {scale.modulo} "
                f"{scale.unit}"
            )
        return Abilities(*scale.limits(), self._rates.velocities[1], self._rates.acceleration, scale.unit)

    def in_steps(
        self, positions: npt.NDArray[np.float64], velocities: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """User positions and velocities as its controller counts them; (k,) each."""
        scale = self._scale
        steps = (positions - scale.offset) * scale.sign * scale.steps_per_unit + self._slip()
        return steps, velocities * scale.sign * scale.steps_per_unit

    def require_at(self, what: str, begins: float) -> None:
        """See that it stands where a trajectory begins, and can move.

        Raises:
            NotReady, NotAllowed, HardwareFault, Busy: it does not, or cannot.
        """
        self.permit(what)
        if self._require_ready(what).moving:
            raise Busy(f"{self.label}: cannot {what}: it is moving")
        if abs(self._scale.user(self._dial()) - begins) > self.tolerance():
            raise NotReady(
                f"{self.label}: cannot {what}: it stands at {self.where(self._dial())}, and its run-up begins at "
                f"{self._text(begins)}"
            )

    def arm_times(
        self,
        scan: str,
        line: int,
        first: float,
        period: float,
        count: int,
        *,
        emits: bool,
        clocks: bool,
        spacing: float,
        width: float,
    ) -> None:
        """Let the controller latch it along the next trajectory, for a scan; see `MotorController.compare_times`."""
        channel = self.parameters.channel

        def compare(driver: MotorController) -> None:
            from ronda.devices.motor.latching import before_first

            times = [] if driver.keeps_time else (first - before_first(first, spacing)).tolist()
            driver.compare_times(channel, first, period, count, emits=emits, clocks=times)

        self._recorder_of(scan).arm(line, compare, clocks=clocks, spacing=spacing, width=width)

    def along(self, what: str, rests: float, duration: float) -> Journey:
        """The course along a trajectory that ends at a user position, after so many s.

        Raises:
            NotReady, HardwareFault: it cannot move.
        """
        reading = self._require_ready(what)
        end = self._scale.steps(self._scale.dial(rests)) + self._slip()
        course = Journey(
            self,
            what,
            target=rests,
            dial=self._scale.dial(rests),
            here=reading.position,
            legs=[end],
            speed=self._scale.steps(self._rates.velocity),
            acceleration_time=self._rates.acceleration_time,
            arrival=self._scale.steps(self.tolerance()) + (HALF_STEP if self._motion.whole_steps() else 0.0),
            loop=None if (closed := self.parameters.closed_loop) is None else ClosedLoop(closed),
        )
        course.duration = duration
        return course
