"""What loops read and drive: inputs and outputs of their own server, found by name, or of others, over Tango."""

from __future__ import annotations

import math
import threading
from typing import Any, Protocol

import tango

from ronda.devices.regulation.contract import Reading
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import RondaError
from ronda.framework.tango.regulation import InputAttribute, InputCommand, OutputAttribute, OutputCommand


class InputEnd(Protocol):
    """An input."""

    def measure(self) -> Reading:
        """What it measures now; what goes wrong is a fault of the reading."""
        ...


class OutputEnd(Protocol):
    """An output."""

    def limits(self) -> tuple[float, float]:
        """Lowest and highest value."""
        ...

    def safe_value(self) -> float:
        """Where it is safe."""
        ...

    def take_over(self, loop: str) -> float:
        """A loop begins to feed it; returns where it is, NaN if nobody knows. Relative moves count from here.

        Raises:
            Busy: another loop feeds it.
            RondaError: it does not answer.
        """
        ...

    def feed(self, loop: str, value: float) -> float:
        """Give it a value from a loop; returns what its limits and slew rate made of it.

        Raises:
            Busy: another loop feeds it.
            RondaError: it does not answer.
        """
        ...

    def release(self, loop: str, how: str) -> None:
        """Feed it no more: `hold` leaves it where it is, `off` brings it to its safe value, `lost` as YAML says.

        Raises:
            RondaError: it does not answer.
        """
        ...


class Endpoints:
    """The inputs and outputs of one server, by name."""

    def __init__(self, _name: str) -> None:
        """None yet."""
        self._lock = threading.Lock()
        self._inputs: dict[str, InputEnd] = {}
        self._outputs: dict[str, OutputEnd] = {}

    def add_input(self, name: str, end: InputEnd) -> None:
        """Take an input."""
        with self._lock:
            self._inputs[name.lower()] = end

    def add_output(self, name: str, end: OutputEnd) -> None:
        """Take an output."""
        with self._lock:
            self._outputs[name.lower()] = end

    def remove(self, name: str) -> None:
        """Let go of one."""
        with self._lock:
            self._inputs.pop(name.lower(), None)
            self._outputs.pop(name.lower(), None)

    def input(self, name: str) -> InputEnd:
        """An input of this server, or of another one."""
        with self._lock:
            return self._inputs.get(name.lower()) or RemoteInput(name)

    def output(self, name: str) -> OutputEnd:
        """An output of this server, or of another one."""
        with self._lock:
            return self._outputs.get(name.lower()) or RemoteOutput(name)


class RemoteInput:
    """An input of another server. To be used in one thread."""

    def __init__(self, name: str) -> None:
        self._remote = Remote(name, name, tango.DeviceProxy)

    def measure(self) -> Reading:
        """Ask its device."""
        try:
            value = float(self._remote.command(InputCommand.MEASURE))
            if not math.isnan(value):
                return Reading(value)
            return Reading(math.nan, str(self._remote.read(InputAttribute.FAULT)) or "no value")
        except RondaError as error:
            return Reading(math.nan, str(error))


class RemoteOutput:
    """An output of another server. To be used in one thread."""

    def __init__(self, name: str) -> None:
        self._remote = Remote(name, name, tango.DeviceProxy)
        self._limits: tuple[float, float] | None = None

    def limits(self) -> tuple[float, float]:
        """Ask once."""
        if self._limits is None:
            low, high = self._remote.read_many([OutputAttribute.LOW_LIMIT, OutputAttribute.HIGH_LIMIT])
            self._limits = float(low), float(high)
        return self._limits

    def safe_value(self) -> float:
        """Ask."""
        return float(self._remote.read(OutputAttribute.SAFE_VALUE))

    def take_over(self, loop: str) -> float:
        """Tell its device."""
        return float(self._remote.command(OutputCommand.TAKE_OVER, loop))

    def feed(self, loop: str, value: float) -> float:
        """Give it to its device."""
        return float(self._remote.command(OutputCommand.FEED, ([value], [loop])))

    def release(self, loop: str, how: str) -> None:
        """Tell its device."""
        self._remote.command(OutputCommand.RELEASE, [loop, how])


def number(value: Any) -> float:
    """A number as Tango sends it; NaN for none."""
    return math.nan if value is None else float(value)
