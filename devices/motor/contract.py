"""What a driver of a motor controller provides. Positions and velocities are in steps; a step is what it counts in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ronda.devices.driver import Driver
from ronda.devices.motor.parameters import AxisParameters, Channel, ControllerParameters, ReferenceMark
from ronda.framework.errors import NotAllowed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = [
    "AxisParameters",
    "AxisReading",
    "Channel",
    "ControllerParameters",
    "Knots",
    "Latches",
    "MotorController",
    "ReferenceMark",
]


@dataclass(frozen=True, slots=True)
class AxisReading:
    """What a controller says about one axis.

    Attributes:
        position: in steps.
        moving: whether a motion runs; True from the moment `start`, `jog` or `home` returns until the axis stands, and
            has settled if the controller itself follows an encoder.
        powered: whether it could move.
        low_limit: whether the limit switch at the low end of the dial is active.
        high_limit: the same for the high end.
        home: whether the home switch is active.
        fault: what is wrong with it, in words; empty if nothing is.
        encoder: in counts of the encoder; None if the axis has none, or the controller cannot tell.
        cut_short: why the latest motion ended before its target, in the controller's words; empty if it arrived, or
            ended at a limit switch (that is seen from the switches) or because it was told to stop.
    """

    position: float
    moving: bool = False
    powered: bool = True
    low_limit: bool = False
    high_limit: bool = False
    home: bool = False
    fault: str = ""
    encoder: float | None = None
    cut_short: str = ""


@dataclass(frozen=True, slots=True)
class Latches:
    """Triggers that a position compare emitted, a block of n.

    Attributes:
        emitted: how many there are since the unit was cleared, of which the block may hold a part.
        times: when each was emitted, in s of the controller's own clock; if it keeps none, s from the first that bounds
            a point of the line, worked out from its motion; (n,) float64.
        positions: what the controller counted then, in steps; (n,) float64.
        encoders: latched from the encoder, in counts; NaN without one; (n,) float64.
        compared: whether it bounds a point, and does not set the clocks; (n,) bool.
    """

    emitted: int
    times: npt.NDArray[np.float64]
    positions: npt.NDArray[np.float64]
    encoders: npt.NDArray[np.float64]
    compared: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Knots:
    """A trajectory of m axes: cubic polynomials between k knots (PVT), from rest to rest.

    Attributes:
        channels: of the axes.
        times: rising from 0, in s; (k,) float64.
        positions: in steps; (k, m) float64.
        velocities: in steps/s; (k, m) float64.
    """

    channels: tuple[Channel, ...]
    times: npt.NDArray[np.float64]
    positions: npt.NDArray[np.float64]
    velocities: npt.NDArray[np.float64]


class MotorController(Driver):
    """One motor controller with its axes. `read`, `start` and `stop` are needed, the rest is optional.

    Positive steps lead to the high end of the dial, always. A hook that the driver does not define is refused to the
    user, in words; so is one that raises NotAllowed for an axis that lacks what it takes.

    Attributes:
        AxisParameters: model of an axis of this controller.
        whole_steps: whether it counts in whole steps, so that a target is met to half a step only.
        starts_together: whether the axes of one `start` begin to move together in hardware.
        reference_marks: what `home` can search for.
        keeps_time: whether it keeps when each trigger was emitted. If not, there is no `pulse`, `compare` and
            `compare_times` are told where triggers that set the clocks belong, and `latched` works times out.
        trigger_jitter: by how much the times of triggers may be wrong, in s.
        axes: parameters of the axes in use, by channel; filled before `connect`, and when an axis is added.
    """

    Parameters: ClassVar[type[ControllerParameters]] = ControllerParameters
    AxisParameters: ClassVar[type[AxisParameters]] = AxisParameters
    whole_steps: ClassVar[bool] = True
    starts_together: ClassVar[bool] = False
    reference_marks: ClassVar[frozenset[ReferenceMark]] = frozenset()
    keeps_time: ClassVar[bool] = True
    trigger_jitter: ClassVar[float] = 1e-6

    def __init__(self, name: str, parameters: Any) -> None:
        super().__init__(name, parameters)
        self.axes: dict[Channel, Any] = {}

    # -- what each driver does

    def read(self, channels: Sequence[Channel]) -> Mapping[Channel, AxisReading]:
        """Where these axes are and how they are; in one exchange if the controller can."""
        raise NotImplementedError

    def start(self, moves: Mapping[Channel, float]) -> None:
        """Start axes together towards absolute positions (steps), and return without waiting for their arrival.

        Raises:
            HardwareFault: the controller refuses; then none of them moves.
        """
        raise NotImplementedError

    def stop(self, channels: Sequence[Channel]) -> None:
        """Decelerate and stand still, whatever motion it is; an axis that stands already stays so."""
        raise NotImplementedError

    def abort(self, channels: Sequence[Channel]) -> None:
        """Stand still as fast as the hardware can."""
        self.stop(channels)

    # -- other motions

    def jog(self, channel: Channel, velocity: float) -> None:
        """Move at a velocity (steps/s, its sign is the direction) until stopped, or a limit switch is hit.

        Called for an axis that jogs already, it changes the velocity; a controller that cannot raises HardwareFault.

        Raises:
            HardwareFault: the controller refuses; then nothing has changed.
        """
        raise NotAllowed(f"{self.name}: this driver cannot jog an axis")

    def home(self, channel: Channel, mark: ReferenceMark, direction: int, velocity: float | None) -> None:
        """Begin to search for a reference mark, and return; `read` says moving until the search has ended.

        Where the axis stands then is the driver's matter; it need not be on the mark.

        Args:
            channel: which axis.
            mark: one of `reference_marks`.
            direction: in which the search begins, 1 or -1; for a limit that of the limit.
            velocity: of the search in steps/s, positive; None for the controller's own.

        Raises:
            HardwareFault: the controller refuses; then nothing moves.
        """
        raise NotAllowed(f"{self.name}: this driver cannot search for a reference mark")

    def home_found(self, channel: Channel) -> float | None:
        """Where the latest search found its mark, in steps as `read` counts now; None if it was stopped.

        Called once after a search has ended. A controller that redefines its position at the mark by itself
        answers where the mark is on the new scale; the device then calls `set_position` if this is not the dial
        position that the axis is configured with.

        Raises:
            HardwareFault: the search ended without the mark; the sentence says what happened.
        """
        return None

    # -- settings

    def set_velocity(self, channel: Channel, velocity: float) -> float:
        """Set the velocity of later moves (steps/s); the acceleration time stays. Returns what it will really do."""
        raise NotAllowed(f"{self.name}: the velocity cannot be set with this driver")

    def velocity_range(self, channel: Channel) -> tuple[float, float]:
        """Lowest and highest velocity that the controller can do (steps/s); asked for when it has connected."""
        return 0.0, math.inf

    def set_acceleration_time(self, channel: Channel, duration: float) -> float:
        """Set the time from rest to full velocity (s); returns what the controller will really do."""
        raise NotAllowed(f"{self.name}: the acceleration cannot be set with this driver")

    def acceleration_time_range(self, channel: Channel) -> tuple[float, float]:
        """Shortest and longest time from rest to full velocity that it can do (s), at the present velocity."""
        return 0.0, math.inf

    def set_position(self, channel: Channel, position: float) -> None:
        """Make the present place count as `position` (steps), without moving. The encoder keeps its count."""
        raise NotAllowed(f"{self.name}: the position cannot be redefined with this driver")

    def set_encoder(self, channel: Channel, counts: float) -> None:
        """Make the encoder read `counts` at the present place. The position in steps stays."""
        raise NotAllowed(f"{self.name}: the encoder cannot be redefined with this driver")

    def set_power(self, channel: Channel, on: bool) -> None:
        """Switch the motor's current (or servo loop) on or off; on also clears a fault, where the controller can."""
        raise NotAllowed(f"{self.name}: the power cannot be switched with this driver")

    # -- triggers at positions

    def compare(
        self,
        channel: Channel,
        start: float,
        step: float,
        count: int,
        *,
        period: float = 0.0,
        clocks: Sequence[float] = (),
    ) -> None:
        """Forget what was latched, and emit a trigger at `start`, `start + step` … (steps), `count` times.

        The axis meets the positions only while it moves in the direction of the step.

        Args:
            channel: of the axis.
            start: position of the first one, in steps.
            step: from each to the next, in steps.
            count: how many.
            period: from each to the next, in s; for a controller that keeps no time.
            clocks: positions before `start`, in the order in which they are passed, of triggers that set the clocks;
                for a controller that keeps no time.

        Raises:
            HardwareFault: the controller refuses.
        """
        raise NotAllowed(f"{self.name}: this driver cannot emit triggers at positions")

    def most_triggers(self, channel: Channel) -> float:
        """How many triggers it gives in a line at most, those that set the clocks among them. Asks no hardware."""
        return float("inf")

    def compare_off(self, channel: Channel) -> None:
        """Emit at no further position; what was latched stays."""
        raise NotAllowed(f"{self.name}: this driver cannot emit triggers at positions")

    def pulse(self, channel: Channel) -> None:
        """Emit one trigger now, on the output of the axis."""
        raise NotAllowed(f"{self.name}: this driver cannot emit a trigger on demand")

    def trigger_width(self, channel: Channel, seconds: float) -> None:
        """Let triggers of an axis stay on for so long from now on; 0 for as short as they are by themselves.

        Raises:
            HardwareFault: the controller refuses.
        """
        raise NotAllowed(f"{self.name}: this driver cannot set how long triggers stay on")

    def latched(self, channel: Channel, first: int) -> Latches:
        """What was latched with the triggers from number `first` on; may be a part of them, ask again then."""
        raise NotAllowed(f"{self.name}: this driver does not latch positions at triggers")

    # -- trajectories

    def load_trajectory(self, knots: Knots) -> None:
        """Give the controller a trajectory, which the axes shall follow by its own clock; nothing moves.

        Raises:
            HardwareFault: the controller refuses.
        """
        raise NotAllowed(f"{self.name}: this driver cannot let axes follow a trajectory")

    def start_trajectory(self) -> None:
        """Begin the trajectory that was loaded, and return.

        A stop, a limit switch or a fault of one axis ends it for all.

        Raises:
            HardwareFault: an axis stands elsewhere than it begins, or cannot move so fast; then none of them moves.
        """
        raise NotAllowed(f"{self.name}: this driver cannot let axes follow a trajectory")

    def compare_times(
        self,
        channel: Channel,
        first: float,
        period: float,
        count: int,
        *,
        emits: bool,
        clocks: Sequence[float] = (),
    ) -> None:
        """Forget what was latched, and latch at times of the next trajectory, counted from its start in s.

        Args:
            channel: of the axis.
            first: time of the first one.
            period: from each to the next.
            count: how many.
            emits: whether the output of the axis gives a trigger then.
            clocks: times before `first` of triggers that set the clocks; for a controller that keeps no time.

        Raises:
            HardwareFault: the controller refuses.
        """
        raise NotAllowed(f"{self.name}: this driver cannot emit triggers along a trajectory")

    def sync(self, channel: Channel) -> None:
        """The axis was moved by hand: let the controller find out where it is, from a sensor if it has one."""

    def query(self, line: str) -> str:
        """Send a line of the controller's own language and return the answer; for experts."""
        raise NotAllowed(f"{self.name}: this driver offers no raw access")
