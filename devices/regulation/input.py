"""The Tango device of an input: of a controller, or of anything else that can be read."""

from __future__ import annotations

import math
import time
from typing import Any

import tango

from ronda.devices.device import attribute, command
from ronda.devices.regulation.contract import Reading
from ronda.devices.regulation.endpoints import Endpoints
from ronda.devices.regulation.input_parameters import RegulationInputParameters
from ronda.devices.regulation.part import PartDevice
from ronda.devices.regulation.sources import ExternalSource
from ronda.framework.errors import NotReady, RondaError
from ronda.framework.tango.regulation import InputAttribute, InputCommand

TELL_PERIOD = 0.1
"""Least seconds between two events of a value."""

Value = tuple[float, float, tango.AttrQuality]


class InputDevice(PartDevice):
    """One input. Loops of the same server measure it directly, others and people read `Value`."""

    what = "inputs"
    keys_of_driver = "InputParameters"
    keys_of_anything = RegulationInputParameters

    def opened(self) -> None:
        """Join the controller, or begin to look at what is read."""
        self._reading = Reading(math.nan, "not measured yet")
        self._when = time.time()
        self._told_at = 0.0
        self._endpoints = self.process.share(Endpoints, "regulation")
        self._external: ExternalSource | None = None
        self.show(tango.DevState.UNKNOWN, f"{self.label}: not measured yet")
        self.join()
        if self.controller is None:
            self._external = ExternalSource(self.label, self.settings and self.settings.values, self.take)
            self.process.open(self._external)
        self._endpoints.add_input(self.label, self)

    def closing(self) -> None:
        """Leave."""
        self._endpoints.remove(self.label)
        self.leave()
        if self._external is not None:
            self.process.close(self._external)

    def measure(self) -> Reading:
        """What it measures now, for loops of this server."""
        if self._external is not None:
            reading = self._external.measure()
            if reading.fault:
                self._reading = reading  # also when what it reads did not answer in time
            return reading
        assert self.controller is not None  # noqa: S101 - one of both
        try:
            readings = self.controller.run(self.label, "be read", lambda driver: driver.read_inputs([self.label]))
        except RondaError as error:
            self._reading = Reading(math.nan, str(error))
            return self._reading
        measured: Reading = readings[self.label]
        self.take(measured)
        return measured

    # -- what the controller tells

    def connected(self, driver: Any) -> None:
        """Nothing is to be set."""

    def take(self, reading: Reading) -> None:
        """Show a reading; any thread."""
        before, self._reading = self._reading, reading
        self._when = time.time()
        changed = reading.fault != before.fault
        if not changed and self._when - self._told_at < TELL_PERIOD:
            return
        self._told_at = self._when
        if changed:
            self.publish(InputAttribute.FAULT, reading.fault)
        if changed or reading.value != before.value:
            self.publish(InputAttribute.VALUE, *self._shown())
        if reading.fault:
            self.show(tango.DevState.ALARM, f"{self.label}: {reading.fault}")
        else:
            self.show(tango.DevState.ON, f"{self.label}: ready")

    def lost(self, error: RondaError) -> None:
        """There is no value."""
        self._reading = Reading(math.nan, str(error))
        self.publish(InputAttribute.VALUE, *self._shown())
        waiting = isinstance(error, NotReady)
        self.show(tango.DevState.UNKNOWN if waiting else tango.DevState.FAULT, f"{error}; trying again")

    # -- attributes and commands

    @attribute(name=InputAttribute.VALUE, dtype=float)
    def value(self) -> Value:
        """What it measures; INVALID while it has a fault."""
        return self._shown()

    @attribute(name=InputAttribute.FAULT, dtype=str)
    def fault(self) -> str:
        """Why the value is not to be trusted; empty if it is good."""
        return self._reading.fault

    @command(InputCommand.MEASURE, dtype_out=float, doc_out="In its unit; NaN while it has a fault, see Fault")
    def measure_command(self) -> float:
        """Measure now, for a loop of another server; `Value` may be as old as the time between two looks."""
        return self.wait(lambda: self.measure().value)

    def _shown(self) -> Value:
        bad = bool(self._reading.fault) or math.isnan(self._reading.value)
        quality = tango.AttrQuality.ATTR_INVALID if bad else tango.AttrQuality.ATTR_VALID
        return self._reading.value, self._when, quality
