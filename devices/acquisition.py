"""What a Tango device needs to take part in scans: arming, the trigger line, and publishing what it measures."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import tango

from ronda.devices.device import RondaDevice, attribute, command
from ronda.devices.participation import Participation
from ronda.framework.errors import BadValue, Busy, ConfigurationError, NotAllowed
from ronda.framework.scan.orders import Order, Progress
from ronda.framework.stream.description import Channel
from ronda.framework.stream.scan import Scan
from ronda.framework.stream.stream import Stream
from ronda.framework.tango.names import AcquisitionAttribute, AcquisitionCommand

if TYPE_CHECKING:
    from ronda.framework.stream.frames.ring import FrameRing
    from ronda.framework.stream.frames.store import FrameStore


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
            order: with the exposure time of this point, and its index in the plan: channels that are not due there (see
                `is_due`) need no value.
            index: of the point.

        Raises:
            RondaError: it failed; the scan then hears why.
        """
        raise NotImplementedError

    def join_triggered(self, scan: Scan, order: Order, channels: Sequence[Channel]) -> Participation:  # noqa: ARG002
        """Get ready for a scan whose points are bounded by hardware triggers.

        Raises:
            NotAllowed: it cannot count between triggers.
            Busy, HardwareFault, CommunicationFailed …: it cannot now.
        """
        raise NotAllowed(f"{self.label}: cannot join scan {scan.number}: it takes no hardware triggers")

    def frame_memory(self) -> int:
        """Bytes of shared memory for the frames of its channels that are stored by reference."""
        raise NotImplementedError

    def break_off(self) -> None:
        """End a measurement that is running, soon; harmless when none is. Any thread."""
        raise NotImplementedError

    def scan_left(self) -> None:
        """The scan is over for this device, which now shows what it shows without one. Its own thread.

        Raises:
            RondaError: not all that it measured is in the stream; the scan then hears why.
        """

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
            if order.triggers:
                self._part = self.join_triggered(scan, order, channels)
                self.show(tango.DevState.RUNNING, f"{self.label}: in scan {scan.number}")
                self._part.start()
                return
            self.prepare_points(order, channels)
            frames = [channel.point_bytes for channel in channels if channel.storage == "reference"]
            ring = stream.ring(self.label, max(frames), self.frame_memory()) if frames else None
            self._part = Participation(self, scan, order, ring)
            self.show(tango.DevState.RUNNING, f"{self.label}: in scan {scan.number}")
            self._part.start()


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
