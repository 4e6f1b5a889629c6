"""What the parts of one controller share: its driver, and the look at all of them now and then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from ronda.devices.link import ANSWER_LIMIT, Link
from ronda.devices.process import Process
from ronda.devices.regulation.contract import RegulationController
from ronda.framework.errors import NotReady, RondaError

T = TypeVar("T")


class Part(Protocol):
    """An input, output or loop. All is called in the worker's thread if nothing else is said."""

    label: str

    def connected(self, driver: Any) -> None:
        """The controller answers: give it what it should know."""

    def take(self, reading: Any) -> None:
        """What the controller says."""

    def lost(self, error: RondaError) -> None:
        """The controller does not answer; any thread."""


class ControllerUser(Protocol):
    """The controller's own device."""

    def linked(self) -> None:
        """The controller answers; worker's thread."""

    def lost(self, error: RondaError) -> None:
        """The controller does not answer; any thread."""


class ControllerLink:
    """The link to one controller. It and its parts may join in any order."""

    def __init__(self, name: str) -> None:
        """No driver, no parts yet."""
        self.name = name
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._driver: RegulationController | None = None
        self._device: ControllerUser | None = None
        self.readings: dict[str, Any] = {}
        """What was last read of each part."""
        self._parts: Mapping[str, Mapping[str, Part]] = {"inputs": {}, "outputs": {}, "loops": {}}

    # -- the controller and its parts join and leave

    def open(self, process: Process, driver: RegulationController, device: ControllerUser) -> None:
        """Take the controller's driver and begin to connect."""
        with self._lock:
            self._driver, self._device = driver, device
            self._link = Link(driver, self)
        process.open(self._link)

    def close(self, process: Process) -> None:
        """Let go of the driver. The parts stay, and wait for the next one."""
        with self._lock:
            link, self._link, self._driver, self._device = self._link, None, None, None
        if link is not None:
            process.close(link)

    def add(self, what: str, part: Part) -> None:
        """Take one of the `inputs`, `outputs` or `loops`."""
        with self._lock:
            self._parts = {**self._parts, what: {**self._parts[what], part.label: part}}
            link = self._link
        if link is not None and link.error is None:
            link.submit(lambda: part.connected(self._driver))

    def remove(self, what: str, part: Part) -> None:
        """Let go of one."""
        with self._lock:
            self._parts = {
                **self._parts,
                what: {name: one for name, one in self._parts[what].items() if one is not part},
            }

    def reconfigure(self, parameters: Any) -> None:
        """Take changed live keys of the controller."""
        if self._driver is not None:
            self._driver.parameters = parameters
        self.poll_within(0.0)

    def labels(self, what: str) -> list[str]:
        """Names of its inputs, outputs or loops."""
        return sorted(self._parts[what])

    # -- what its devices ask for

    @property
    def driver_class(self) -> type[RegulationController] | None:
        """Class of the driver; None without one."""
        return None if self._driver is None else type(self._driver)

    def offers(self, hook: str) -> bool:
        """Whether the driver has an optional hook."""
        found = self.driver_class
        return found is not None and getattr(found, hook) is not getattr(RegulationController, hook)

    def run(self, who: str, what: str, call: Callable[[Any], T], limit: float = ANSWER_LIMIT) -> T:
        """Let the driver do something and wait for it.

        Raises:
            RondaError: as `Link.run`.
        """
        link, driver = self._link, self._driver
        if link is None or driver is None:
            raise NotReady(f"{who}: cannot {what}: {self.name} is not connected, see its Status")
        return link.run(who, what, lambda: call(driver), limit=limit)

    def run_first(self, who: str, what: str, call: Callable[[Any], T]) -> T:
        """The same before all other calls, for what makes things safe; it is owed if the controller does not answer."""
        link, driver = self._link, self._driver
        if link is None or driver is None:
            raise NotReady(f"{who}: cannot {what}: {self.name} is not connected, see its Status")
        return link.run_first(who, what, lambda: call(driver))

    def inside(self, call: Callable[[Any], T]) -> T:
        """Let the driver do something; for who is in the worker's thread already."""
        return call(self._driver)

    def poll_within(self, delay: float) -> None:
        """Look at all parts in at most `delay` s."""
        if self._link is not None:
            self._link.poll_within(delay)

    def silence(self) -> str:
        """A clause about a driver that takes long to answer, else empty."""
        return self._link.silence() if self._link is not None else ""

    # -- what the link asks for

    def connected(self) -> None:
        """The driver has connected."""
        for parts in self._parts.values():
            for part in parts.values():
                part.connected(self._driver)
        if self._device is not None:
            self._device.linked()

    def poll(self) -> float:
        """Look at all parts."""
        driver = self._driver
        if driver is None:
            return 1.0
        reads: Mapping[str, Callable[[list[str]], Mapping[str, Any]]] = {
            "inputs": driver.read_inputs,
            "outputs": driver.read_outputs,
            "loops": driver.read_loops,
        }
        for what, parts in self._parts.items():
            if parts:
                for name, reading in reads[what](list(parts)).items():
                    self.readings[name] = reading
                    parts[name].take(reading)
        if self._device is not None:
            self._device.linked()
        return float(driver.parameters.poll_period)

    def lost(self, error: RondaError) -> None:
        """Tell all parts."""
        self.readings = {}
        for parts in self._parts.values():
            for part in parts.values():
                part.lost(error)
        if self._device is not None:
            self._device.lost(error)

    def halt(self) -> None:
        """The server ends: a loop of the controller goes on; what software fed is let go by its loop."""

    def at_rest(self) -> bool:
        """Nothing is to be ended."""
        return True
