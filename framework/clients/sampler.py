"""Sampling a Tango attribute over an exposure time: its mean, one of its values, or its integral."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from ronda.framework.clients.remote import MakeProxy, Remote
from ronda.framework.errors import BadValue

PERIOD = 0.005
"""Seconds from one reading to the next."""


class Sampler:
    """Reads one numeric scalar attribute of any Tango device.

    Attributes:
        attribute: `DOMAIN/FAMILY/MEMBER/ATTRIBUTE`, `ALIAS/ATTRIBUTE`, or the same with `tango://HOST:PORT/` before it.
        mode: one of `counter.MODES`.
    """

    def __init__(self, attribute: str, make_proxy: MakeProxy, tango_host: str = "", mode: str = "MEAN") -> None:
        """Nothing is connected yet.

        Args:
            attribute: which.
            make_proxy: makes clients of Tango devices.
            tango_host: `HOST:PORT` of the database that knows the device; that of TANGO_HOST if empty.
            mode: one of `counter.MODES`.
        """
        self.mode = mode
        self.attribute = attribute
        device, _, self._name = attribute.rpartition("/")
        full = f"tango://{tango_host}/{device}" if tango_host and "://" not in device else device
        self._remote = Remote(device, full, make_proxy)

    def read(self) -> float:
        """Its value now; NaN while the device has none.

        Raises:
            BadValue: it is not a number.
            CommunicationFailed, TimedOut, HardwareFault …: as the device says.
        """
        value = self._remote.read(self._name)
        if value is None:
            return math.nan
        try:
            return float(value)
        except (TypeError, ValueError) as error:
            raise BadValue(f"{self.attribute}: cannot be sampled, it is {value!r} and not a number") from error

    def unit(self) -> str:
        """Its unit as Tango tells it; empty for none."""
        unit = str(self._remote.attribute_configuration(self._name).unit)
        return "" if unit == "No unit" else unit


def sample_over(samplers: list[Sampler], duration: float, broken_off: Callable[[], bool]) -> list[float]:
    """What each attribute gives, by its mode, over the same time; each is read at least once.

    Readings without a value are left out; NaN if there is no other. `INTEGRATE` is the mean times the time from the
    first reading to the end, in s.

    Args:
        samplers: which attributes.
        duration: seconds.
        broken_off: asked between readings; when it says yes, the time ends early.
    """
    kept: list[_Readings] = [_Readings() for _ in samplers]
    begun = time.monotonic()
    end = begun + duration
    next_reading = time.monotonic()
    while True:
        for sampler, readings in zip(samplers, kept, strict=True):
            if sampler.mode != "SINGLE" or not readings.count:
                readings.add(sampler.read())
        next_reading = max(next_reading + PERIOD, time.monotonic())
        if next_reading >= end:
            break
        time.sleep(max(next_reading - time.monotonic(), 0.0))
        if broken_off():
            break
    left = end - time.monotonic()
    while left > 0 and not broken_off():
        time.sleep(min(left, 0.1))
        left = end - time.monotonic()
    took = duration if left <= 0 else time.monotonic() - begun
    return [readings.result(sampler.mode, took) for sampler, readings in zip(samplers, kept, strict=True)]


@dataclass
class _Readings:
    """What was read of one attribute."""

    count: int = 0
    total: float = 0.0
    last: float = math.nan

    def add(self, value: float) -> None:
        if not math.isnan(value):
            self.count += 1
            self.total += value
            self.last = value

    def result(self, mode: str, seconds: float) -> float:
        if not self.count or mode in ("SINGLE", "LAST"):
            return self.last
        mean = self.total / self.count
        return mean * seconds if mode == "INTEGRATE" else mean
