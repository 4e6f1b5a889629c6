"""The Tango device that measures attributes of any Tango devices in scans."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import tango

from ronda.devices.acquisition import AcquiringDevice
from ronda.devices.sampling.parameters import SamplingParameters
from ronda.framework.clients.counter import MODES, WIDE
from ronda.framework.clients.part import EVERY
from ronda.framework.clients.sampler import NUMBERS, Readings, Sampler, sample_over
from ronda.framework.config.parameters import Parameters
from ronda.framework.errors import BadValue, NotReady, TimedOut
from ronda.framework.scan.orders import Order
from ronda.framework.stream.description import Channel

ANSWER_LIMIT = 3.5
"""Seconds that an attribute may keep a point waiting after its exposure."""

JOIN_LIMIT = 2.0
"""Seconds within which all attributes must have answered when a scan begins."""


class SamplingDevice(AcquiringDevice):
    """Measures any attribute of any Tango device over the exposure time of each point.

    Each attribute is read in a thread of its own, so a slow one does not thin out the others. All channels of one
    attribute tell of the same readings.
    """

    exposures_vary = True

    # -- life

    def model(self, _: Mapping[str, object]) -> type[Parameters]:
        """Its counters."""
        return SamplingParameters

    def opened(self) -> None:
        """Ready at once: there is no instrument."""
        self._broken_off = threading.Event()
        self._readers: dict[str, _Reader] = {}
        self._channels: dict[str, _Sampled] = {}
        self.show(tango.DevState.ON, f"{self.label}: ready")

    def closing(self) -> None:
        """Leave a scan."""
        self.leave_scan(f"{self.label}: was initialised anew")

    # -- scans

    def prepare_points(self, order: Order, channels: Sequence[Channel]) -> None:  # noqa: ARG002 - any time will do
        """Reach each attribute, and see that it is a number."""
        self._broken_off.clear()
        self._close_readers()
        self._channels = {}
        for channel in channels:
            address = str(channel.attributes.get("attribute", ""))
            if not address:
                raise BadValue(f"{self.label}: the channel {channel.name} does not say which attribute it reads")
            mode = str(channel.attributes.get("mode", "MEAN"))
            if mode not in NUMBERS and not (mode in WIDE and len(channel.shape) == 1):
                raise BadValue(
                    f"{self.label}: {channel.name} cannot be sampled in the mode {mode}; give {', '.join(MODES)}"
                )
            self._channels[channel.name] = _Sampled(address, mode, channel.shape, int(channel.attributes.get(EVERY, 1)))
        once: dict[str, bool] = {}
        for one in self._channels.values():
            once[one.address] = once.get(one.address, True) and one.mode == "SINGLE"
        self._readers = {address: _Reader(address, once=only) for address, only in once.items()}
        deadline = time.monotonic() + JOIN_LIMIT
        for address, first in self._begin(0.0, self._readers).items():
            self._result(address, first, deadline - time.monotonic(), "when the scan began")

    def measure(self, order: Order, index: int) -> dict[str, Any]:
        """Measure one point."""
        deadline = time.monotonic() + order.exposure + ANSWER_LIMIT
        due = {name: one for name, one in self._channels.items() if order.point % one.every == 0}
        addresses = {one.address for one in due.values()}
        readings = {
            address: self._result(address, future, deadline - time.monotonic(), f"at point {index}")
            for address, future in self._begin(order.exposure, addresses).items()
        }
        return {name: one.value(readings[one.address]) for name, one in due.items()}

    def break_off(self) -> None:
        """Read no more."""
        self._broken_off.set()

    def scan_left(self) -> None:
        """Let the threads go."""
        self._close_readers()
        self.show(tango.DevState.ON, f"{self.label}: ready")

    def _begin(self, seconds: float, addresses: Collection[str]) -> dict[str, Future[Readings]]:
        return {address: self._readers[address].begin(seconds, self._broken_off) for address in addresses}

    def _result(self, address: str, future: Future[Readings], limit: float, when: str) -> Readings:
        try:
            return future.result(max(limit, 0.0))
        except TimeoutError as error:
            raise TimedOut(f"{self.label}: {address} did not answer in time {when}") from error

    def _close_readers(self) -> None:
        for reader in self._readers.values():
            reader.close()
        self._readers = {}


class _Sampled(NamedTuple):
    """What a channel tells of the readings of an attribute."""

    address: str
    mode: str
    shape: tuple[int, ...]
    every: int

    def value(self, readings: Readings) -> Any:
        return readings.array(self.mode, *self.shape) if self.mode in WIDE else readings.number(self.mode)


class _Reader:
    """Reads one attribute, in one thread: a Tango client belongs to the thread that made it."""

    def __init__(self, address: str, *, once: bool) -> None:
        self.address = address
        self._once = once
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"sampling {address}")
        self._sampler: Sampler | None = None

    def begin(self, duration: float, broken_off: threading.Event) -> Future[Readings]:
        """Sample over `duration` seconds, from now on."""
        try:
            return self._thread.submit(self._sample, duration, broken_off)
        except RuntimeError as error:
            raise NotReady(f"{self.address}: is not sampled any more") from error

    def close(self) -> None:
        """Take no more; a read that hangs is left to itself."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _sample(self, duration: float, broken_off: threading.Event) -> Readings:
        with tango.EnsureOmniThread():
            if self._sampler is None:
                self._sampler = Sampler(self.address, tango.DeviceProxy, once=self._once)
            return sample_over([self._sampler], duration, broken_off.is_set)[0]
