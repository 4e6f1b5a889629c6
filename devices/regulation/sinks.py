"""Where the values of outputs go: to a controller, to an attribute of any Tango device, or to an axis."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any, Protocol

import tango

from ronda.devices.regulation.contract import Reading
from ronda.devices.regulation.controller_link import ControllerLink
from ronda.devices.regulation.input_parameters import RegulationOutputParameters
from ronda.devices.regulation.sources import AttributeReader
from ronda.devices.worker import Worker
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import RondaError, TimedOut
from ronda.framework.expression import Expression
from ronda.framework.tango.names import AxisAttribute, AxisCommand

ANSWER_LIMIT = 2.5
"""Seconds that a write may take; Tango clients give up after 3."""

STOP_LIMIT = 1.5
"""Seconds that an axis may take to stand still before it goes to its safe position; then it is tried again."""

LOOK_PERIOD = 0.01
"""Seconds between two looks whether it stands."""


class Sink(Protocol):
    """Where an output goes. Methods raise RondaError if it does not answer or refuses."""

    def write(self, value: float) -> float:
        """Set it; returns what it was really set to."""
        ...

    def secure(self, value: float) -> None:
        """Set it before everything else, and as soon as it answers again if it does not."""

    def read(self) -> float:
        """Where it is."""
        ...

    def guard(self, seconds: float, safe_value: float) -> None:
        """Let the hardware itself bring it to a value when it is not written for so long; 0 ends that."""

    def begin(self) -> None:
        """A loop begins to feed it."""


class ControllerSink:
    """An output of a controller."""

    def __init__(self, name: str, link: ControllerLink) -> None:
        self._name = name
        self._link = link

    def write(self, value: float) -> float:
        """Set it."""
        self._link.run(self._name, f"be set to {value:g}", lambda driver: driver.write_output(self._name, value))
        return value

    def secure(self, value: float) -> None:
        """Set it first."""
        self._link.run_first(self._name, f"go to {value:g}", lambda driver: driver.write_output(self._name, value))

    def read(self) -> float:
        """Ask the controller."""
        readings = self._link.run(self._name, "be read", lambda driver: driver.read_outputs([self._name]))
        reading: Reading = readings[self._name]
        return reading.value

    def guard(self, seconds: float, safe_value: float) -> None:
        """Use the controller's watchdog if it has one."""
        if self._link.offers("guard_output"):
            self._link.run(
                self._name, "be guarded", lambda driver: driver.guard_output(self._name, seconds, safe_value)
            )

    def begin(self) -> None:
        """Nothing is to be prepared."""


class ExternalSink:
    """An attribute or an axis of any server, set in a thread of its own."""

    def __init__(
        self, name: str, parameters: Any, take: Callable[[Reading], None], lost: Callable[[RondaError], None]
    ) -> None:
        """Begins with `start`.

        Args:
            name: of the output.
            parameters: its keys.
            take: told where it is, now and then.
            lost: told why it does not answer.
        """
        self.name = name
        self._parameters: RegulationOutputParameters = parameters
        self._take, self._lost = take, lost
        self._there = _Axis(parameters) if parameters.axis is not None else _Attribute(str(parameters.attribute))
        self._forth = Expression(parameters.formula) if parameters.formula else None
        self._back = Expression(parameters.inverse) if parameters.inverse else None
        self._worker = Worker(name, self._poll)
        self._owed: float | None = None

    def write(self, value: float) -> float:
        """Set it."""
        return float(self._ask(f"be set to {value:g}", lambda: self._write(value)))

    def secure(self, value: float) -> None:
        """Set it; if it does not answer now, as soon as it does."""
        self._owed = value
        self._ask(f"go to {value:g}", self._pay, urgent=True)

    def read(self) -> float:
        """Where it is."""
        return float(self._ask("be read", self._read))

    def guard(self, seconds: float, safe_value: float) -> None:
        """Nobody else guards it."""

    def begin(self) -> None:
        """Learn where an axis stands from which relative moves are counted."""
        self._ask("be used by a loop", self._there.begin)

    # -- what the process asks for

    def start(self) -> None:
        """Begin to look now and then."""
        self._worker.start()

    def check(self) -> None:
        """Calls in hand end by themselves."""

    def halt(self) -> None:
        """Nothing is to be ended."""

    def at_rest(self) -> bool:
        """Nothing is to be ended."""
        return True

    def close(self) -> None:
        """End."""
        self._worker.close(0.5)

    # -- in the thread

    def _ask(self, what: str, call: Callable[[], Any], *, urgent: bool = False) -> Any:
        future = self._worker.submit(call, urgent=urgent)
        try:
            return future.result(ANSWER_LIMIT)
        except (TimeoutError, CancelledError) as error:
            future.cancel()
            raise TimedOut(
                f"{self.name}: cannot {what}: what it sets has not answered within {ANSWER_LIMIT:g} s"
            ) from error

    def _poll(self) -> float:
        try:
            self._pay()
            self._take(Reading(self._read()))
        except RondaError as error:
            self._lost(error)
        return self._parameters.poll_period

    def _pay(self) -> None:
        if self._owed is not None:
            self._there.stop()
            self._write(self._owed)
            self._owed = None

    def _write(self, value: float) -> float:
        if self._owed is not None and value != self._owed:
            self._owed = None
        there = value if self._forth is None else float(self._forth({"x": value}))
        reached = self._there.write(there)
        return value if reached == there else self._meant(reached)

    def _read(self) -> float:
        return self._meant(self._there.read())

    def _meant(self, there: float) -> float:
        return there if self._back is None else float(self._back({"x": there}))


class _Attribute:
    """An attribute that is written."""

    def __init__(self, address: str) -> None:
        self._reader = AttributeReader(address)

    def begin(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def write(self, value: float) -> float:
        self._reader.remote.write(self._reader.attribute, value)
        return value

    def read(self) -> float:
        return self._reader()


class _Axis:
    """An axis that is moved; while it still moves, it is left alone."""

    def __init__(self, parameters: RegulationOutputParameters) -> None:
        self._remote = Remote(str(parameters.axis), str(parameters.axis), tango.DeviceProxy)
        self._parameters = parameters
        self._zero = 0.0
        self._target = math.nan

    def begin(self) -> None:
        self._target = float(self._remote.read(AxisAttribute.POSITION))
        self._zero = self._target if self._parameters.moves == "relative" else 0.0

    def stop(self) -> None:
        if self._remote.state() != "MOVING":
            return
        self._remote.command(AxisCommand.STOP)
        deadline = time.monotonic() + STOP_LIMIT
        while self._remote.state() == "MOVING":
            if time.monotonic() > deadline:
                raise TimedOut(f"{self._remote.name}: still moves {STOP_LIMIT:g} s after it was stopped")
            time.sleep(LOOK_PERIOD)

    def write(self, value: float) -> float:
        target = value + self._zero
        near = abs(target - self._target) < self._parameters.least_move
        if target == self._target or near or self._remote.state() == "MOVING":
            return value if near or target == self._target else self._target - self._zero
        self._remote.write(AxisAttribute.POSITION, target)
        self._target = target
        return value

    def read(self) -> float:
        return float(self._remote.read(AxisAttribute.POSITION)) - self._zero
