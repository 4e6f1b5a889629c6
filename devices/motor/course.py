"""What an axis does from the start of a motion to its end, which may take several motions of the hardware."""

from __future__ import annotations

import time
from typing import Any, ClassVar, Protocol

from ronda.devices.motor.contract import AxisParameters, AxisReading, Channel, MotorController
from ronda.framework.errors import HardwareFault, NotAllowed, RondaError

_ITS_OWN = (HardwareFault, NotAllowed)
"""Errors of a driver after which the connection stands."""


class AxisUser(Protocol):
    """One axis, as its courses and the motion of its controller know it. Unless said otherwise, worker's thread."""

    label: str
    moved_by: str

    @property
    def parameters(self) -> AxisParameters:
        """What it goes by; any thread."""
        ...

    def plan(self, target: float) -> Any:
        """The `Journey` to a user position, checked against all that forbids it; in a client's thread."""
        ...

    def permit(self, what: str) -> str:
        """Refuse a motion that the client of the present call may not make; returns who this is. In its thread."""
        ...

    def configure(self, driver: MotorController) -> None:
        """Give the controller this axis's settings; keeps what it refuses for Status, raises if it does not answer."""

    def restore_velocity(self, driver: MotorController) -> None:
        """Give the controller the velocity that the axis is set to, after a course that had its own."""

    def started(self, course: Course) -> None:
        """A course has begun: show MOVING. The events are sent by `tell_started`."""

    def tell_started(self) -> None:
        """Send the events of a course that has begun."""

    def ended(self, course: Course) -> None:
        """A course has ended; what the hardware says follows with `take`."""

    def take(self, reading: AxisReading, when: float) -> None:
        """Take what the controller says, at this time (s since 1970)."""

    def lost(self, error: RondaError) -> None:
        """Nothing is known about the axis any more; any thread."""

    def velocity_range(self) -> tuple[float, float]:
        """Lowest and highest velocity that may be set, in steps/s; any thread."""
        ...

    def dial_of(self, reading: AxisReading) -> float:
        """Dial position in a reading, of the encoder if the loop is closed."""
        ...

    def where(self, dial: float) -> str:
        """A dial position in user units, for messages; with the dial position if that is another number."""
        ...

    def switches(self, reading: AxisReading) -> str:
        """The active limit switches in words, on both scales; empty if none is."""
        ...

    def slipping(self, reading: AxisReading) -> str:
        """What is wrong if encoder and controller are too far apart; empty if they are not."""
        ...


class Course:
    """One course of one axis; all its methods are called in the worker's thread of the controller.

    Attributes:
        axis: whose.
        what: to follow "cannot".
        doing: to follow the axis's name in Status.
        target: user position that it leads to; None if it leads nowhere in particular.
        velocity: in steps/s, if this course has its own; afterwards the axis's is restored.
        duration: expected time in s of the motion that begins next; infinite if nobody knows.
        limit: longest time of the course in s; None for no end.
        trouble: what went wrong, in a sentence; empty if nothing did.
        cut: whether it was stopped: nothing more begins, and the end is no failure by itself.
        forgets_home: whether the dial is not trusted any more from its start on.
        direction: of its latest motion on the dial: 1, -1, or 0 if that does not matter.
        companions: channels of the axes that move with it and stop with it.
    """

    forgets_home: ClassVar[bool] = False

    def __init__(
        self,
        axis: AxisUser,
        what: str,
        doing: str,
        *,
        target: float | None = None,
        velocity: float | None = None,
        duration: float,
        limit: float | None = None,
    ) -> None:
        self.axis = axis
        self.what = what
        self.doing = doing
        self.target = target
        self.velocity = velocity
        self.duration = duration
        self.limit = limit
        self.trouble = ""
        self.cut = False
        self.direction = 0
        self.companions: frozenset[Channel] = frozenset()
        self._lost = False
        self._begun = time.monotonic()

    def __str__(self) -> str:
        return f"{self.axis.label}: cannot {self.what}"

    @property
    def channel(self) -> Channel:
        """The axis's channel."""
        return self.axis.parameters.channel

    @property
    def steps(self) -> float | None:
        """Where the first motion leads, if it is a plain one that may start together with others."""
        return None

    def begin(self, driver: MotorController) -> None:
        """Begin the first motion."""
        raise NotImplementedError

    def go_on(self, driver: MotorController, reading: AxisReading) -> float | None:
        """The hardware stands, and nobody stopped it: begin what comes next.

        Returns:
            Expected time of it in s; None if the course has ended.
        """
        raise NotImplementedError

    def stands(self, driver: MotorController, reading: AxisReading) -> float | None:
        """The hardware stands; returns as `go_on`."""
        if self._lost and not self.cut:
            self.found_again(reading)
        if self.cut or self._lost:
            return None
        try:
            return self.go_on(driver, reading)
        except _ITS_OWN as error:
            self.fail(f"cannot {self.what}: {error}")
            return None

    def moves(self, driver: MotorController, reading: AxisReading) -> None:
        """The hardware moves: stop it if it should not."""
        if self.cut:
            return
        if self.limit is not None and time.monotonic() - self._begun > self.limit:
            self._break_off(driver, f"did not {self.what} within {self.limit:g} s and was stopped")
        elif self.axis.parameters.encoder is not None and self.axis.parameters.encoder.check_while_moving:
            slipping = self.axis.slipping(reading)
            if slipping:
                self._break_off(driver, f"stopped on its way: {slipping}")

    def _break_off(self, driver: MotorController, trouble: str) -> None:
        self.fail(trouble)
        try:
            driver.stop([self.channel])
        except _ITS_OWN as error:
            self.fail(f"{trouble}; the controller refuses to stop it: {error}")

    def lose(self) -> None:
        """The controller cannot be reached: what the hardware does it may end, but nothing more begins."""
        self._lost = True

    def found_again(self, reading: AxisReading) -> None:  # noqa: ARG002 - a journey looks at it
        """The hardware stands, and the controller was not to be reached meanwhile."""
        self.fail(f"its controller was not to be reached while it was to {self.what}; see whether it did")

    def fail(self, trouble: str) -> None:
        """Note what went wrong, to follow the axis's name; nothing more begins."""
        self.trouble = f"{self.axis.label}: {trouble}"
        self.cut = True
