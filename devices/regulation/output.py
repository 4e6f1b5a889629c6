"""The Tango device of an output, which looks after itself: without news from its loop it goes to safety."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

import tango

from ronda.devices.device import attribute, command
from ronda.devices.regulation.algorithm.limiter import Limiter
from ronda.devices.regulation.contract import Reading
from ronda.devices.regulation.endpoints import Endpoints
from ronda.devices.regulation.input_parameters import RegulationOutputParameters
from ronda.devices.regulation.part import PartDevice
from ronda.devices.regulation.sinks import ControllerSink, ExternalSink, Sink
from ronda.framework.errors import BadValue, Busy, NotAllowed, NotReady, OutOfRange, RondaError
from ronda.framework.host.entries import REGULATION
from ronda.framework.tango.regulation import OutputAttribute, OutputCommand

TELL_PERIOD = 0.1
"""Least seconds between two events of a value."""

Value = tuple[float, float, tango.AttrQuality]


class OutputDevice(PartDevice):
    """One output. People write `Value`, loops feed it."""

    what = "outputs"
    keys_of_driver = "OutputParameters"
    keys_of_anything = RegulationOutputParameters

    def opened(self) -> None:
        """Join the controller, or begin to look at what is set."""
        self._value = math.nan
        self._when = time.time()
        self._told_at = 0.0
        self._fed_by = ""
        self._fed_at = 0.0
        self._trouble = ""
        self._driven_by = self._barred = ""
        self._feeding = threading.RLock()
        self._watching = threading.Event()
        self._watcher: threading.Thread | None = None
        self._orphan = str(self.process.stored.read(self.get_name(), REGULATION).get("fed_by", ""))
        self._limiter = self._make_limiter()
        self._external: ExternalSink | None = None
        self._sink: Sink
        self.show(tango.DevState.UNKNOWN, f"{self.label}: connecting")
        self.join()
        if self.controller is not None:
            self._sink = ControllerSink(self.label, self.controller)
        else:
            self._sink = self._external = ExternalSink(self.label, self._keys, self.take, self.lost)
            self.process.open(self._external)
        self.process.share(Endpoints, "regulation").add_output(self.label, self)

    def closing(self) -> None:
        """Leave; what it was fed with is let go of."""
        self._watching.set()
        self.process.share(Endpoints, "regulation").remove(self.label)
        self.leave()
        if self._external is not None:
            self.process.close(self._external)

    def settings_changed(self) -> None:
        """Take changed live keys."""
        self._limiter = self._make_limiter()
        self._limiter.at(self._value, time.monotonic())

    @property
    def _keys(self) -> Any:
        return self.settings and self.settings.values

    def _make_limiter(self) -> Limiter:
        keys = self._keys
        return Limiter(keys.limits[0], keys.limits[1], keys.slew_rate, keys.step)

    # -- for loops of this server; `Feed` and `Release` are the same for others

    def limits(self) -> tuple[float, float]:
        """Lowest and highest value."""
        low, high = self._keys.limits
        return float(low), float(high)

    def safe_value(self) -> float:
        """Where it is safe."""
        return float(self._keys.safe_value)

    def take_over(self, loop: str) -> float:
        """A loop begins to feed it; where it is then."""
        with self._feeding:
            if self._fed_by != loop:
                self._take_over(loop)
            self._fed_at = time.monotonic()
            return self._sink.read()

    def feed(self, loop: str, value: float) -> float:
        """Take a value from a loop; the first one makes this output the loop's."""
        with self._feeding:
            if self._fed_by != loop:
                self._take_over(loop)
            now = self._fed_at = time.monotonic()
            limited = self._limiter.limited(value, now)
            rounded = self._limiter.rounded(limited)
            reached = self._sink.write(rounded)
            self._trouble = ""
            self.take(Reading(reached))
            return limited if reached == rounded else reached

    def release(self, loop: str, how: str) -> None:
        """A loop lets go of it."""
        with self._feeding:
            if loop == self._barred:
                self._barred = ""
            if self._fed_by not in ("", loop):
                return
            self._let_go()
            if how == "off" or (how == "lost" and self._keys.when_lost == "safe"):
                self._make_safe()
            self._sink.guard(0.0, self._keys.safe_value)

    def _take_over(self, loop: str) -> None:
        if self._barred == loop:
            raise NotAllowed(f"{self.label}: was switched off by hand")
        if self._fed_by:
            raise Busy(f"{self.label}: is fed by the loop {self._fed_by}; switch that off first")
        if self._driven_by:
            raise Busy(f"{self.label}: is driven by {self._driven_by}; switch that off first")
        self._sink.begin()
        if self._keys.when_lost == "safe":
            self._sink.guard(self._keys.watchdog, self._keys.safe_value)
        self._limiter.at(self._sink.read(), time.monotonic())
        self._fed_by, self._fed_at, self._trouble = loop, time.monotonic(), ""
        self._orphan = ""
        self.process.stored.note(self.get_name(), REGULATION, {"fed_by": loop})
        self.publish(OutputAttribute.FED_BY, loop)
        self._watching = threading.Event()
        self._watcher = threading.Thread(
            target=self._watch, args=(loop, self._watching), name=f"watchdog {self.label}", daemon=True
        )
        self._watcher.start()

    def _let_go(self) -> None:
        self._watching.set()
        if self._fed_by:
            self._fed_by = ""
            self.process.stored.note(self.get_name(), REGULATION, {})
            self.publish(OutputAttribute.FED_BY, "")

    def _make_safe(self) -> None:
        self._limiter.at(math.nan, 0.0)
        value = self._limiter.rounded(self.safe_value())
        self._sink.secure(value)
        self.take(Reading(value))

    def _watch(self, loop: str, ended: threading.Event) -> None:
        """Wait for a loop that feeds no more; in a thread of its own."""
        with tango.EnsureOmniThread():
            while not ended.wait(max(self._fed_at + self._keys.watchdog - time.monotonic(), 0.0)):
                with self._feeding:
                    if ended.is_set() or self._fed_by != loop:
                        return
                    if time.monotonic() < self._fed_at + self._keys.watchdog:
                        continue
                    self._lose(f"no value from the loop {loop} for {self._keys.watchdog:g} s")
                    return

    def _lose(self, why: str) -> None:
        safe = self._keys.when_lost == "safe"
        went = f"went to its safe value, {self.safe_value():g} {self._keys.unit}" if safe else "stays where it is"
        self._trouble = f"{self.label}: {why}; it {went}"
        self.log.error(self._trouble)
        self._let_go()
        try:
            if safe:
                self._make_safe()
        except RondaError as error:
            self._trouble += f" as soon as it answers ({error})"
        self.show(tango.DevState.ALARM, self._trouble)

    # -- what the controller tells

    def connected(self, driver: Any) -> None:
        """The controller answers (again): put its watchdog to work; an output that a dead loop left goes to safety."""
        keys = self._keys
        guards = self.controller is not None and self.controller.offers("guard_output")
        if self._fed_by and keys.when_lost == "safe" and guards:
            driver.guard_output(self.label, keys.watchdog, keys.safe_value)
        if self._orphan:
            loop, self._orphan = self._orphan, ""
            self.process.stored.note(self.get_name(), REGULATION, {})
            if keys.when_lost == "safe":
                driver.write_output(self.label, keys.safe_value)
            went = "it was brought to its safe value" if keys.when_lost == "safe" else "it stays where it is"
            self._trouble = f"{self.label}: the server ended while the loop {loop} fed it; {went}"

    def take(self, reading: Reading) -> None:
        """Show where it is; any thread."""
        if self._external is not None and self._orphan:
            self._adopt()
        before, self._value = self._value, reading.value
        self._when = time.time()
        if self._when - self._told_at >= TELL_PERIOD:
            self._told_at = self._when
            if self._value != before:
                self.publish(OutputAttribute.VALUE, *self._shown())
            self._show()
        if not self._fed_by:
            self._limiter.at(self._value, time.monotonic())

    def lost(self, error: RondaError) -> None:
        """Nobody knows where it is."""
        self._value = math.nan
        waiting = isinstance(error, NotReady)
        self.show(tango.DevState.UNKNOWN if waiting else tango.DevState.FAULT, f"{error}; trying again")

    def _adopt(self) -> None:
        """An output to something else was fed when its server died."""
        loop, self._orphan = self._orphan, ""
        self.process.stored.note(self.get_name(), REGULATION, {})
        if self._keys.when_lost == "safe":
            self._trouble = f"{self.label}: the server ended while the loop {loop} fed it; it goes to its safe value"
            threading.Thread(target=self._secure_quietly, daemon=True).start()

    def _secure_quietly(self) -> None:
        with tango.EnsureOmniThread():
            try:
                self._make_safe()
            except RondaError as error:
                self.log.warning(str(error))

    def _show(self) -> None:
        if self._trouble:
            self.show(tango.DevState.ALARM, self._trouble)
        elif self._fed_by:
            self.show(tango.DevState.RUNNING, f"{self.label}: fed by the loop {self._fed_by}")
        else:
            self.show(tango.DevState.ON, f"{self.label}: ready")

    def driven(self, loop: str) -> None:
        """A loop of the controller itself drives it; empty if none does."""
        self._driven_by = loop

    # -- attributes and commands

    @attribute(name=OutputAttribute.VALUE, dtype=float)
    def value(self) -> Value:
        """Where it is; INVALID while nobody knows. Writing sets it by hand, unless a loop drives it."""
        return self._shown()

    @value.write
    def write_value(self, value: float) -> None:
        """Set it by hand."""
        self.wait(lambda: self._set(value))

    def _set(self, value: float) -> None:
        keys = self._keys
        with self._feeding:
            if self._fed_by or self._driven_by:
                driver = self._fed_by or self._driven_by
                raise Busy(
                    f"{self.label}: cannot be set to {value:g} {keys.unit}, {driver} drives it; switch that off first, "
                    "or use its manual mode"
                )
            low, high = keys.limits
            if not low <= value <= high:
                raise OutOfRange(
                    f"{self.label}: cannot be set to {value:g} {keys.unit}, outside limits [{low:g}, {high:g}] "
                    f"{keys.unit}"
                )
            self._trouble = ""
            self._limiter.at(value, time.monotonic())
            self.take(Reading(self._sink.write(self._limiter.rounded(value))))
            self._show()

    @attribute(name=OutputAttribute.LOW_LIMIT, dtype=float, events=False)
    def low_limit(self) -> float:
        """Lowest value that it is set to."""
        return self.limits()[0]

    @attribute(name=OutputAttribute.HIGH_LIMIT, dtype=float, events=False)
    def high_limit(self) -> float:
        """Highest value that it is set to."""
        return self.limits()[1]

    @attribute(name=OutputAttribute.SLEW_RATE, dtype=float, events=False)
    def slew_rate(self) -> float:
        """Fastest change while a loop feeds it; NaN for any."""
        rate = self._keys.slew_rate
        return math.nan if rate is None else float(rate)

    @attribute(name=OutputAttribute.SAFE_VALUE, dtype=float, events=False)
    def shown_safe_value(self) -> float:
        """Where it goes when it is switched off, and when the loop that feeds it has died."""
        return self.safe_value()

    @attribute(name=OutputAttribute.FED_BY, dtype=str)
    def fed_by(self) -> str:
        """The loop that feeds it; empty if none does."""
        return self._fed_by

    @command(
        OutputCommand.TAKE_OVER,
        dtype_in=str,
        doc_in="The name of the loop",
        dtype_out=float,
        doc_out="Where it is; NaN if nobody knows",
    )
    def take_over_command(self, loop: str) -> float:
        """A loop of another server begins to feed it; relative moves count from here."""
        return self.wait(lambda: self.take_over(loop))

    @command(
        OutputCommand.FEED,
        dtype_in=tango.DevVarDoubleStringArray,
        doc_in="A value, and the name of the loop that gives it",
        dtype_out=float,
        doc_out="What limits and slew rate made of it",
    )
    def feed_command(self, given: Any) -> float:
        """Take a value from a loop of another server; must be repeated within the time of the watchdog."""
        values, names = given
        if len(values) != 1 or len(names) != 1 or math.isnan(values[0]):
            raise BadValue(f"{self.label}: Feed takes one number and the name of one loop")
        return self.wait(lambda: self.feed(str(names[0]), float(values[0])))

    @command(
        OutputCommand.RELEASE,
        dtype_in=(str,),
        doc_in="The name of the loop, and hold (stay), off (go to the safe value) or lost (as the configuration says)",
    )
    def release_command(self, given: list[str]) -> None:
        """The loop of another server lets go."""
        if len(given) != 2 or given[1] not in ("hold", "off", "lost"):
            raise BadValue(f"{self.label}: Release takes the name of a loop and one of hold, off, lost")
        self.wait(lambda: self.release(given[0], given[1]))

    @command(OutputCommand.OFF)
    def off(self) -> None:
        """Go to the safe value, whoever feeds it."""

        def off() -> None:
            with self._feeding:
                self._barred = self._fed_by
                self._let_go()
                self._sink.guard(0.0, self._keys.safe_value)
                self._make_safe()

        self.wait(off)

    def _shown(self) -> Value:
        quality = tango.AttrQuality.ATTR_INVALID if math.isnan(self._value) else tango.AttrQuality.ATTR_VALID
        return self._value, self._when, quality
