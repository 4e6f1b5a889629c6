"""Reads what an input is made of: attributes of Tango devices, axes, counters, and a formula or table over them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

import numpy as np
import tango

from ronda.devices.regulation.contract import Reading
from ronda.devices.regulation.input_parameters import RegulationInputParameters
from ronda.devices.regulation.sensor import Sensor
from ronda.devices.regulation.source_parameters import ATTRIBUTE, SourceKeys
from ronda.devices.worker import Worker
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import BadValue, RondaError, TimedOut
from ronda.framework.expression import Expression
from ronda.framework.tango.names import (
    AxisAttribute,
    CounterCardAttribute,
    CounterCardCommand,
    DetectorAttribute,
    channel_attribute,
)

ANSWER_LIMIT = 3.5
"""Seconds that a loop waits for a value; Tango clients give up after 3."""

LOOK_PERIOD = 0.002
"""Seconds between two looks whether a counter has measured."""


class ExternalSource:
    """Measures in a thread of its own, for a Tango client belongs to the thread that made it."""

    def __init__(self, name: str, parameters: Any, take: Callable[[Reading], None]) -> None:
        """Begins with `start`.

        Args:
            name: of the input.
            parameters: its keys.
            take: told each reading.
        """
        self.name = name
        self._parameters: RegulationInputParameters = parameters
        self._take = take
        self._readers = {key: _reader(source, parameters) for key, source in parameters.sources().items()}
        self._formula = Expression(parameters.formula) if parameters.formula is not None else None
        self._sensor: Sensor | None = None
        self._cold: Callable[[], float] | None = None
        if parameters.sensor is not None and parameters.sensor.cold_junction_from is not None:
            self._cold = _reader(parameters.sensor.cold_junction_from, parameters)
        self._worker = Worker(name, self._poll)
        self._measured_at = -math.inf

    def measure(self) -> Reading:
        """What it measures now; called by loops."""
        future = self._worker.submit(self._measure)
        try:
            return future.result(ANSWER_LIMIT)
        except (TimeoutError, CancelledError):
            future.cancel()
            return Reading(math.nan, f"{self.name}: did not answer within {ANSWER_LIMIT:g} s")

    # -- what the process asks for

    def start(self) -> None:
        """Begin to look now and then."""
        self._worker.start()

    def check(self) -> None:
        """Tell of a read that hangs."""
        if self._worker.busy_for() > ANSWER_LIMIT:
            self._take(Reading(math.nan, f"what it reads has not answered for {self._worker.busy_for():.0f} s"))

    def halt(self) -> None:
        """Nothing is to be ended."""

    def at_rest(self) -> bool:
        """Nothing is to be ended."""
        return True

    def close(self) -> None:
        """End."""
        self._worker.close(0.5)

    # -- in the thread

    def _poll(self) -> float:
        period = self._parameters.poll_period
        left = self._measured_at + period - time.monotonic()
        if left <= 0:
            self._measure()
            left = period
        return left

    def _measure(self) -> Reading:
        try:
            reading = Reading(self._converted({name: read() for name, read in self._readers.items()}))
            if math.isnan(reading.value):
                reading = Reading(math.nan, "what it reads has no value")
        except RondaError as error:
            reading = Reading(math.nan, str(error))
        self._measured_at = time.monotonic()
        self._take(reading)
        return reading

    def _converted(self, values: dict[str, float]) -> float:
        value = values["x"] if self._formula is None else float(self._formula(values))
        if self._parameters.sensor is not None:
            if self._sensor is None:
                self._sensor = Sensor(self._parameters.sensor, self._parameters.unit)
            return self._sensor(value, None if self._cold is None else self._cold())
        if self._parameters.table is not None and not math.isnan(value):
            read, meant = zip(*self._parameters.table, strict=True)
            if not read[0] <= value <= read[-1]:
                raise BadValue(f"{value:g} is outside the table, which goes from {read[0]:g} to {read[-1]:g}")
            return float(np.interp(value, read, meant))
        return value


def _reader(source: SourceKeys, parameters: Any) -> Callable[[], float]:
    if source.counter is not None:
        return _Counted(source.counter, parameters)
    return AttributeReader(f"{source.axis}/{AxisAttribute.POSITION}" if source.axis else str(source.attribute))


class AttributeReader:
    """Reads an attribute, or one number of a spectrum. Belongs to one thread."""

    def __init__(self, address: str) -> None:
        match = ATTRIBUTE.fullmatch(address)
        if match is None:
            raise BadValue(f"{address} is no attribute")
        self.address = address
        self.attribute = match["name"]
        self.index = None if match["index"] is None else int(match["index"])
        self.remote = Remote(match["device"], match["device"], tango.DeviceProxy)

    def __call__(self) -> float:
        """Its value; NaN for none."""
        value = self.remote.read(self.attribute)
        if value is None:
            return math.nan
        try:
            return float(value if self.index is None else value[self.index])
        except (TypeError, ValueError, IndexError) as error:
            raise BadValue(f"{self.address}: is {str(value)[:60]}, which gives no number") from error


class _Counted:
    """Lets a device measure a counter, if it is free; else what it measured last counts."""

    def __init__(self, counter: str, parameters: Any) -> None:
        device, _, self._counter = counter.partition("/")
        self._remote = Remote(device, device, tango.DeviceProxy)
        self._parameters = parameters
        self._spectrum: bool | None = None

    def __call__(self) -> float:
        if self._remote.state() == "ON":
            duration = self._parameters.integration_time
            if self._remote.read(CounterCardAttribute.INTEGRATION_TIME) != duration:
                self._remote.write(CounterCardAttribute.INTEGRATION_TIME, duration)
            self._remote.command(CounterCardCommand.START)
            deadline = time.monotonic() + duration + ANSWER_LIMIT
            time.sleep(duration)
            while self._remote.state() == "RUNNING":
                if time.monotonic() > deadline:
                    raise TimedOut(f"{self._remote.name}: still measures after {duration:g} s")
                time.sleep(LOOK_PERIOD)
        if self._spectrum is None:
            has = {str(name).lower() for name in self._remote.proxy.get_attribute_list()}
            self._spectrum = DetectorAttribute.COUNTER_NAMES.lower() in has
        if not self._spectrum:
            value = self._remote.read(channel_attribute(self._counter))
            return math.nan if value is None else float(value)
        names, values = self._remote.read_many([DetectorAttribute.COUNTER_NAMES, DetectorAttribute.COUNTER_VALUES])
        if values is None:
            return math.nan
        found = dict(zip(names or (), values, strict=False))
        if self._counter not in found:
            raise BadValue(f"{self._remote.name}: does not measure {self._counter}; it measures {', '.join(found)}")
        return float(found[self._counter])
