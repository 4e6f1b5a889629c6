"""What the Tango devices of cameras, spectrum analysers and digitisers share: measuring, and numbers computed of it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import tango

from ronda.devices.detector_kind import DetectorKind
from ronda.devices.device import attribute, command
from ronda.devices.link import Link
from ronda.devices.measurement import Measurement
from ronda.framework.config.kinds import load_driver
from ronda.framework.config.parameters import Parameters
from ronda.framework.errors import BadValue, Busy, HardwareFault, NotReady, OutOfRange, RondaError
from ronda.framework.scan.orders import Order
from ronda.framework.stream.description import Channel
from ronda.framework.tango.names import DetectorAttribute, DetectorCommand

LOOK_PERIOD = 0.1
"""Seconds between two looks at a detector that measures for long."""

LATE_PERIOD = 0.001
"""Seconds between two looks once it should have ended."""

LATE_LIMIT = 5.0
"""Seconds after exposure and read-out after which a detector that has not ended is taken for broken."""

MOST_COUNTERS = 4096

Reading = tuple[Any, float, tango.AttrQuality]


class DetectorDevice(DetectorKind):
    """An integration time, Start, and the numbers of the latest measurement."""

    # -- life

    def model(self, configuration: Mapping[str, Any]) -> type[Parameters]:
        """The driver's keys."""
        found: type[Parameters] = self._driver_class(configuration).Parameters
        return found

    def opened(self) -> None:
        """Make the driver and let it connect."""
        self._known = None
        self._time: float = self.parameters.integration_time
        self._measurement: Measurement | None = None
        self._when = time.time()
        self._measuring = False
        self._should_end = 0.0
        self._stops = 0
        self._halt: Future[None] | None = None
        self._broken_off = threading.Event()
        self._scan_names: dict[str, str] = {}
        self._prepared = 0.0
        self._driver: Any = self._driver_class(self.configuration)(self.label, self.parameters)
        self._link = Link(self._driver, self)
        self.show(tango.DevState.UNKNOWN, f"{self.label}: connecting")
        self.process.open(self._link)

    def closing(self) -> None:
        """Let go of the driver."""
        self.leave_scan(f"{self.label}: was initialised anew")
        self.process.close(self._link)

    def settings_changed(self) -> None:
        """Go by changed settings."""
        self._driver.parameters = self.parameters
        self._link.poll_within(0.0)

    def remarks(self) -> list[str]:
        """What else is to be said in Status."""
        return [sentence for sentence in (self._link.silence(),) if sentence]

    # -- what the link asks for

    def connected(self) -> None:
        """The detector answers."""
        self.learn()

    def poll(self) -> float:
        """Look at the detector; returns the seconds until the next look."""
        if self.in_scan:
            return LOOK_PERIOD
        idle = float(self.parameters.idle_poll_period)
        if self._driver.busy():
            if not self._measuring:
                self._begin(0.0)  # somebody else started it, or an earlier life of ours
            left = self._should_end - time.monotonic()
            return min(max(left, LATE_PERIOD), LOOK_PERIOD) if left > -1.0 else LOOK_PERIOD
        if self._measuring:
            self._take(self.evaluate(self.fetch(), None))
            self._measuring = False
        self.show(tango.DevState.ON, f"{self.label}: ready")
        return idle

    def lost(self, error: RondaError) -> None:
        """The detector does not answer: what it measured is unknown."""
        self._measurement, self._measuring = None, False
        waiting = isinstance(error, NotReady)
        self.show(tango.DevState.UNKNOWN if waiting else tango.DevState.FAULT, f"{error}; trying again")

    def halt(self) -> None:
        """End what it measures, the server ends."""
        self._stops += 1
        self.leave_scan(f"{self.label}: its server was stopped", wait=False)
        if self._measuring or self.in_scan:
            self._halt = self._link.submit(self._driver.stop, urgent=True)

    def at_rest(self) -> bool:
        """Whether it measures nothing."""
        return not self.in_scan and (self._halt is None or self._halt.done())

    # -- attributes

    @attribute(name=DetectorAttribute.INTEGRATION_TIME, dtype=float, unit="s", format="%.6g")
    def integration_time(self) -> float:
        """How long the next measurement takes."""
        return self._time

    @integration_time.write
    def write_integration_time(self, value: float) -> None:
        """Set the length of the next measurement."""
        self._check_time(value)
        self._time = value
        self.publish(DetectorAttribute.INTEGRATION_TIME, value)

    @attribute(name=DetectorAttribute.ELAPSED_TIME, dtype=float, unit="s", format="%.6f")
    def elapsed_time(self) -> Reading:
        """How long the latest measurement took."""
        return self.shown(lambda found: found.elapsed, 0.0)

    @attribute(name=DetectorAttribute.COUNTER_NAMES, dtype=(str,), max_dim_x=MOST_COUNTERS, events=False)
    def counter_names(self) -> list[str]:
        """Names of the numbers that it measures, in the order of CounterValues."""
        return self._numbers()

    @attribute(name=DetectorAttribute.COUNTER_VALUES, dtype=(float,), max_dim_x=MOST_COUNTERS)
    def counter_values(self) -> Reading:
        """The numbers of the latest measurement; NaN for a region that was added after it."""
        return self.shown(self._values, np.full(len(self._numbers()), np.nan))

    # -- commands

    @command(DetectorCommand.START)
    def start(self) -> None:
        """Measure for the integration time; returns when it has begun, with State RUNNING."""
        stops, duration = self._stops, self._time
        self._check_time(duration)
        self.check_settings()

        def begin() -> None:
            if self.in_scan:
                raise Busy(f"{self.label}: cannot start: it takes part in a scan; stop that first")
            if self._measuring:
                raise Busy(f"{self.label}: cannot start: it is measuring; stop it first")
            if self._stops != stops:
                raise NotReady(f"{self.label}: was stopped before it began to measure")
            self.set_up(duration)
            self.begin()
            self._begin(duration + self.read_out_time())
            self._link.poll_within(min(duration, LOOK_PERIOD))

        self.wait(lambda: self._link.run(self.label, "start", begin))

    @command(DetectorCommand.STOP)
    def stop(self) -> None:
        """End the measurement now. A scan that the detector takes part in fails."""
        self._stops += 1
        if self.in_scan:
            self.wait(lambda: self.leave_scan(f"{self.label}: was stopped by a client"))

        def stop() -> None:
            if self._measuring:
                self._driver.stop()
                self._measuring = False
                self.stopped()
            self._link.poll_within(0.0)

        self.wait(lambda: self._link.run_first(self.label, "stop", stop))

    def stopped(self) -> None:
        """A measurement was ended before its time. In the worker's thread."""

    @command(DetectorCommand.ABORT)
    def abort(self) -> None:
        """The same as Stop."""
        self.stop()

    @command(
        DetectorCommand.DESCRIBE_SCAN,
        dtype_in=str,
        doc_in="JSON: exposure in s; channels, names in the scan by own name; triggered, whether by hardware; line, "
        "over which an axis sweeps, or null",
        dtype_out=str,
        doc_out="JSON: channels and attributes for the description in the stream, and sources beside it",
    )
    def describe_scan(self, text: str) -> str:
        """What it would publish in a scan; refused if it cannot measure so."""
        try:
            told = json.loads(text)
            exposure, names = float(told["exposure"]), dict(told["channels"])
            triggered = bool(told.get("triggered"))
        except (ValueError, KeyError, TypeError) as error:
            raise BadValue(
                f"{self.label}: DescribeScan takes JSON with exposure and channels, not {text[:100]!r}"
            ) from (error)
        if triggered:
            exposure = self.triggered_exposure(exposure)
        self._check_time(exposure)
        self.check_settings()
        found = {each.name: each for each in self.own_channels(exposure)}
        self._require(list(names), list(found))
        channels = [found[own].described(name, names) for own, name in names.items()]
        attributes = {"kind": self.kind, "exposure": exposure, **self.told(exposure, triggered=triggered)}
        beside = list(self.beside(told.get("line")))
        return json.dumps({"channels": channels, "attributes": attributes, "beside": beside})

    # -- scans

    def prepare_points(self, order: Order, channels: Sequence[Channel]) -> None:
        """The exposure time must be one that the detector can measure for, and nobody else may use it."""
        for exposure in {order.exposure, *(each for _, each in order.exposures)}:
            self._check_time(exposure)
        self.check_settings()
        own = {str(channel.attributes.get("channel") or channel.name): channel for channel in channels}
        found = {each.name: each for each in self.own_channels(order.exposure)}
        self._require(list(own), list(found))
        for name, channel in own.items():
            if found[name].shape != channel.shape:
                raise BadValue(
                    f"{self.label}: {channel.name} has the shape {list(found[name].shape)} now, the scan expects "
                    f"{list(channel.shape)}; start the scan again"
                )

        def prepare() -> None:
            if self._measuring or self._driver.busy():
                raise Busy(f"{self.label}: cannot join a scan: it is measuring; stop it first")
            self.set_up(order.exposure)
            self._prepared = order.exposure

        self._scan_names = {name: channel.name for name, channel in own.items()}
        self._broken_off.clear()
        self._link.run(self.label, "join a scan", prepare)

    def measure(self, order: Order, index: int) -> dict[str, Any]:
        """Measure one point of a scan."""
        what, driver = f"measure point {index}", self._driver

        def begin() -> None:
            if order.exposure != self._prepared:
                self.set_up(order.exposure)
                self._prepared = order.exposure
            self.begin()

        self._link.run(self.label, what, begin)
        self._broken_off.wait(order.exposure + self.read_out_time())
        deadline = time.monotonic() + LATE_LIMIT + self.patience(order.exposure)
        while self._link.run(self.label, what, driver.busy):
            if self._broken_off.is_set():
                break
            if time.monotonic() > deadline:
                raise HardwareFault(
                    f"{self.label}: still measures {LATE_LIMIT:g} s after the {order.exposure:g} s of point {index}"
                )
            time.sleep(LATE_PERIOD)
        if self._broken_off.is_set():
            self._link.run(self.label, "stop", driver.stop)
            return {}
        raw = self._link.run(self.label, what, self.fetch)
        measurement = self.evaluate(raw, frozenset(self._scan_names))
        self._measurement, self._when = measurement, time.time()
        self.latest(measurement)
        values = {**measurement.numbers, **measurement.arrays}
        return {name: values[own] for own, name in self._scan_names.items()}

    def break_off(self) -> None:
        """End the measurement before its time."""
        self._broken_off.set()

    def scan_left(self) -> None:
        """Show the latest numbers."""
        if self._link.error is None:
            if self._measurement is not None:
                self._tell(self._measurement)
            self.show(tango.DevState.ON, f"{self.label}: ready")
        self._link.poll_within(0.0)

    # -- tools

    def shown(self, of: Any, nothing: Any) -> Reading:
        """What an attribute shows of the latest measurement; `nothing` while there is none."""
        found = self._measurement
        if found is None:
            return nothing, self._when, tango.AttrQuality.ATTR_INVALID
        quality = tango.AttrQuality.ATTR_CHANGING if self._measuring else tango.AttrQuality.ATTR_VALID
        return of(found), self._when, quality

    def _begin(self, duration: float) -> None:
        """A measurement has begun: nothing of the one before is left to be read."""
        self._measurement, self._when = None, time.time()
        self._measuring = True
        self._should_end = time.monotonic() + duration
        self.show(tango.DevState.RUNNING, f"{self.label}: measuring")

    def _take(self, measurement: Measurement) -> None:
        self._measurement, self._when = measurement, time.time()
        self.latest(measurement)
        self._tell(measurement)

    def _tell(self, measurement: Measurement) -> None:
        self.publish(DetectorAttribute.ELAPSED_TIME, measurement.elapsed, self._when)
        self.publish(DetectorAttribute.COUNTER_VALUES, self._values(measurement), self._when)

    def _values(self, measurement: Measurement) -> Any:
        return np.array([measurement.numbers.get(name, np.nan) for name in self._numbers()])

    def _numbers(self) -> list[str]:
        return [each.name for each in self.own_channels(self._time) if each.shape == ()]

    def _check_time(self, value: float) -> None:
        shortest, longest = self.time_limits()
        if not shortest <= value <= longest:
            raise OutOfRange(f"{self.label}: cannot measure for {value:g} s, it can for {shortest:g} to {longest:g} s")

    def _require(self, asked: Sequence[str], known: Sequence[str]) -> None:
        unknown = [name for name in asked if name not in known]
        if unknown:
            raise BadValue(f"{self.label}: does not measure {', '.join(unknown)} (any more); it has {', '.join(known)}")

    def _driver_class(self, configuration: Mapping[str, Any]) -> type[Any]:
        return load_driver(self.kind, str(configuration.get("driver")), self.contract)
