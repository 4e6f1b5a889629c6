"""The Tango device of an instrument with one driver of its own, which nothing has to be ended for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

import tango

from ronda.devices.device import RondaDevice
from ronda.devices.driver import Driver
from ronda.devices.link import Link
from ronda.framework.config.kinds import load_driver
from ronda.framework.config.parameters import Parameters
from ronda.framework.errors import NotReady, RondaError


class InstrumentDevice(RondaDevice):
    """Its driver runs in a link; what it does goes on when the server ends. Subclasses fill `forget` and `poll`.

    Attributes:
        kind: folder of its drivers.
        contract: of its drivers.
    """

    kind: ClassVar[str]
    contract: ClassVar[type[Driver]]

    # -- for subclasses

    def forget(self) -> None:
        """Nothing is known about the instrument: at the start, and when it does not answer."""
        raise NotImplementedError

    def poll(self) -> float:
        """Look at the instrument, in the worker's thread; returns the seconds until the next look."""
        raise NotImplementedError

    # -- life

    def model(self, configuration: Mapping[str, Any]) -> type[Parameters]:
        """The driver's keys."""
        found: type[Parameters] = self.driver_class(configuration).Parameters
        return found

    def driver_class(self, configuration: Mapping[str, Any]) -> type[Any]:
        """The driver that the configuration names."""
        return load_driver(self.kind, str(configuration.get("driver")), self.contract)

    def opened(self) -> None:
        """Make the driver and let it connect."""
        self._when = time.time()
        self.forget()
        self._driver: Any = self.driver_class(self.configuration)(self.label, self.settings and self.settings.values)
        self._link = Link(self._driver, self)
        self.show(tango.DevState.UNKNOWN, f"{self.label}: connecting")
        self.process.open(self._link)

    def closing(self) -> None:
        """Let go of the driver."""
        self.process.close(self._link)

    def settings_changed(self) -> None:
        """Take changed values of live keys."""
        self._driver.parameters = self.settings and self.settings.values
        self._link.poll_within(0.0)

    def remarks(self) -> list[str]:
        """What else is to be said in Status."""
        return [sentence for sentence in (self._link.silence(),) if sentence]

    # -- what the link asks for

    def connected(self) -> None:
        """The instrument answers."""

    def lost(self, error: RondaError) -> None:
        """The instrument does not answer."""
        self.forget()
        waiting = isinstance(error, NotReady)
        self.show(tango.DevState.UNKNOWN if waiting else tango.DevState.FAULT, f"{error}; trying again")

    def halt(self) -> None:
        """The server ends: the instrument stays as it is, so that a restart does not disturb what goes on."""

    def at_rest(self) -> bool:
        """Nothing is to be ended."""
        return True
