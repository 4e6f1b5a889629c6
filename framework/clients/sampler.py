"""Sampling a Tango attribute over an exposure time: its mean, one of its values, statistics, or all of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.clients.remote import MakeProxy, Remote
from ronda.framework.errors import BadValue, OutOfRange

PERIOD = 0.005
"""Seconds from one reading to the next."""

MOST_SAMPLES = 20_000
"""Readings of a point that can be kept, each; that is 100 s."""


def width(exposure: float) -> int:
    """How many readings an exposure time can have at most.

    Args:
        exposure: in s.

    Raises:
        OutOfRange: they are too many to be kept.
    """
    number = max(math.ceil(round(exposure / PERIOD, 6)), 1)
    if number > MOST_SAMPLES:
        raise OutOfRange(
            f"all samples of {exposure:g} s cannot be kept: at most {MOST_SAMPLES}, one each {PERIOD:g} s, "
            f"thus {MOST_SAMPLES * PERIOD:g} s; measure shorter, or with the mode STATS"
        )
    return number


class Sampler:
    """Reads one numeric scalar attribute of any Tango device.

    Attributes:
        attribute: `DOMAIN/FAMILY/MEMBER/ATTRIBUTE`, `ALIAS/ATTRIBUTE`, or the same with `tango://HOST:PORT/` before it.
        once: whether the first reading is all that is asked for.
    """

    def __init__(self, attribute: str, make_proxy: MakeProxy, tango_host: str = "", *, once: bool = False) -> None:
        """Nothing is connected yet.

        Args:
            attribute: which.
            make_proxy: makes clients of Tango devices.
            tango_host: `HOST:PORT` of the database that knows the device; that of TANGO_HOST if empty.
            once: whether the first reading is all that is asked for.
        """
        self.once = once
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


def sample_over(samplers: list[Sampler], duration: float, broken_off: Callable[[], bool]) -> list[Readings]:
    """What was read of each attribute over the same time; each is read at least once.

    Args:
        samplers: which attributes.
        duration: seconds.
        broken_off: asked between readings; when it says yes, the time ends early.
    """
    kept = [Readings() for _ in samplers]
    begun = time.monotonic()
    end = begun + duration
    next_reading = time.monotonic()
    while True:
        for sampler, readings in zip(samplers, kept, strict=True):
            if not sampler.once or not readings.values:
                readings.add(sampler.read(), time.monotonic() - begun)
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
    for readings in kept:
        readings.seconds = took
    return kept


@dataclass
class Readings:
    """What was read of one attribute in one exposure time. Readings without a value are left out.

    Attributes:
        values: in their order.
        times: when each was there, in s from the begin of the exposure.
        seconds: for which it was read.
    """

    values: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, value: float, when: float) -> None:
        """Keep one more."""
        if not math.isnan(value):
            self.values.append(value)
            self.times.append(when)

    def number(self, mode: str) -> float:
        """What a mode makes of them, if that is a number: NaN if there are none.

        Args:
            mode: `MEAN SINGLE LAST INTEGRATE MIN MAX STD P2P`; see `counter.STATISTICS`.
        """
        return NUMBERS[mode](self) if self.values else math.nan

    def array(self, mode: str, length: int) -> npt.NDArray[np.float64]:
        """All of them, or their times in s from the first, with NaN behind the last.

        Args:
            mode: `ALL` or `TIMES`.
            length: of the array; later ones are left out.
        """
        told = np.full(length, np.nan)
        kept = self.values if mode == "ALL" else [when - self.times[0] for when in self.times]
        told[: len(kept)] = kept[:length]
        return told


NUMBERS: dict[str, Callable[[Readings], Any]] = {
    "MEAN": lambda readings: math.fsum(readings.values) / len(readings.values),
    "SINGLE": lambda readings: readings.values[0],
    "LAST": lambda readings: readings.values[-1],
    "INTEGRATE": lambda readings: math.fsum(readings.values) / len(readings.values) * readings.seconds,
    "MIN": lambda readings: min(readings.values),
    "MAX": lambda readings: max(readings.values),
    "STD": lambda readings: float(np.std(readings.values)),
    "P2P": lambda readings: max(readings.values) - min(readings.values),
}
"""What each mode that gives a number makes of the readings of a point; there is at least one."""
