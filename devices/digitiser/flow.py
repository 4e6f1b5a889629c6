"""The thread that takes what a digitiser sends: it sums, remembers what was latest, and hands all to a recorder."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import structlog
import tango

from ronda.devices.digitiser.sums import Intervals, Sums, Unwrapping, Whole
from ronda.framework.errors import CommunicationFailed, HardwareFault, RondaError

if TYPE_CHECKING:
    from ronda.devices.digitiser.contract import Digitiser, Packet

SLICE = 0.1
"""Longest wait for a packet, in s."""

REMEMBERED = 1.0
"""Seconds of samples that are remembered, for points that have begun before they are asked for."""

END_LIMIT = 10.0
"""Seconds after a stop within which the last samples are here."""


class Recorder(Protocol):
    """Takes all samples of a series, in order; used in one thread."""

    def begins(self, time: float) -> None:
        """Sample 0 is taken at this time, in s since 1970; told before the first samples are given."""

    def take(self, samples: npt.NDArray[np.int16], values: Whole) -> None:
        """The next samples (n, all channels), and the values (n, channels) of those that are summed."""

    def miss(self, count: int) -> None:
        """So many samples were lost."""

    def finish(self) -> None:
        """Nothing more comes: publish what is there."""


class _Part(NamedTuple):
    first: int
    length: int
    values: Whole | None


class Flow:
    """One series of samples, from its start to its end.

    Args:
        label: name of the digitiser.
        driver: which has just started.
        rate: samples in a second.
        unwrapping: the channels to be summed.
        channels: how many these are.
        recorders: where all samples go.
        failed: told why nothing more comes, unless it has ended; in its own thread.

    Attributes:
        total: sums over all samples so far.
        intervals: sums between triggers.
        position: number of the next sample.
        failure: why nothing more comes; None as long as something may.
    """

    def __init__(
        self,
        label: str,
        driver: Digitiser,
        rate: float,
        unwrapping: Unwrapping,
        channels: int,
        recorders: Sequence[Recorder],
        failed: Callable[[RondaError], None],
    ) -> None:
        self.total = Sums(np.zeros(channels, np.int64))
        self.intervals = Intervals(channels, rate)
        self.position = 0
        self.failure: RondaError | None = None
        self._nothing = self.total
        self._label = label
        self._driver = driver
        self._remembered: deque[_Part] = deque()
        self._most = int(REMEMBERED * rate)
        self._unwrapping = unwrapping
        self._recorders = recorders
        self._failed = failed
        self._changed = threading.Condition()
        self._deadline = float("inf")
        self._ended = False
        self._log = structlog.get_logger().bind(device=label)
        self._thread = threading.Thread(target=self._run, name=f"samples of {label}", daemon=True)
        self._thread.start()

    def window(self, first: int, count: int, given_up: Callable[[], bool], limit: float) -> Sums | None:
        """Sums over some samples, as soon as they are here; None if nobody wants them any more.

        Args:
            first: number of the first one.
            count: how many.
            given_up: whether nobody wants them any more.
            limit: seconds without any sample after which they are taken not to come.

        Raises:
            HardwareFault: they do not come, or were forgotten.
            RondaError: why nothing more comes.
        """
        found, place, last = self._nothing, first, first + count
        until = time.monotonic() + limit
        with self._changed:
            while True:
                before = place
                for part in self._remembered:
                    if place >= last:
                        return found
                    begin, end = place - part.first, min(last - part.first, part.length)
                    if begin < 0:
                        raise HardwareFault(f"{self._label}: the samples from {place} on are no longer remembered")
                    if begin < end:
                        found, place = found + _sums(part, begin, end, self._nothing), part.first + end
                if place >= last:
                    return found
                if given_up():
                    return None
                if self.failure is not None:
                    raise self.failure
                if self._ended:
                    raise HardwareFault(f"{self._label}: ended after {self.position} samples, before sample {last}")
                now = time.monotonic()
                until = now + limit if place > before else until
                if now > until:
                    raise HardwareFault(f"{self._label}: gave no sample for {limit:g} s")
                self._changed.wait(SLICE)

    def wait_for(self, taken: int, limit: float) -> None:
        """Wait until so many samples are here, or so long (s), or nothing more comes.

        Raises:
            RondaError: why nothing more comes.
        """
        deadline = time.monotonic() + limit
        with self._changed:
            while self.position < taken and not self._ended and time.monotonic() < deadline:
                if self.failure is not None:
                    raise self.failure
                self._changed.wait(SLICE)

    def rows(self, first: int) -> tuple[int, np.ndarray[tuple[int, int], np.dtype[np.float64]]]:
        """Triggers received so far, and what `Intervals.rows` tells."""
        with self._changed:
            return self.intervals.received, self.intervals.rows(first)

    @property
    def running(self) -> bool:
        """Whether samples are still taken, or saved."""
        return self._thread.is_alive()

    def finish(self, held: float = END_LIMIT) -> bool:
        """The digitiser was stopped: take its last samples, and end; whether it has ended in time.

        Args:
            held: seconds for which the recorder may be held back.
        """
        self._deadline = time.monotonic() + END_LIMIT
        if threading.current_thread() is not self._thread:
            self._thread.join(END_LIMIT + held)
        return not self._thread.is_alive()

    # -- its own thread

    def _run(self) -> None:
        with tango.EnsureOmniThread():
            try:
                self._take_packets()
                for recorder in self._recorders:
                    recorder.finish()
            except RondaError as error:
                self._fail(error)
            except Exception as error:  # noqa: BLE001 - the scan must hear of it, whatever it is
                self._log.exception("taking samples failed")
                self._fail(HardwareFault(f"{self._label}: failed by a mistake of ours ({error!r})"))
            finally:
                with self._changed:
                    self._ended = True
                    self._changed.notify_all()

    def _take_packets(self) -> None:
        while not self._ended:
            packet = self._driver.receive(SLICE)
            if packet is not None:
                self._take(packet)
            elif time.monotonic() > self._deadline:
                raise CommunicationFailed(f"{self._label}: did not say how many samples it took")

    def _take(self, packet: Packet) -> None:
        count = len(packet.samples)
        lost = packet.first - self.position if count or packet.ended else 0
        if lost < 0:
            raise CommunicationFailed(
                f"{self._label}: sent sample {packet.first} though {self.position} was the next one"
            )
        if lost:
            self._log.warning(f"{lost} samples from {self.position} on were lost")
            self._add(lost, None)
            for recorder in self._recorders:
                recorder.miss(lost)
        if count:
            values = self._unwrapping.values(packet.samples)
            self._add(count, values)
            for recorder in self._recorders:
                recorder.take(packet.samples, values)
        with self._changed:
            if len(packet.triggers):
                self.intervals.trigger(packet.triggers.tolist())
            self._ended = packet.ended
            self._changed.notify_all()

    def _add(self, count: int, values: Whole | None) -> None:
        part = _Part(self.position, count, values)
        whole = _sums(part, 0, count, self._nothing)
        with self._changed:
            self.intervals.add(count, values)
            self.total = self.total + whole
            self._remembered.append(part)
            self.position += count
            while self._remembered[0].first + self._remembered[0].length < self.position - self._most:
                self._remembered.popleft()

    def _fail(self, error: RondaError) -> None:
        with self._changed:
            self.failure = error
            self._changed.notify_all()
        self._log.error(str(error))
        self._failed(error)


def _sums(part: _Part, begin: int, end: int, nothing: Sums) -> Sums:
    if part.values is None:
        return Sums(nothing.sums, 0, end - begin)
    return Sums(part.values[begin:end].sum(axis=0), end - begin)
