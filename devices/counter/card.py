"""The Tango device of a counter card."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import numpy.typing as npt
import tango

from ronda.devices.acquisition import one_value
from ronda.devices.counter.contract import CardReading, CounterCard
from ronda.devices.counter.encoders import Encoders
from ronda.devices.counter.kind import entry_model
from ronda.devices.device import attribute, command
from ronda.devices.gated import Counted, GatedDevice
from ronda.devices.link import Link
from ronda.framework.config.kinds import DeviceParameters, load_driver
from ronda.framework.errors import BadValue, Busy, HardwareFault, NotReady, OutOfRange, RondaError
from ronda.framework.scan.latches import EDGE, END
from ronda.framework.scan.orders import Order
from ronda.framework.stream.description import Channel
from ronda.framework.tango.names import CounterCardAttribute, CounterCardCommand, channel_attribute

LOOK_PERIOD = 0.1
"""Seconds between two looks at a card that counts for long."""

LATE_PERIOD = 0.002
"""Seconds between two looks once it should have ended."""

SCAN_LATE_PERIOD = 0.0002
"""The same in a scan, where each one is dead time."""

LATE_LIMIT = 5.0
"""Seconds after which a card that goes on counting in a scan is taken for broken."""

SHORT = 0.02
"""Exposure time in s up to which a point is counted in one go, which spares two changes of thread."""

ON_ITS_WAY = 0.00005
"""Seconds for which a question is on its way to a card at least: so much earlier it is asked."""

ENOUGH = 0.9
"""Part of the exposure time that a card must have counted; less means that somebody else has stopped it."""

PULSES_APART = 0.1
PULSES_LATE = 0.001
"""By which part of an exposure, and by how many s besides, the pulses of the device that exposes may be off."""

SHOW_PERIOD = 0.1
"""Seconds between two events of the counts in a scan, whose points go through the stream."""

MOST_CHANNELS = 4096

Value = tuple[Any, float, tango.AttrQuality]


class CardDevice(GatedDevice):
    """A counter card: an integration time, Start, and the counts of its channels together and one by one."""

    exposures_vary = True

    # -- life

    def model(self, configuration: Mapping[str, Any]) -> type[DeviceParameters]:
        """The driver's keys and its channels."""
        return entry_model(self._driver_class(configuration))  # type: ignore[arg-type]  # a class is hashable

    def opened(self) -> None:
        """Make the driver and let it connect."""
        parameters = self.settings.values  # type: ignore[union-attr]  # there are settings when this is called
        self._channels = list(parameters.channels)
        self._encoders = Encoders(self.label, parameters.encoders)
        self._time_limits: tuple[float, float] = parameters.integration_time_limits
        self._time: float = parameters.integration_time
        self._reading: CardReading | None = None
        self._when = time.time()
        self._counting = False
        self._should_end = 0.0
        self._stops = 0
        self._halt: Future[None] | None = None
        self._prepared = 0.0
        self._shown_at = 0.0
        self._pulses_seen = 0
        self._armed = False
        self._broken_off = threading.Event()
        self._driver: CounterCard = self._driver_class(self.configuration)(self.label, parameters)
        self._link = Link(self._driver, self)
        self.show(tango.DevState.UNKNOWN, f"{self.label}: connecting")
        self.process.open(self._link)

    def initialize_dynamic_attributes(self) -> None:
        """One attribute for each channel."""
        if self.is_open:
            for index, channel in enumerate(self._channels):
                self.add_attribute(self._channel_attribute(index, channel))
                self.set_change_event(channel_attribute(channel), True, False)
                self.set_archive_event(channel_attribute(channel), True, True)
            for name in self._encoders.names:
                self.add_attribute(self._encoder_attribute(name))
                self.set_change_event(channel_attribute(name), True, False)
                self.set_archive_event(channel_attribute(name), True, True)

    def closing(self) -> None:
        """Let go of the driver."""
        self.leave_scan(f"{self.label}: was initialised anew")
        self.process.close(self._link)

    def settings_changed(self) -> None:
        """Take changed polling periods."""
        self._driver.parameters = self.settings.values  # type: ignore[union-attr]  # as in `opened`
        self._link.poll_within(0.0)

    def remarks(self) -> list[str]:
        """What else is to be said in Status."""
        return [sentence for sentence in (self._link.silence(),) if sentence]

    # -- what the link asks for

    def connected(self) -> None:
        """The card answers."""

    def poll(self) -> float:
        """Look at the card; returns the seconds until the next look."""
        if self.in_scan:
            return LOOK_PERIOD
        if not self._counting:
            if not self._driver.counting():
                self.show(tango.DevState.ON, f"{self.label}: ready")
                return float(self._driver.parameters.idle_poll_period)
            self._begin(0.0)  # somebody else started it, or an earlier life of ours
        reading = self._driver.read()
        self._reading, self._when = reading, time.time()
        self._counting = reading.counting
        self._tell(reading)
        if not reading.counting:
            self.show(tango.DevState.ON, f"{self.label}: ready")
            return float(self._driver.parameters.idle_poll_period)
        left = self._should_end - time.monotonic()
        return min(max(left, LATE_PERIOD), LOOK_PERIOD) if left > -1.0 else LOOK_PERIOD

    def lost(self, error: RondaError) -> None:
        """The card does not answer: what it counts now, or counted last, is unknown."""
        self._reading, self._counting = None, False
        waiting = isinstance(error, NotReady)
        self.show(tango.DevState.UNKNOWN if waiting else tango.DevState.FAULT, f"{error}; trying again")

    def halt(self) -> None:
        """Close the gate, the server ends."""
        self._stops += 1
        self.leave_scan(f"{self.label}: its server was stopped", wait=False)
        if self._counting or self.in_scan:
            self._halt = self._link.submit(self._driver.stop, urgent=True)

    def at_rest(self) -> bool:
        """Whether the gate is closed."""
        return not self.in_scan and (self._halt is None or self._halt.done())

    # -- attributes

    @attribute(name=CounterCardAttribute.INTEGRATION_TIME, dtype=float, unit="s", format="%.6g")
    def integration_time(self) -> float:
        """How long the next acquisition counts."""
        return self._time

    @integration_time.write
    def write_integration_time(self, value: float) -> None:
        """Set the length of the next acquisition."""
        shortest, longest = self._time_limits
        if not shortest <= value <= longest:
            raise OutOfRange(
                f"{self.label}: cannot count for {value} s, outside the integration times [{shortest}, {longest}] s"
            )
        self._time = value
        self.publish(CounterCardAttribute.INTEGRATION_TIME, value)

    @attribute(name=CounterCardAttribute.ELAPSED_TIME, dtype=float, unit="s", format="%.6f")
    def elapsed_time(self) -> Value:
        """How long the gate has been open in this acquisition."""
        return self._answer(lambda reading: reading.elapsed, 0.0)

    @attribute(name=CounterCardAttribute.COUNTS, dtype=(float,), max_dim_x=MOST_CHANNELS, unit="count", format="%.0f")
    def counts(self) -> Value:
        """What the channels counted in this acquisition, in the order of ChannelNames."""
        return self._answer(_array, np.zeros(len(self._channels)))

    @attribute(name=CounterCardAttribute.CHANNEL_NAMES, dtype=(str,), max_dim_x=MOST_CHANNELS, events=False)
    def channel_names(self) -> list[str]:
        """Names of the channels."""
        return self._channels

    # -- commands

    @command(CounterCardCommand.START)
    def start(self) -> None:
        """Count for the integration time; returns when the gate is open, with State RUNNING."""
        stops, duration = self._stops, self._time

        def begin() -> None:
            if self.in_scan:
                raise Busy(f"{self.label}: cannot start: it takes part in a scan; stop that first")
            if self._counting:
                raise Busy(f"{self.label}: cannot start: it is counting; stop it first")
            if self._stops != stops:
                raise NotReady(f"{self.label}: was stopped before it began to count")
            self._driver.prepare(duration)
            self._driver.start()
            self._begin(duration)
            self._link.poll_within(min(duration, LOOK_PERIOD))

        self.wait(lambda: self._link.run(self.label, "start", begin))

    @command(CounterCardCommand.STOP)
    def stop(self) -> None:
        """Close the gate now; the counts so far are the result. A scan that the card takes part in fails."""
        self._stops += 1
        if self.in_scan:
            self.wait(lambda: self.leave_scan(f"{self.label}: was stopped by a client"))

        def stop() -> None:
            self._driver.stop()
            self._link.poll_within(0.0)

        self.wait(lambda: self._link.run_first(self.label, "stop", stop))

    @command(CounterCardCommand.ABORT)
    def abort(self) -> None:
        """The same as Stop: a gate closes at once."""
        self.stop()

    # -- scans

    def prepare_points(self, order: Order, channels: Sequence[Channel]) -> None:
        """The exposure time must be one that the card can count for, and nobody else may count."""
        shortest, longest = self._time_limits
        for exposure in {order.exposure, *(exposure for _, exposure in order.exposures)}:
            if not shortest <= exposure <= longest:
                raise OutOfRange(
                    f"{self.label}: cannot count for {exposure} s, outside the integration times "
                    f"[{shortest}, {longest}] s"
                )
        first = order.at(order.first).exposure
        self._pulses_seen = 0
        one_value(dict.fromkeys([*self._channels, *self._encoders.names], 0.0), channels, "channel")
        standing = self._encoders.stand(self._encoders_of(channels))

        def prepare() -> None:
            if self._counting or self._driver.counting():
                raise Busy(f"{self.label}: cannot join a scan: it is counting; stop it first")
            self._refer(standing)
            if order.pulses:
                self._driver.arm_gated()
                self._armed = True
                return
            self._driver.prepare(first)
            self._prepared = first

        self._scan_channels = channels
        self._broken_off.clear()
        self._link.run(self.label, "join a scan", prepare)

    def measure(self, order: Order, index: int) -> dict[str, float]:
        """Count one point of a scan."""
        if order.pulses:
            return self._between_pulses(order, index)
        what, driver = f"count point {index}", self._driver
        should_close = 0.0

        def begin() -> CardReading | None:
            nonlocal should_close
            if order.exposure != self._prepared:
                driver.prepare(order.exposure)
                self._prepared = order.exposure
            asked = time.monotonic()
            driver.start()
            answered = time.monotonic()
            should_close = (asked + answered) / 2 + order.exposure  # the gate opened somewhere in between
            if order.exposure > SHORT:
                return None
            # so short that nobody else minds waiting for the instrument
            time.sleep(max(should_close - ON_ITS_WAY - answered, 0.0))
            give_up = time.monotonic() + SHORT
            while (reading := driver.read()).counting and time.monotonic() < give_up:
                pass  # asking takes the instrument some time anyway
            return reading

        reading = self._link.run(self.label, what, begin)
        if reading is None:
            self._broken_off.wait(max(should_close - time.monotonic(), 0.0))
        deadline = time.monotonic() + LATE_LIMIT
        while reading is None or reading.counting:
            if self._broken_off.is_set():
                self._link.run(self.label, "stop", driver.stop)
            elif time.monotonic() > deadline:
                raise HardwareFault(
                    f"{self.label}: still counts {LATE_LIMIT:g} s after the {order.exposure:g} s of point {index}"
                )
            elif reading is not None:
                time.sleep(SCAN_LATE_PERIOD)
            reading = self._link.run(self.label, what, driver.read)
        if reading.elapsed < ENOUGH * order.exposure and not self._broken_off.is_set():
            raise HardwareFault(
                f"{self.label}: counted {reading.elapsed:.6g} s of {order.exposure:.6g} s at point {index}; "
                "somebody else uses the card"
            )
        self._reading, self._when = reading, time.time()
        if self._when - self._shown_at > SHOW_PERIOD:
            self._shown_at = self._when
            self._tell(reading)
        return one_value(self._values_of(reading), self._scan_channels, "channel")

    def _between_pulses(self, order: Order, index: int) -> dict[str, float]:
        """What was counted between the two pulses of the exposure that has just ended."""
        what = f"read what was counted at point {index}"
        deadline = time.monotonic() + LATE_LIMIT
        seen = self._pulses_seen
        while True:
            block = self._link.run(self.label, what, lambda: self._driver.gated(max(seen - 1, 0)))
            if block.received > seen + 1 or self._broken_off.is_set() or time.monotonic() > deadline:
                break
            self._broken_off.wait(LATE_PERIOD)
        self._pulses_seen = block.received
        if self._broken_off.is_set():
            return {}
        length = float(block.ends[-1] - block.begins[-1]) if len(block.ends) else 0.0
        if block.received != seen + 2 or abs(length - order.exposure) > PULSES_APART * order.exposure + PULSES_LATE:
            raise HardwareFault(
                f"{self.label}: {block.received - seen} pulses of {order.pulses} came at point {index}, the last two "
                f"{length:.6g} s apart; there should be two, {order.exposure:.6g} s apart; look at the cable between "
                "them, and whether somebody else uses one"
            )
        latched = () if block.encoders is None else block.encoders[-2].tolist()
        reading = CardReading(False, length, block.values[-1].tolist(), latched)
        self._reading, self._when = reading, time.time()
        return one_value(self._values_of(reading), self._scan_channels, "channel")

    def prepare_gated(self, channels: Sequence[Channel]) -> None:
        """Arm the gate input, if nobody else counts."""
        names = [_own_name(channel) for channel in channels]
        encoders = self._encoders_of(channels)
        counted = [name for name in names if name not in encoders]
        unknown = [name for name in counted if name not in self._channels]
        if unknown:
            raise BadValue(f"{self.label}: has no channel {unknown[0]}; it has {', '.join(self._channels)}")
        self._gated_places = [self._channels.index(name) for name in counted]
        self._latching = encoders
        at_begin = [*counted, *encoders]
        self._gated_order = [
            at_begin.index(name) + (len(encoders) if channel.attributes.get(EDGE) == END else 0)
            for name, channel in zip(names, channels, strict=True)
        ]
        standing = self._encoders.stand(encoders)

        def prepare() -> None:
            if self._counting or self._driver.counting():
                raise Busy(f"{self.label}: cannot join a scan: it is counting; stop it first")
            self._refer(standing)
            self._driver.arm_gated()

        self._broken_off.clear()
        self._link.run(self.label, "count between triggers", prepare)

    def counted(self, first: int) -> Counted:
        """What was counted between triggers."""
        block = self._link.run(self.label, "read what was counted", lambda: self._driver.gated(first))
        values = block.values[:, self._gated_places]
        if not self._latching or block.encoders is None:
            return Counted(block.received, block.begins, block.ends, values)
        latched = self._encoders.columns(self._latching, block.encoders)
        return Counted(block.received, block.begins, block.ends, values, latched)

    def gated_width(self, channels: int) -> int:  # noqa: ARG002 - some of them are both ends of one that is latched
        """The channels that are counted, and the encoders that are latched at each trigger."""
        return len(self._gated_places) + len(self._latching)

    def gated_latches(self) -> int:
        """How many encoders are latched at each trigger."""
        return len(self._latching)

    def gated_points(
        self, values: npt.NDArray[np.float64], valid: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        """In the order of the scan's channels."""
        return values[:, self._gated_order], valid

    def end_gated(self) -> None:
        """Take no more triggers."""
        self._link.run(self.label, "stop", self._driver.disarm_gated)

    def break_off(self) -> None:
        """Close the gate before its time."""
        self._broken_off.set()

    def scan_left(self) -> None:
        """Show the last counts."""
        self._encoders.scan_left()
        if self._armed:
            self._armed = False
            with contextlib.suppress(RondaError):  # whoever uses it next hears of it
                self._link.run(self.label, "stop", self._driver.disarm_gated)
        if self._link.error is None:
            if self._reading is not None:
                self._tell(self._reading)
            self.show(tango.DevState.ON, f"{self.label}: ready")
        self._link.poll_within(0.0)

    # -- tools

    def _begin(self, duration: float) -> None:
        """The gate has opened: nothing of the acquisition before is left to be read."""
        self._reading, self._when = CardReading(True, 0.0, [0.0] * len(self._channels)), time.time()
        self._counting = True
        self._should_end = time.monotonic() + duration
        self.show(tango.DevState.RUNNING, f"{self.label}: counting")

    def _tell(self, reading: CardReading) -> None:
        quality = self._quality(reading)
        self.publish(CounterCardAttribute.ELAPSED_TIME, reading.elapsed, self._when, quality)
        self.publish(CounterCardAttribute.COUNTS, _array(reading), self._when, quality)
        for channel, value in zip(self._channels, reading.values, strict=True):
            self.publish(channel_attribute(channel), value, self._when, quality)
        for name, position in self._encoders.positions(reading.encoders).items():
            self.publish(channel_attribute(name), position, self._when, quality)

    def _values_of(self, reading: CardReading) -> dict[str, float]:
        """What was counted, and where axes were when the gate opened, by the names of channels and encoders."""
        counted = dict(zip(self._channels, reading.values, strict=True))
        return counted | self._encoders.positions(reading.encoders)

    def _encoders_of(self, channels: Sequence[Channel]) -> list[str]:
        """The encoder inputs that channels of a scan are for, each once."""
        names = dict.fromkeys(map(_own_name, channels))
        return [name for name in names if name in self._encoders.names]

    def _refer(self, standing: Mapping[str, tuple[float, float]]) -> None:
        """Compare the counters of encoders with axes at rest. In the worker's thread."""
        if standing:
            self._encoders.refer(standing, self._driver.encoder_counts())

    def _encoder_attribute(self, name: str) -> Any:
        def value(device: CardDevice, _: Any) -> Value:
            reading = device._reading
            position = None if reading is None else device._encoders.positions(reading.encoders).get(name)
            if reading is None or position is None:
                return 0.0, device._when, tango.AttrQuality.ATTR_INVALID
            return position, device._when, device._quality(reading)

        parameters = self.settings.values.encoders[name]  # type: ignore[union-attr]  # as in `opened`
        says = parameters.description or f"Where {parameters.axis} was by its encoder when the gate opened"
        return attribute(fget=value, name=channel_attribute(name), dtype=float, unit=parameters.unit, doc=says)

    def _answer(self, of: Callable[[CardReading], Any], nothing: Any) -> Value:
        reading = self._reading
        if reading is None:
            return nothing, self._when, tango.AttrQuality.ATTR_INVALID
        return of(reading), self._when, self._quality(reading)

    def _quality(self, reading: CardReading) -> tango.AttrQuality:
        return tango.AttrQuality.ATTR_CHANGING if reading.counting else tango.AttrQuality.ATTR_VALID

    def _channel_attribute(self, index: int, channel: str) -> Any:
        def value(device: CardDevice, _: Any) -> Value:
            return device._answer(lambda reading: reading.values[index], 0.0)

        description = self.settings.values.channels[channel].description  # type: ignore[union-attr]  # as in `opened`
        return attribute(fget=value, name=channel_attribute(channel), dtype=float, unit="count", doc=description)

    def _driver_class(self, configuration: Mapping[str, Any]) -> type[CounterCard]:
        return load_driver("counter", str(configuration.get("driver")), CounterCard)


def _own_name(channel: Channel) -> str:
    return str(channel.attributes.get("channel") or channel.name)


def _array(reading: CardReading) -> npt.NDArray[np.float64]:
    return np.asarray(reading.values, dtype=np.float64)
