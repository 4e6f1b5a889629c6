"""One device in one scan: it takes triggers, lets its device measure, and publishes what that gives."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog
import tango

from ronda.framework.clients.part import EVERY, TRIGGER
from ronda.framework.errors import NotReady, RondaError
from ronda.framework.scan.orders import ON_FAILURE, Order, Progress
from ronda.framework.stream.answers import HeldBack, NoLongerInMemory, Replaced, ScanGone, ScanOver
from ronda.framework.stream.description import Channel
from ronda.framework.stream.fill import fill_value
from ronda.framework.stream.publisher import Publisher
from ronda.framework.stream.scan import Scan
from ronda.framework.stream.trigger import Trigger

if TYPE_CHECKING:
    from ronda.devices.acquisition import AcquiringDevice
    from ronda.framework.stream.frames.ring import FrameRing

SLICE = 0.1
"""Longest wait for a trigger, in s: so soon the device notices that it shall leave the scan."""

RETRY_LIMIT = 10.0
"""Seconds for which a device with `on_failure: retry` tries to measure a point."""

RETRY_PAUSE = 0.2
"""Seconds before each attempt."""

LEAVE_LIMIT = 2.5
"""Seconds within which a device has left a scan; Tango clients give up after 3."""


class Participation:
    """One device in one scan, from arming until it leaves. Making it arms the device.

    Attributes:
        scan: in the stream.
        order: what the device is to do.
        running: whether it still takes part.
    """

    def __init__(self, device: AcquiringDevice, scan: Scan, order: Order, ring: FrameRing | None = None) -> None:
        self.scan = scan
        self.order = order
        self.running = True
        self._device = device
        self._failure = ""
        self._leaving = threading.Event()
        self._doing = "armed"
        self._sentence = ""
        self._log = structlog.get_logger().bind(device=device.label, scan=scan.number)
        self._publisher: Publisher = scan.publisher(device.label, wait=None, on_held=self._held, ring=ring)
        self._listener = scan.arm(device.label, first=order.first)
        self._described = scan.description.device(device.label)
        self._fill = {channel.name: _nothing(channel) for channel in self._described.channels if _seldom(channel)}
        master = str(self._described.attributes.get(TRIGGER) or "")
        self._master = _Master(device.label, scan, order.first, master) if master else None
        self._thread = threading.Thread(target=self._run, name=f"scan {device.label}", daemon=True)

    def start(self) -> None:
        """Begin to take triggers."""
        self._thread.start()

    def progress(self) -> Progress:
        """What the device does now; any thread."""
        if not self.running:
            return Progress(sentence=self._sentence)
        return Progress(self.order.scan, self._listener.index, self._doing, self._sentence)

    def leave(self, failure: str = "", *, wait: bool = True) -> None:
        """Take no more triggers, break off the point in hand, and end; any thread.

        Args:
            failure: why, if that makes the scan fail.
            wait: until it has ended.

        Raises:
            NotReady: it does not end in time.
        """
        if self.running:
            self._failure = self._failure or failure
            self._leaving.set()
            self._device.break_off()
        if wait and self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(LEAVE_LIMIT)
            if self._thread.is_alive():
                raise NotReady(f"{self._device.label}: has not left scan {self.scan.number} within {LEAVE_LIMIT:g} s")

    # -- in its own thread

    def _run(self) -> None:
        with tango.EnsureOmniThread():
            try:
                self._take_points()
                if self._failure:
                    raise NotReady(self._failure)  # noqa: TRY301 - the same way as for the failures below
                self._left()  # before the seal: who reads that can give the device its next orders
                self._publisher.seal()
            except (ScanOver, ScanGone, Replaced) as error:
                self._sentence = str(error)
                self._log.info(str(error))
            except RondaError as error:
                self._fail(str(error))
            except Exception as error:  # noqa: BLE001 - the scan must hear of it, whatever it is
                self._log.exception("measuring failed")
                self._fail(
                    f"{self._device.label}: failed by a mistake of ours ({type(error).__name__}: {error}); "
                    "the server's log says more"
                )
            finally:
                with contextlib.suppress(RondaError):  # the scan has heard of something worse
                    self._left()

    def _left(self) -> None:
        if self.running:
            self.running = False
            self._device.scan_left()

    def _take_points(self) -> None:
        points = self.order.points
        while not self._leaving.is_set() and (points is None or self._listener.index < points):
            self._doing = "armed"
            trigger = self._listener.wait(SLICE)
            if trigger is not None and not self._leaving.is_set():
                self._measure(trigger)

    def _measure(self, trigger: Trigger) -> None:
        channels = self._described.channels
        left_out = [one.name for one in channels if not is_due(one, trigger.point)] if self._fill else []
        measures = len(left_out) < len(channels)
        if measures and self._master is not None:
            self._doing = "waiting"
            if not self._master.await_point(trigger.index, self._leaving):
                return  # the scan is over for us
        self._doing = "measuring"
        begun = time.time()
        values = self._values(trigger) if measures else {}
        if left_out:
            values = {**values, **{name: self._fill[name] for name in left_out}}
        if self._leaving.is_set():
            return  # broken off: not what was asked for
        self._doing = "publishing"
        try:
            self._publisher.publish(values, time=begun, index=trigger.index)
        except HeldBack:
            if not self._leaving.is_set():
                raise
        self._sentence = ""

    def _values(self, trigger: Trigger) -> Mapping[str, Any]:
        """Measure a point; a device whose YAML says so tries again for a while before it fails."""
        retried = self._device.configuration.get(ON_FAILURE) == "retry"
        give_up = time.monotonic() + RETRY_LIMIT if retried else 0.0
        order = self._order_at(trigger.point)
        while True:
            try:
                return self._device.measure(order, trigger.index)
            except RondaError as error:
                self._try_again(error, order, trigger.index, give_up)

    def _order_at(self, point: int) -> Order:
        """What the device is to do at a point of the plan."""
        return self.order.at(point)

    def _try_again(self, failure: RondaError, order: Order, index: int, give_up: float) -> None:
        """Get ready to measure a point once more.

        Raises:
            RondaError: the failure, if there is no time left or the scan is over.
        """
        channels = self._described.channels
        while time.monotonic() < give_up and not self._leaving.wait(RETRY_PAUSE):
            self._log.warning(f"trying point {index} again: {failure}")
            try:
                self._device.prepare_points(order, channels)
            except RondaError as error:
                failure = error
            else:
                return
        raise failure

    def _held(self, error: HeldBack) -> None:
        self._doing, self._sentence = "held", str(error)
        if self._leaving.is_set():
            raise error

    def _fail(self, sentence: str) -> None:
        self._sentence = sentence
        self._log.error(sentence)
        try:
            self._publisher.fail(sentence)
        except RondaError as error:
            self._log.info(f"the scan does not hear of it: {error}")


class _Master:
    """The device that triggers another one in a scan, if it is not the scan itself.

    Args:
        who: the device that is triggered, for messages.
        first: index of the first point.
        name: of the device that triggers it.
    """

    def __init__(self, who: str, scan: Scan, first: int, name: str) -> None:
        self._who, self._scan, self._name = who, scan, name
        self._channel = min(scan.description.device(name).channels, key=lambda channel: channel.point_bytes).name
        self._cursor = scan.follow([self._channel], start=first)

    def await_point(self, index: int, leaving: threading.Event) -> bool:
        """Wait until it has measured a point; whether it has, before `leaving` is set.

        Raises:
            NotReady: it never will.
        """
        while self._cursor.positions[self._name] <= index:
            if leaving.is_set():
                return False
            end = self._cursor.ends.get(self._name)
            if end is not None:
                why = end.sentence or "it has ended"
                raise NotReady(f"{self._who}: {self._name}, which triggers it, will never measure point {index}: {why}")
            try:
                self._cursor.read(SLICE)
            except NoLongerInMemory:  # memory is full and the writer was faster than we: it was measured long ago
                self._cursor = self._scan.follow([self._channel], start=self._scan.extent(self._name).first)
        return True


def _seldom(channel: Channel) -> bool:
    return int(channel.attributes.get(EVERY, 1)) > 1


def is_due(channel: Channel, point: int) -> bool:
    """Whether a channel is measured at a point of the plan; where it is not its value is the fill value.

    Args:
        channel: as the scan's description has it.
        point: index in the plan.
    """
    return point % int(channel.attributes.get(EVERY, 1)) == 0


def _nothing(channel: Channel) -> Any:
    """The value of a point at which a channel was not measured."""
    nothing = fill_value(channel.numpy_dtype)
    filled = np.zeros(channel.shape, channel.numpy_dtype)
    if nothing is not None:
        filled[...] = nothing
    return filled if channel.shape else filled[()]
