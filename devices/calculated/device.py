"""The Tango device that works out counters from what other devices publish in a scan."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import tango

from ronda.devices.acquisition import AcquiringDevice, ScanStream
from ronda.devices.calculated.parameters import CalculatedServerParameters
from ronda.framework.clients.counter import COUNT_TIME
from ronda.framework.config.parameters import Parameters
from ronda.framework.errors import BadValue, NotReady
from ronda.framework.expression import Expression
from ronda.framework.scan.orders import Order
from ronda.framework.stream.cursor import Cursor
from ronda.framework.stream.description import Channel
from ronda.framework.stream.scan import Scan

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
        self._formulas: dict[str, Expression] = {}
        self.show(tango.DevState.ON, f"{self.label}: ready")

    def closing(self) -> None:
        """Leave a scan."""
        self.leave_scan(f"{self.label}: was initialised anew")

    # -- scans

    def prepare_points(self, order: Order, channels: Sequence[Channel]) -> None:
        """Check the formulas against the channels of the scan, and follow those."""
        self._broken_off.clear()
        scan = self.process.share(ScanStream, "stream").scan(order.scan)
        others = {
            channel.name
            for device in scan.description.devices
            if device.name != self.label and device.attributes.get("tango")
            for channel in device.channels
            if not channel.shape
        }
        self._formulas = {}
        for channel in channels:
            formula = str(channel.attributes.get("formula", ""))
            try:
                self._formulas[channel.name] = Expression(formula, {*others, COUNT_TIME})
            except BadValue as error:
                raise BadValue(f"{self.label}: cannot calculate {channel.name}: {error}") from error
        names = frozenset().union(*(one.names for one in self._formulas.values())) - {COUNT_TIME}
        if self._inputs is None or self._inputs.scan.identifier != order.scan:
            self._inputs = Inputs(self.label, scan, sorted(names), order.first)

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
        return {name: float(formula(known)) for name, formula in self._formulas.items()}

    def break_off(self) -> None:
        """Wait for no more."""
        self._broken_off.set()

    def scan_left(self) -> None:
        """Forget the scan."""
        self._inputs = None
        self.show(tango.DevState.ON, f"{self.label}: ready")


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
