"""What the axes of one controller share: its driver, the moves that run, and the polling of positions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Protocol, TypeVar

from ronda.devices.awaited import GIVE_WAY
from ronda.devices.driver import offers
from ronda.devices.link import Link
from ronda.devices.motor.arrivals import Arrivals
from ronda.devices.motor.contract import AxisReading, Channel, ControllerParameters, MotorController, ReferenceMark
from ronda.devices.motor.course import AxisUser, Course
from ronda.devices.motor.motion_hooks import MotionHooks
from ronda.devices.motor.reading import read_axes
from ronda.devices.process import Process
from ronda.framework.errors import (
    Busy,
    ConfigurationError,
    HardwareFault,
    NotAllowed,
    NotFound,
    NotReady,
    RondaError,
)

T = TypeVar("T")

TELL_DELAY = 0.001
"""Seconds from the order to the hardware to the events that say so: until then the client has its answer."""


class ControllerUser(Protocol):
    """The controller's own device."""

    def linked(self) -> None:
        """The controller answers; called in the worker's thread."""

    def lost(self, error: RondaError) -> None:
        """The controller does not answer; any thread."""


class Motion:
    """The motion of one controller. The controller and its axes may join in any order."""

    def __init__(self, name: str) -> None:
        """No driver, no axes yet; `name` is the controller's."""
        self.name = name
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._driver: MotorController | None = None
        self._controller: ControllerUser | None = None
        # These two are replaced, never changed, so that any thread may look at them.
        self._axes: Mapping[Channel, AxisUser] = {}
        self._moving: frozenset[Channel] = frozenset()
        self._courses: dict[Channel, Course] = {}
        self._arrivals = Arrivals()
        self._stops: dict[Channel, int] = {}
        self._refused: frozenset[Channel] = frozenset()
        self._next_full_look = 0.0
        self._halt: Future[None] | None = None
        self._hooks = MotionHooks(name)

    # -- the controller and its axes join and leave

    def open(self, process: Process, driver: MotorController, controller: ControllerUser) -> None:
        """Take the controller's driver and begin to connect."""
        with self._lock:
            driver.axes.update({channel: axis.parameters for channel, axis in self._axes.items()})
            self._driver, self._controller = driver, controller
            self._link = Link(driver, self)
        process.open(self._link)

    def close(self, process: Process) -> None:
        """Let go of the driver. The axes stay, and wait for the next one."""
        with self._lock:
            link, self._link, self._driver, self._controller = self._link, None, None, None
        if link is not None:
            process.close(link)
        self._courses.clear()
        self._tell_axes(NotReady(f"{self.name} is not connected, see its Status"))

    def add(self, axis: AxisUser) -> None:
        """Take an axis.

        Raises:
            ConfigurationError: another axis has its channel.
        """
        channel = axis.parameters.channel
        with self._lock:
            holder = self._axes.get(channel)
            if holder is not None and holder is not axis:
                raise ConfigurationError(
                    f"{axis.label}: {holder.label} already uses channel {channel} of {self.name}; correct one of them"
                )
            self._axes = {**self._axes, channel: axis}
            if self._driver is not None:
                self._driver.axes[channel] = axis.parameters
            link = self._link
        if link is not None and link.error is None:
            link.submit(lambda: self._take_in(axis))

    def remove(self, axis: AxisUser) -> None:
        """Let go of an axis; a motion of it goes on."""
        with self._lock:
            self._axes = {channel: other for channel, other in self._axes.items() if other is not axis}

    def axis(self, who: str, label: str) -> AxisUser:
        """An axis by its name; `who` asks.

        Raises:
            NotFound: there is none of this name.
        """
        for axis in self._axes.values():
            if axis.label == label:
                return axis
        raise NotFound(f"{who}: {self.name} has no axis {label}; it has {', '.join(self.labels())}")

    def labels(self) -> list[str]:
        """Names of the axes."""
        return sorted(axis.label for axis in self._axes.values())

    def reconfigure(self, parameters: ControllerParameters) -> None:
        """Take changed parameters of the controller, those that a running driver may take."""
        if self._driver is not None:
            self._driver.parameters = parameters
        self._next_full_look = 0.0
        self._poll_within(0.0)

    # -- what axes ask for, in a Tango client's thread

    def start(
        self,
        who: str,
        what: str,
        courses: Sequence[Course],
        first: Callable[[MotorController], None] | None = None,
    ) -> None:
        """Start courses together, all or none; returns when the hardware has taken them.

        Args:
            who: the device that asks, for messages.
            what: what it wants, as in `cannot <what>`.
            courses: one for each axis; if there are several, each begins with a plain motion.
            first: begins the first motion of all of them, if that is another one.

        Raises:
            Busy: an axis is moving already, or another client has locked it.
            NotAllowed: an axis is fixed, or somebody stopped an axis meanwhile.
            HardwareFault: the controller refuses.
            CommunicationFailed, TimedOut: the controller does not answer.
        """

        taken: float | None = None

        def tell() -> None:
            if taken is not None:
                time.sleep(max(taken + GIVE_WAY - time.monotonic(), 0.0))
                for course in courses:
                    course.axis.tell_started()

        claimed = threading.Lock()
        movers = {course.channel: course.axis.permit(course.what) for course in courses}
        before = {course.channel: self._stops.get(course.channel, 0) for course in courses}

        def begin() -> None:
            if not claimed.acquire(blocking=False):
                raise NotAllowed(f"{who}: cannot {what}: nobody waits for it any more")
            try:
                begin_claimed()
            except BaseException:
                self._hooks.leave(courses)
                raise

        def begin_claimed() -> None:
            nonlocal taken
            for course in courses:
                if course.channel in self._moving:
                    mover = course.axis.moved_by
                    by = f", asked for by {mover}" if mover else ""
                    raise Busy(f"{course}: it is moving{by}; stop it first")
                if self._stops.get(course.channel, 0) != before[course.channel]:
                    raise NotAllowed(f"{course}: it was stopped meanwhile")
            # the client hears first that the hardware has taken the move, then everybody else
            link.submit_later(tell, TELL_DELAY)
            asked = time.monotonic()
            self._begin(courses, first)
            begun = (asked + time.monotonic()) / 2  # somewhere in between the hardware has taken it
            self._moving |= before.keys()
            for course in courses:
                self._courses[course.channel] = course
                self._arrivals.expect(course.channel, begun + course.duration)
                course.axis.moved_by = movers[course.channel]
                course.axis.started(course)
            taken = time.monotonic()
            self._poll_within(self._pause())

        link = self._known_link(who, what)
        self._hooks.enter(who, what, courses, self._known_driver().parameters)
        try:
            link.run(who, what, begin)
        except BaseException:
            if claimed.acquire(blocking=False):  # it will never begin
                self._hooks.leave(courses)
            raise

    def stop(self, who: str, channels: Sequence[Channel], *, abort: bool = False) -> None:
        """Stop axes before anything else that waits, and let no move begin that was asked for earlier.

        Raises:
            TimedOut: the controller does not answer; the stop stays first in the queue.
            CommunicationFailed: the controller is not connected.
        """
        with self._lock:
            for channel in channels:
                self._stops[channel] = self._stops.get(channel, 0) + 1

        def stop() -> None:
            driver = self._known_driver()
            for channel in channels:
                self._arrivals.forget(channel)
                self._cut(channel)
            (driver.abort if abort else driver.stop)(channels)
            self._poll_within(0.0)

        self._known_link(who, "stop").run_first(who, "stop", stop)

    def stop_all(self, who: str, *, abort: bool = False) -> None:
        """Stop all axes, see `stop`."""
        self.stop(who, list(self._axes), abort=abort)

    def run(self, who: str, what: str, call: Callable[[MotorController], T]) -> T:
        """Let the worker make calls to the driver, and wait for them; errors as those of `Link.run`."""
        return self._known_link(who, what).run(who, what, lambda: call(self._known_driver()))

    def refresh(self, who: str, axis: AxisUser) -> None:
        """Read one axis now; `axis.take` has been called when this returns."""
        channel = axis.parameters.channel

        def read(driver: MotorController) -> None:
            reading = driver.read([channel])[channel]
            if channel in self._courses:  # it stands between two motions of its course
                reading = replace(reading, moving=True)
            axis.take(reading, time.time())

        self.run(who, "read the position", read)

    def offers(self, hook: str) -> bool:
        """Whether the driver has an optional hook; True while there is no driver to ask."""
        driver = self._driver
        return driver is None or offers(driver, MotorController, hook)

    def reference_marks(self) -> frozenset[ReferenceMark]:
        """What the driver can search for; all marks while there is no driver to ask."""
        return frozenset(ReferenceMark) if self._driver is None else self._driver.reference_marks

    def whole_steps(self) -> bool:
        """Whether the controller counts whole steps."""
        return self._driver is None or self._driver.whole_steps

    def keeps_time(self) -> bool:
        """Whether the controller keeps when each trigger was emitted."""
        return self._driver is None or self._driver.keeps_time

    def trigger_jitter(self) -> float:
        """By how much the times of its triggers may be wrong, in s."""
        return MotorController.trigger_jitter if self._driver is None else self._driver.trigger_jitter

    def most_triggers(self, channel: Channel) -> float:
        """How many triggers it gives in a line of an axis at most; any number while there is no driver to ask."""
        return float("inf") if self._driver is None else self._driver.most_triggers(channel)

    def silence(self) -> str:
        """A clause about a controller that takes long to answer, else empty."""
        link = self._link
        return link.silence() if link is not None else ""

    # -- what the link asks for

    def connected(self) -> None:
        """The driver has connected: configure all axes."""
        for axis in self._axes.values():
            axis.configure(self._known_driver())
        self._refused = frozenset()
        self._next_full_look = 0.0

    def poll(self) -> float:
        """Look at the axes that move, and now and then at all; returns the seconds until the next look."""
        periods = self._known_driver().parameters
        begun = time.monotonic()
        full = begun >= self._next_full_look
        axes = self._axes
        readings = self._read([channel for channel in axes if full or channel in self._moving])
        when = time.time()
        for channel, reading in list(readings.items()):
            course = self._courses.get(channel)
            if course is not None:
                self._arrivals.seen(channel, begun, moving=reading.moving)
                readings[channel] = reading = self._follow(course, reading)
            if channel in axes:
                axes[channel].take(reading, when)
            if course is not None and not reading.moving and course.velocity is not None:
                course.axis.restore_velocity(self._known_driver())
        self._moving = frozenset(channel for channel, reading in readings.items() if reading.moving)
        if full:
            self._next_full_look = begun + periods.idle_poll_period
            if self._controller is not None:
                self._controller.linked()  # also after a call that hung and came back
        if self._moving:
            return self._pause()
        self._arrivals.clear()
        return max(self._next_full_look - time.monotonic(), 0.0)

    def lost(self, error: RondaError) -> None:
        """The controller cannot be reached. What the hardware has begun it may end, but nothing more begins."""
        for course in self._courses.values():
            course.lose()
        self._tell_axes(error)
        if self._controller is not None:
            self._controller.lost(error)

    def halt(self) -> None:
        """Stop what moves, the server ends."""
        link = self._link
        if link is None:
            return
        with self._lock:
            for channel in self._axes:
                self._stops[channel] = self._stops.get(channel, 0) + 1

        def stop() -> None:
            for channel in self._courses:
                self._cut(channel)
            if self._moving:
                self._known_driver().stop(sorted(self._moving, key=str))
                self._poll_within(0.0)

        self._halt = link.submit(stop, urgent=True)

    def at_rest(self) -> bool:
        """Whether nothing moves."""
        return not self._moving and (self._halt is None or self._halt.done())

    # -- in the worker's thread

    def _begin(self, courses: Sequence[Course], first: Callable[[MotorController], None] | None) -> None:
        driver = self._known_driver()
        try:
            for course in courses:
                if course.velocity is not None:
                    driver.set_velocity(course.channel, course.velocity)
            if first is not None:
                first(driver)
            elif len(courses) == 1:
                courses[0].begin(driver)
            else:
                driver.start({course.channel: course.steps for course in courses if course.steps is not None})
        except (HardwareFault, NotAllowed):
            for course in courses:
                if course.velocity is not None:
                    course.axis.restore_velocity(driver)
            raise

    def _follow(self, course: Course, reading: AxisReading) -> AxisReading:
        """Let a course go on; returns what the axis shall be told."""
        driver = self._known_driver()
        if reading.moving:
            course.moves(driver, reading)
            return reading
        left = None if self._hooks.ending(course) else course.stands(driver, reading)
        if left is None:
            if not self._hooks.ended(course):
                return replace(reading, moving=True)
            del self._courses[course.channel]
            course.axis.ended(course)
            return reading
        self._arrivals.expect(course.channel, time.monotonic() + left)
        return replace(reading, moving=True)

    def _cut(self, channel: Channel) -> None:
        course = self._courses.get(channel)
        if course is not None:
            course.cut = True
            for companion in course.companions & self._courses.keys():
                self._courses[companion].cut = True

    def _read(self, channels: Sequence[Channel]) -> dict[Channel, AxisReading]:
        found, errors = read_axes(self._known_driver(), channels, self._refused)
        for channel, error in errors.items():
            self._refuse(channel, error)
        self._refused -= found.keys()
        return found

    def _refuse(self, channel: Channel, error: RondaError) -> None:
        self._refused |= {channel}
        if channel in self._axes:
            self._axes[channel].lost(error)

    def _take_in(self, axis: AxisUser) -> None:
        axis.configure(self._known_driver())
        self._next_full_look = 0.0
        self._poll_within(0.0)

    def _pause(self) -> float:
        """Seconds until the next look at moving axes."""
        period = float(self._known_driver().parameters.poll_period)
        return self._arrivals.pause(self._moving, time.monotonic(), period)

    def _poll_within(self, delay: float) -> None:
        if self._link is not None:
            self._link.poll_within(delay)

    # -- what is there

    def _known_driver(self) -> MotorController:
        if self._driver is None:
            raise NotReady(f"{self.name} is not connected, see its Status")
        return self._driver

    def _known_link(self, who: str, what: str) -> Link:
        link = self._link
        if link is None:
            raise NotReady(f"{who}: cannot {what}: its controller {self.name} is not connected, see its Status")
        return link

    def _tell_axes(self, error: RondaError) -> None:
        for axis in self._axes.values():
            axis.lost(error)
