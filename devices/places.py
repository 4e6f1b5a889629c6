"""Moving axes together, or one after the other, to one of several places: what a device on other axes needs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Protocol

from ronda.devices.axis_group import AxisGroup, AxisState, refused
from ronda.devices.link import Link
from ronda.devices.process import Process
from ronda.framework.errors import NotAllowed, RondaError

MOVE_PERIOD = 0.1
"""Seconds between two looks at axes that move; their events are followed at once."""

SHORTEST_PERIOD = 0.02
"""Seconds between two looks, however often the axes tell something."""


class PlacesUser(Protocol):
    """The device; called in the worker's thread unless said otherwise."""

    def begun(self, goal: str) -> None:
        """A move has begun: show MOVING before the client hears that it was taken."""

    def take(self, states: Mapping[str, AxisState], complaint: tuple[str, str] | None, *, moving: bool) -> None:
        """Take where the axes are; `complaint` is the state and the sentence of what keeps the device from being ON."""

    def lost(self, error: RondaError) -> None:
        """An axis does not answer; any thread."""


class Places:
    """The axes of one device, and the motion that it began.

    Args:
        name: of the device.
        axes: names of the axes.
        user: the device.
        idle_poll_period: seconds between two looks while nothing moves, in case that an event was lost.
        only_read: those of the axes that are never moved or stopped from here.
    """

    def __init__(
        self,
        name: str,
        axes: Sequence[str],
        user: PlacesUser,
        idle_poll_period: float,
        only_read: Sequence[str] = (),
    ) -> None:
        self._name = name
        self._user = user
        self._idle = idle_poll_period
        self._ours = [axis for axis in axes if axis not in only_read]
        self._goal = ""
        self._left: list[Mapping[str, float]] = []  # motions that follow the one in hand
        self._going: frozenset[str] = frozenset()  # axes of the motion in hand
        self._complaint = ""
        self._stops = 0
        self._looked = 0.0
        self._halt: Future[None] | None = None
        self._axes = AxisGroup(name, {axis: axis for axis in axes}, self.look)
        self._link = Link(self._axes, self)

    def open(self, process: Process) -> None:
        """Begin to look for the axes."""
        process.open(self._link)

    def close(self, process: Process) -> None:
        """Let go of the axes; a motion of them goes on."""
        process.close(self._link)

    def silence(self) -> str:
        """A clause about axes that take long to answer, else empty."""
        return self._link.silence()

    def look(self) -> None:
        """Look at the axes soon; any thread."""
        self._link.poll_within(0.0)

    # -- in a Tango client's thread

    def move(self, goal: str, motions: Sequence[Mapping[str, float]]) -> None:
        """Begin to move; returns when the axes of the first motion have taken it.

        Args:
            goal: in words, for messages: `cannot move to <goal>`.
            motions: targets by axis; each motion begins when the one before has ended. All are checked
                before the first.

        Raises:
            Busy, NotReady, OutOfRange …: an axis cannot be moved so.
        """
        what = f"move to {goal}"
        stops = self._stops

        def begin() -> None:
            states = self._axes.read()
            self._axes.require_rest(self._name, what, {axis: states[axis] for axis in self._ours})
            try:
                for motion in motions:
                    for axis, target in motion.items():
                        self._axes.check(axis, [target])
                if self._stops != stops:
                    raise NotAllowed("it was stopped meanwhile")
                self._begin(motions[0])
            except RondaError as error:
                raise refused(self._name, what, error) from error
            self._goal, self._complaint, self._left = goal, "", list(motions[1:])
            self._user.begun(goal)
            self.look()

        self._link.run(self._name, what, begin)

    def stop(self, *, abort: bool = False) -> None:
        """Stop all axes before anything else that waits."""
        self._stops += 1

        def stop() -> None:
            self._left, self._going = [], frozenset()
            self._axes.stop(self._ours, abort=abort)
            self.look()

        self._link.run_first(self._name, "stop", stop)

    # -- what the link asks for

    def connected(self) -> None:
        """All axes answer."""

    def poll(self) -> float:
        """Look at the axes; returns the seconds until the next look."""
        wait = self._looked + SHORTEST_PERIOD - time.monotonic()
        if wait > 0:
            return wait
        self._looked = time.monotonic()
        states = self._axes.read()
        self._go_on(states)
        ours = {axis: states[axis] for axis in self._ours}
        moving = bool(self._going) or any(state.moving for state in ours.values())
        complaint = self._axes.complaint(ours) or (("ALARM", self._complaint) if self._complaint else None)
        self._user.take(states, complaint, moving=moving)
        return MOVE_PERIOD if moving else self._idle

    def lost(self, error: RondaError) -> None:
        """An axis cannot be reached."""
        self._left, self._going = [], frozenset()
        self._user.lost(error)

    def halt(self) -> None:
        """Stop the motion that we began, the server ends."""
        self._stops += 1
        going, self._left = sorted(self._going), []
        if going:
            self._halt = self._link.submit(lambda: self._axes.stop(going), urgent=True)

    def at_rest(self) -> bool:
        """Whether our motion has been stopped."""
        return self._halt is None or self._halt.done()

    # -- in the worker's thread

    def _begin(self, motion: Mapping[str, float]) -> None:
        self._axes.start(motion)
        self._going = frozenset(motion)

    def _go_on(self, states: Mapping[str, AxisState]) -> None:
        """When the motion in hand is over, begin the next one; an axis that does not arrive ends them all."""
        missed = [axis for axis in self._going if not states[axis].moving and not states[axis].arrived]
        if missed:
            state = states[missed[0]]
            where = f"{state.position:.10g} instead of {state.target:.10g}"
            self._complaint = f"{missed[0]} stopped at {where} on the way to {self._goal}"
            still = [axis for axis in self._going if states[axis].moving]
            self._left, self._going = [], frozenset()
            if still:
                self._axes.stop(still)
        if any(states[axis].moving for axis in self._going):
            return
        self._going = frozenset()
        if self._left:
            try:
                self._begin(self._left.pop(0))
            except RondaError as error:
                self._left = []
                self._complaint = f"did not arrive at {self._goal}: {error}"
