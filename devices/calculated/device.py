"""The Tango device that works out counters from what other devices publish in a scan."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import tango

from ronda.devices.acquisition import AcquiringDevice, ScanStream
from ronda.devices.calculated.functions import Function
from ronda.devices.calculated.parameters import CalculatedParameters, CalculatedServerParameters
from ronda.devices.device import command
from ronda.devices.following import FollowingParticipation
from ronda.devices.participation import Participation
from ronda.framework.clients.counter import COUNT_TIME
from ronda.framework.config.parameters import Parameters
from ronda.framework.errors import BadValue, ConfigurationError, NotReady
from ronda.framework.expression import Expression
from ronda.framework.scan.orders import Order
from ronda.framework.stream.cursor import Cursor
from ronda.framework.stream.description import Channel
from ronda.framework.stream.scan import Scan
from ronda.framework.tango.names import CalculatedCommand

SLICE = 0.1
"""Longest wait in one read, in s: so soon the end of a scan is noticed."""


class CalculatedDevice(AcquiringDevice):
    """Reads the counters that its formulas use from the stream, point by point, and publishes the results there."""

    exposures_vary = True

    # -- life

    def model(self, _: Mapping[str, object]) -> type[Parameters]:
        """Its counters."""
        return CalculatedServerParameters

    def opened(self) -> None:
        """Ready at once: there is no instrument."""
        self._broken_off = threading.Event()
        self._inputs: Inputs | None = None
        self._formulas: dict[str, Expression | Function] = {}
        self._functions: dict[str, Function | ConfigurationError] = {}
        for name, counter in self.parameters.counters.items():
            if counter.function is not None:
                self._functions[name] = self._loaded(name, counter)
        wrong = [str(one) for one in self._functions.values() if isinstance(one, ConfigurationError)]
        self._ready = f"{self.label}: ready{'; but ' if wrong else ''}{'; '.join(wrong)}"
        self.show(tango.DevState.ON, self._ready)

    def closing(self) -> None:
        """Leave a scan."""
        self.leave_scan(f"{self.label}: was initialised anew")

    @property
    def parameters(self) -> CalculatedServerParameters:
        """Its keys in YAML."""
        assert self.settings is not None  # noqa: S101 - it is open
        parameters: CalculatedServerParameters = self.settings.values
        return parameters

    def _loaded(self, name: str, counter: CalculatedParameters) -> Function | ConfigurationError:
        """Its function, or what is wrong with that; the other counters work all the same."""
        folder = os.environ.get("RONDA_CONFIG_FOLDER")
        if not folder:
            return ConfigurationError("RONDA_CONFIG_FOLDER is not set in the environment; `ronda up` does this")
        try:
            return Function(Path(folder), str(counter.function), counter.inputs)
        except ConfigurationError as error:
            return ConfigurationError(f"{self.label}: cannot calculate {name}: {error}; then Init")

    def _function(self, name: str) -> Function:
        found = self._functions.get(name)
        if found is None:
            raise BadValue(f"{self.label}: has no counter {name} that a function calculates")
        if isinstance(found, ConfigurationError):
            raise ConfigurationError(str(found)) from found
        return found

    # -- outside scans

    @command(CalculatedCommand.CALCULATE, dtype_in=str, dtype_out=float, doc_in="JSON: counter, values by name")
    def calculate(self, text: str) -> float:
        """The value of a counter that a function calculates, from values of others: {"counter": NAME, "values": {}}."""
        try:
            asked = json.loads(text)
            name, values = str(asked["counter"]), dict(asked["values"])
        except (ValueError, TypeError, KeyError) as error:
            raise BadValue(f"{self.label}: Calculate takes JSON such as {{'counter': 'x', 'values': {{}}}}") from error
        function = self._function(name)
        missing = sorted(function.names - values.keys())
        if missing:
            raise BadValue(f"{self.label}: {name} needs the value of {missing[0]}")
        return self._value(name, function, values)

    # -- scans

    def prepare_points(self, order: Order, channels: Sequence[Channel]) -> None:
        """Check the formulas against the channels of the scan, and follow those."""
        self._broken_off.clear()
        scan = self.process.share(ScanStream, "stream").scan(order.scan)
        others = {
            channel.name
            for device in scan.description.devices
            if device.attributes.get("tango")
            for channel in device.channels
            if not channel.shape
        }
        found: dict[str, Expression | Function] = {}
        for channel in channels:
            if channel.attributes.get("function"):
                found[channel.name] = self._function(str(channel.attributes.get("channel")))
                continue
            formula = str(channel.attributes.get("formula", ""))
            try:
                found[channel.name] = Expression(formula, {*others, COUNT_TIME})
            except BadValue as error:
                raise BadValue(f"{self.label}: cannot calculate {channel.name}: {error}") from error
        try:
            order_of = TopologicalSorter({name: one.names & found.keys() for name, one in found.items()})
            self._formulas = {name: found[name] for name in order_of.static_order()}  # what others use comes before
        except CycleError as error:
            raise BadValue(
                f"{self.label}: {' uses '.join(error.args[1][::-1])}: a circle cannot be calculated"
            ) from error
        names = frozenset().union(*(one.names for one in found.values())) - {COUNT_TIME} - found.keys()
        missing = sorted(names - others)
        if missing:
            raise BadValue(f"{self.label}: {missing[0]} is needed, and is not measured in this scan")
        if self._inputs is None or self._inputs.scan.identifier != order.scan:
            self._inputs = Inputs(self.label, scan, sorted(names), order.first)

    def join_triggered(self, scan: Scan, order: Order, channels: Sequence[Channel]) -> Participation:
        """Follow the devices that count between triggers."""
        self.prepare_points(order, channels)
        return FollowingParticipation(self, scan, order)

    def measure(self, order: Order, index: int) -> dict[str, float]:
        """Wait for the point of the other devices, and work out ours.

        Raises:
            NotReady: another device will not measure it.
            BadValue: a counter that is needed is not in the scan.
        """
        if self._inputs is None:
            raise NotReady(f"{self.label}: is in no scan")
        values = self._inputs.point(index, self._broken_off)
        if values is None:
            return {}  # broken off, nobody asks for it any more
        known = {**values, COUNT_TIME: order.exposure}
        for name, formula in self._formulas.items():
            known[name] = self._value(name, formula, known)
        return {name: known[name] for name in self._formulas}

    def _value(self, name: str, formula: Expression | Function, known: Mapping[str, float]) -> float:
        try:
            return float(formula(known))
        except BadValue as error:
            raise BadValue(f"{self.label}: cannot calculate {name}: {error}") from error

    def break_off(self) -> None:
        """Wait for no more."""
        self._broken_off.set()

    def scan_left(self) -> None:
        """Forget the scan."""
        self._inputs = None
        self.show(tango.DevState.ON, self._ready)


class Inputs:
    """Some channels of a running scan, point by point.

    Args:
        who: who reads them, for messages.
        scan: in the stream.
        channels: which.
        first: index of the first point.
    """

    def __init__(self, who: str, scan: Scan, channels: Sequence[str], first: int) -> None:
        self.scan = scan
        self._who = who
        self._channels = channels
        self._cursor: Cursor = scan.follow(channels, start=first)
        self._points: dict[int, dict[str, float]] = {}

    def point(self, index: int, over: threading.Event) -> dict[str, float] | None:
        """The values of one point, waited for; None if `over` is set before they have come.

        Raises:
            NotReady: a device has ended before.
            NoLongerInMemory: they have left memory.
        """
        while len(self._points.get(index, ())) < len(self._channels):
            if over.is_set():
                return None
            self._require(index)
            for block in self._cursor.read(SLICE):
                for place, each in enumerate(block.indices):
                    found = self._points.setdefault(each, {})
                    found.update({name: float(data[place]) for name, data in block.data.items()})
        self._points = {each: values for each, values in self._points.items() if each > index} | {
            index: self._points[index]  # again, if publishing it failed
        }
        return self._points[index]

    def _require(self, index: int) -> None:
        for name, end in self._cursor.ends.items():
            if end.length <= index:
                why = end.sentence or "it has ended"
                raise NotReady(f"{self._who}: needs point {index} of {name}, which will never come: {why}")
