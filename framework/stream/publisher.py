"""The publisher of one device: takes points or blocks and brings them into the scan's stream."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import redis

from ronda.framework.errors import BadValue, RondaError
from ronda.framework.stream.answers import HeldBack, Hole, Replaced, ScanGone, ScanOver
from ronda.framework.stream.blocks import cut_values
from ronda.framework.stream.connection import Server
from ronda.framework.stream.description import LARGEST_POINT, Device
from ronda.framework.stream.encoding import Buffer
from ronda.framework.stream.keeper import Keeper, Turn
from ronda.framework.stream.sending import Sender, Waiting

if TYPE_CHECKING:
    from ronda.framework.stream.frames.publishing import FramesOut
    from ronda.framework.stream.frames.ring import FrameRing

CONFIRM_PERIOD = 1.0
"""Seconds between two looks whether Redis still has the last blocks of a publisher that is silent."""

RETRY_PERIOD = 0.2
"""Seconds between two attempts of the keeper to send what is pending."""


class Batch(NamedTuple):
    """When a fast publisher sends what it has gathered: whichever is reached first.

    Attributes:
        points: number of points.
        memory: bytes of their values.
        age: seconds since the first of them.
    """

    points: int = 1000
    memory: int = 256_000
    age: float = 0.1


class Publisher:
    """Publishes the points of one device, in order, each exactly once.

    Whatever error a method raises, `index` then says what is taken: points below it are in the stream or kept here and
    will be sent when that is possible again, the others can be published again. Safe for threads and greenlets.

    Args:
        batch: None sends each point or block at once, for step scans; a Batch gathers them, for fast acquisitions.
        wait: seconds for which publishing waits when the buffer is full before it raises HeldBack; None for as long as
            it takes. Step scans wait, free-running acquisitions do not (0).
        on_held: called about once a second during that wait with the error that would be raised; it may raise.
        ring: where the frames of channels stored by reference go that are given as arrays.

    Raises:
        BadValue: the ring is too small for a frame.
        ScanGone, ScanOver: the scan is not there, or the device's part in it has ended.
        CommunicationFailed: Redis does not answer.
    """

    def __init__(
        self,
        server: Server,
        keeper: Keeper,
        scan: str,
        device: Device,
        *,
        batch: Batch | None = None,
        wait: float | None = 0.0,
        on_held: Callable[[HeldBack], None] | None = None,
        ring: FrameRing | None = None,
    ) -> None:
        self.device = device
        self._keeper = keeper
        self._batch = batch
        self._wait = wait
        self._on_held = on_held
        self._turn = Turn()
        self._buffer = Buffer(device)
        self._sender = Sender(server, scan, device.name)
        point = sum(channel.point_bytes for channel in device.channels if channel.storage == "inline")
        room = LARGEST_POINT if batch is None else min(batch.memory, LARGEST_POINT)
        self._most_points = max(room // max(point, 1), 1)
        if batch is not None:
            self._most_points = min(self._most_points, batch.points)
        self._oldest = 0.0
        self._last_contact = clock.monotonic()
        self._asleep = True
        self._over: RondaError | None = None
        self._frames: FramesOut | None = None
        if ring is not None:
            from ronda.framework.stream.frames.publishing import FramesOut  # few devices have frames

            self._frames = FramesOut(server, scan, device, ring)

    @property
    def index(self) -> int:
        """Index of the next point."""
        return self._sender.end + self._buffer.count

    @property
    def pending(self) -> int:
        """Number of points taken that Redis does not have yet."""
        return self.index - self._sender.length

    def publish(
        self,
        values: Mapping[str, Any],
        *,
        time: float | None = None,
        pulse: int | None = None,
        index: int | None = None,
    ) -> int:
        """Publish one point and return its index.

        Args:
            values: by channel name: a number, or an array of the channel's shape; for a channel stored by reference
                that array or a PackedFrame, if there is a ring, or a FrameReference.
            time: when it was measured, seconds since 1970; now if None.
            pulse: external pulse id, for each point or for none.
            index: the index it must have.

        Raises:
            BadValue: the values do not fit the description, or `index` is not the next one.
            HeldBack: the buffer, or the ring, is full.
            Hole, Replaced, ScanOver, ScanGone: nothing can be published any more.
            CommunicationFailed: Redis does not answer.
        """
        with self._turn:
            self._check_index(index)
            self._send_pending()
            if self._frames is not None and self._frames.among(values):
                block = self._frames.one_point(values)
                self._publish_frames(
                    self._frames, block, None if time is None else [time], None if pulse is None else [pulse]
                )
                return self.index - 1
            self._buffer.add_point(values, clock.time() if time is None else time, pulse)
            point = self.index - 1
            self._send_when_due()
            return point

    def publish_block(
        self,
        arrays: Mapping[str, Any],
        *,
        times: Sequence[float] | np.ndarray[Any, Any] | None = None,
        pulses: Sequence[int] | np.ndarray[Any, Any] | None = None,
        first: int | None = None,
    ) -> int:
        """Publish consecutive points and return the index after the last.

        Args:
            arrays: by channel name an array of shape (count, *shape of a point); for a channel stored by reference
                that array or a list of frames, packed or not, if there is a ring, or a list of FrameReference.
            times: when each was measured, seconds since 1970; now if None.
            pulses: external pulse id of each, for each block or for none.
            first: the index that the first must have.

        Raises:
            as `publish`.
        """
        with self._turn:
            self._check_index(first)
            if self._frames is not None and self._frames.among(arrays):
                self._publish_frames(self._frames, arrays, times, pulses)
                return self.index
            count, checked = self._buffer.check_block(arrays)
            when, ids = self._clocks(count, times, pulses)
            self._send_pending()
            whole = any(isinstance(values, list) for values in checked.values())  # references are not cut
            start = 0
            while start < count:
                stop = count if whole else min(start + self._most_points - self._buffer.count, count)
                part = {name: values if whole else values[start:stop] for name, values in checked.items()}
                self._buffer.add_block(stop - start, part, when[start:stop], None if ids is None else ids[start:stop])
                self._send_when_due()
                start = stop
            return self.index

    def flush(self) -> None:
        """Send what is gathered.

        Raises:
            as `publish`.
        """
        with self._turn:
            self._send()

    def seal(self, length: int | None = None) -> None:
        """Send what is gathered and publish that nothing more comes.

        Args:
            length: how many points there must be in all.

        Raises:
            as `publish`.
        """
        with self._turn:
            if length is not None and length != self.index:
                raise BadValue(
                    f"{self.device.name}: cannot be sealed with {length} points, it has published {self.index}"
                )
            self._send()
            self._guard(lambda: self._sender.finish("sealed", ""))
            self._wake_keeper()

    def fail(self, sentence: str) -> None:
        """Publish that the device has failed and why; what is gathered is sent before if possible.

        Raises:
            Replaced, ScanOver, ScanGone: nothing can be published any more.
            CommunicationFailed: Redis does not answer.
        """
        with self._turn:
            with suppress(HeldBack):
                self._send()
            self._guard(lambda: self._sender.give_up(sentence))

    def confirm(self) -> None:
        """Ask Redis what it has and send again what it lost; the keeper does so for some seconds after each block.

        Raises:
            as `publish`.
        """
        with self._turn:
            self._guard(self._sender.confirm)

    def due(self) -> float | None:
        """When the keeper should tend this publisher."""
        self._asleep = True  # before looking, so that a point that comes now wakes the keeper
        moments = []
        if self._buffer.count and self._batch is not None:
            moments.append(self._oldest + self._batch.age)
        if self._sender.pending:
            moments.append(self._last_contact + RETRY_PERIOD)
        elif self._sender.keeps:
            moments.append(self._last_contact + CONFIRM_PERIOD)
        if not moments:
            return None
        self._asleep = False
        return min(moments)

    def tend(self) -> None:
        """What the keeper does: flush an aged batch, send what is pending, confirm what was sent."""
        if not self._turn.try_enter():
            return  # whoever is inside does the same
        try:
            if self._batch is not None and self._buffer.count and clock.monotonic() >= self._oldest + self._batch.age:
                self._sender.add(self._buffer.count, self._buffer.take())
            self._guard(lambda: self._sender.confirm(patient=False))
        except (RondaError, redis.RedisError, OSError):
            pass  # whoever publishes, flushes or seals next gets this error
        finally:
            self._last_contact = clock.monotonic()
            self._turn.leave()

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.seal()
        else:
            with suppress(RondaError):
                self.fail(str(error) or type(error).__name__)

    def _check_index(self, index: int | None) -> None:
        if index is not None and index != self.index:
            told = "is already published" if index < self.index else f"would leave out {self.index} to {index - 1}"
            raise BadValue(f"{self.device.name}: point {index} {told}; the next index is {self.index}")

    def _clocks(self, count: int, times: Any, pulses: Any) -> tuple[Any, Any]:
        """Times and pulse ids of a block, as arrays."""
        when: Any = np.full(count, clock.time()) if times is None else np.asarray(times, "<f8")
        ids: Any = None if pulses is None else np.asarray(pulses, "<u8")
        if len(when) != count or (ids is not None and len(ids) != count):
            raise BadValue(f"{self.device.name}: a block of {count} points needs as many times and pulse ids")
        return when, ids

    def _publish_frames(self, out: FramesOut, arrays: Mapping[str, Any], times: Any, pulses: Any) -> None:
        """Publish a block with frames: they go into the ring as it has room for them, the block refers to them."""
        frames = out.check(out.among(arrays))
        count, checked = self._buffer.check_block({**arrays, **out.place_holders(frames)})
        when, ids = self._clocks(count, times, pulses)
        self._send_pending()
        start = 0
        waiting: Waiting | None = None
        while start < count:
            stored = out.store(frames, start, self.index)
            if not isinstance(stored, dict):
                self._send()  # those whom we wait for must get all there is
                self._guard(self._sender.confirm)  # and the scan may be over
                waiting = waiting or Waiting(self._wait, self._on_held)
                waiting.step(stored)
                continue
            if waiting is not None:
                waiting.go_on()
            stop = start + sum(reference.count for reference in next(iter(stored.values())))
            part = {name: stored.get(name) or cut_values(values, start, stop) for name, values in checked.items()}
            self._buffer.add_block(stop - start, part, when[start:stop], None if ids is None else ids[start:stop])
            self._send_when_due()
            start = stop

    def _send_pending(self) -> None:
        if self._over is not None:
            raise self._over
        if self._sender.pending:
            self._push()

    def _send_when_due(self) -> None:
        batch, buffer = self._batch, self._buffer
        if batch is None or buffer.count >= self._most_points or buffer.size >= batch.memory:
            self._send()
            return
        now = clock.monotonic()
        if self._oldest == 0.0:
            self._oldest = now
            self._asleep = False
            self._keeper.look_after(self)
        elif now >= self._oldest + batch.age:
            self._send()

    def _send(self) -> None:
        if self._buffer.count:
            self._sender.add(self._buffer.count, self._buffer.take())
            self._oldest = 0.0
        try:
            self._send_pending()
        except HeldBack:
            if self._batch is None and self._sender.pending:
                self._sender.withdraw()
            raise
        finally:
            self._wake_keeper()

    def _push(self) -> None:
        self._guard(lambda: self._sender.push(wait=self._wait, on_held=self._on_held))
        self._last_contact = clock.monotonic()

    def _wake_keeper(self) -> None:
        if self._asleep:
            self._asleep = False
            self._keeper.look_after(self)

    def _guard(self, action: Callable[[], None]) -> None:
        """Do it; after an error that is for good nothing is kept, and if points are lost everybody must know."""
        if self._over is not None:
            raise self._over
        try:
            action()
        except (Hole, Replaced, ScanOver, ScanGone) as error:
            self._over = error
            self._buffer = Buffer(self.device)
            self._sender.forget()
            if isinstance(error, Hole):
                with suppress(RondaError, redis.RedisError, OSError):
                    self._sender.give_up(str(error), patient=False)
            raise
