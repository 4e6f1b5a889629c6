"""What a Tango device needs to take part in scans: arming, the trigger line, and publishing what it measures."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog
import tango

from ronda.devices.device import RondaDevice, attribute, command
from ronda.framework.errors import BadValue, Busy, ConfigurationError, NotAllowed, NotReady, RondaError
from ronda.framework.scan.orders import ON_FAILURE, Order, Progress
from ronda.framework.stream.answers import HeldBack, Replaced, ScanGone, ScanOver
from ronda.framework.stream.description import Channel
from ronda.framework.stream.publisher import Publisher
from ronda.framework.stream.scan import Scan
from ronda.framework.stream.stream import Stream
from ronda.framework.stream.trigger import Trigger
from ronda.framework.tango.names import AcquisitionAttribute, AcquisitionCommand

if TYPE_CHECKING:
    from ronda.framework.stream.frames.ring import FrameRing
    from ronda.framework.stream.frames.store import FrameStore

SLICE = 0.1
"""Longest wait for a trigger, in s: so soon the device notices that it shall leave the scan."""

RETRY_LIMIT = 10.0
"""Seconds for which a device with `on_failure: retry` tries to measure a point."""

RETRY_PAUSE = 0.2
"""Seconds before each attempt."""

LEAVE_LIMIT = 2.5
"""Seconds within which a device has left a scan; Tango clients give up after 3."""


class ScanStream:
    """The connection of a server process to the stream, made when a device first joins a scan."""

    def __init__(self, _name: str) -> None:
        """Nothing is connected yet."""
        self._lock = threading.Lock()
        self._stream: Stream | None = None
        self._frames: FrameStore | None = None

    def scan(self, identifier: str) -> Scan:
        """A scan in the stream.

        Raises:
            ConfigurationError, ServiceFailed, NotAllowed: the stream cannot be used.
            NotFound: it knows no such scan.
        """
        return self._connected().scan(identifier)

    def ring(self, device: str, frame_bytes: int, memory: int) -> FrameRing:
        """The ring in shared memory for the frames of a device.

        Args:
            device: name of the device in scans.
            frame_bytes: bytes of a frame.
            memory: bytes that the ring takes.

        Raises:
            BadValue: the memory holds less than two frames.
            ServiceFailed: the host's shared memory has no room.
            also as `scan`.
        """
        stream = self._connected()
        with self._lock:
            if self._frames is None:
                self._frames = stream.frame_store(os.environ.get("RONDA_SERVER_ADDRESS") or "127.0.0.1")
            frames = self._frames
        return frames.ring(device, frame_bytes, memory)

    def let_go(self) -> None:
        """Give the rings up: the server ends. Frames that must not be lost stay until they are safe."""
        with self._lock:
            if self._frames is not None:
                self._frames.close()
                self._frames = None

    def _connected(self) -> Stream:
        with self._lock:
            if self._stream is None:
                url = os.environ.get("RONDA_REDIS_URL")
                if not url:
                    raise ConfigurationError(
                        "RONDA_REDIS_URL is not set in the environment of this server; `ronda up` does this"
                    )
                self._stream = Stream.connect(
                    url,
                    user=os.environ.get("RONDA_REDIS_USER"),
                    password=os.environ.get("RONDA_REDIS_PASSWORD"),
                )
            return self._stream


class AcquiringDevice(RondaDevice):
    """A device that takes part in scans. Subclasses fill `prepare_points`, `measure` and `break_off`.

    A subclass calls `leave_scan` in its `closing`, and refuses other measurements while it is `in_scan`.
    """

    exposures_vary = False
    """Whether `measure` takes another exposure time at each point; else scans whose points differ are refused."""

    _part: Participation | None = None

    # -- for subclasses

    def prepare_points(self, order: Order, channels: Sequence[Channel]) -> None:
        """A scan begins: get ready to measure these channels. Called in the thread of a Tango client.

        Raises:
            Busy, OutOfRange, CommunicationFailed …: it cannot.
        """
        raise NotImplementedError

    def measure(self, order: Order, index: int) -> Mapping[str, Any]:
        """Measure a point; returns each channel's value: a number, or an array of the channel's shape.

        Called in a thread of its own. Arrays of channels that are stored by reference go into a ring of frames.

        Args:
            order: with the exposure time of this point.
            index: of the point.

        Raises:
            RondaError: it failed; the scan then hears why.
        """
        raise NotImplementedError

    def frame_memory(self) -> int:
        """Bytes of shared memory for the frames of its channels that are stored by reference."""
        raise NotImplementedError

    def break_off(self) -> None:
        """End a measurement that is running, soon; harmless when none is. Any thread."""
        raise NotImplementedError

    def scan_left(self) -> None:
        """The scan is over for this device, which now shows what it shows without one. Its own thread."""

    # -- for subclasses to use

    @property
    def in_scan(self) -> bool:
        """Whether it takes part in a scan."""
        part = self._part
        return part is not None and part.running

    def leave_scan(self, failure: str = "", *, wait: bool = True) -> None:
        """Leave the scan, if in one, within a bounded time.

        Args:
            failure: why, if that makes the scan fail.
            wait: until it has left.
        """
        part = self._part
        if part is not None:
            part.leave(failure, wait=wait)

    # -- what scans ask for

    @command(AcquisitionCommand.ARM_SCAN, dtype_in=str, doc_in="JSON: scan, exposure in s, points, first, exposures")
    def arm_scan(self, text: str) -> None:
        """Join a scan: from now on each trigger of its line measures one point, which is published in the stream."""
        order = Order.from_json(text)
        self.wait(lambda: self._join(order))

    @command(AcquisitionCommand.DISARM_SCAN, dtype_in=str, doc_in="Id of the scan")
    def disarm_scan(self, scan: str) -> None:
        """Leave a scan; harmless for a scan that the device is not in."""
        part = self._part
        if part is not None and part.order.scan == scan:
            self.wait(part.leave)

    @attribute(name=AcquisitionAttribute.SCAN_STATUS, dtype=str, events=False)
    def scan_status(self) -> str:
        """What the device does in a scan, as JSON: scan, index of its next point, doing, sentence."""
        part = self._part
        return (Progress() if part is None else part.progress()).to_json()

    def _join(self, order: Order) -> None:
        with self.changing:
            part = self._part
            if part is not None and part.running:
                if part.order == order:
                    return  # asked twice
                raise Busy(f"{self.label}: cannot join scan {order.scan}: it is in scan {part.scan.number}")
            if order.exposures and not self.exposures_vary:
                raise NotAllowed(
                    f"{self.label}: measures all points of a scan equally long; give one exposure time for all points"
                )
            stream = self.process.share(ScanStream, "stream")
            scan = stream.scan(order.scan)
            channels = scan.description.device(self.label).channels
            self.prepare_points(order, channels)
            frames = [channel.point_bytes for channel in channels if channel.storage == "reference"]
            ring = stream.ring(self.label, max(frames), self.frame_memory()) if frames else None
            self._part = Participation(self, scan, order, ring)
            self.show(tango.DevState.RUNNING, f"{self.label}: in scan {scan.number}")
            self._part.start()


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
        self._doing = "measuring"
        begun = time.time()
        values = self._values(trigger)
        if self._leaving.is_set():
            return  # broken off: not what was asked for
        self._doing = "publishing"
        try:
            self._publisher.publish(values, time=begun, index=trigger.index)
        except HeldBack:
            if not self._leaving.is_set():
                raise
        self._sentence = ""

    def _values(self, trigger: Trigger) -> Mapping[str, float]:
        """Measure a point; a device whose YAML says so tries again for a while before it fails."""
        retried = self._device.configuration.get(ON_FAILURE) == "retry"
        give_up = time.monotonic() + RETRY_LIMIT if retried else 0.0
        order = self.order.at(trigger.point)
        while True:
            try:
                return self._device.measure(order, trigger.index)
            except RondaError as error:
                self._try_again(error, order, trigger.index, give_up)

    def _try_again(self, failure: RondaError, order: Order, index: int, give_up: float) -> None:
        """Get ready to measure a point once more.

        Raises:
            RondaError: the failure, if there is no time left or the scan is over.
        """
        channels = self.scan.description.device(self._device.label).channels
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


def one_value(values: Mapping[str, Any], channels: Sequence[Channel], own: str) -> dict[str, float]:
    """The values by the channels' names in the scan, from values by the names that the device knows them by.

    Args:
        values: by the device's own names.
        channels: of the scan's description.
        own: the channel attribute that holds the device's own name.

    Raises:
        BadValue: the device does not know a channel.
    """
    names = {channel.name: str(channel.attributes.get(own) or channel.name) for channel in channels}
    unknown = [name for name in names.values() if name not in values]
    if unknown:
        raise BadValue(f"{unknown[0]}: the device has no such channel; it has {', '.join(values)}")
    return {channel: float(values[name]) for channel, name in names.items()}
