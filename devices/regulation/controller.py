"""The Tango device of a regulation controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tango

from ronda.devices.device import RondaDevice, attribute, command
from ronda.devices.regulation.contract import RegulationController
from ronda.devices.regulation.controller_link import ControllerLink
from ronda.devices.regulation.kind import entry_model
from ronda.framework.config.kinds import load_driver
from ronda.framework.config.parameters import Parameters
from ronda.framework.errors import NotReady, RondaError
from ronda.framework.tango.regulation import RegulationControllerAttribute, RegulationControllerCommand


def driver_class(configuration: Mapping[str, Any]) -> type[RegulationController]:
    """The driver that a configuration names."""
    return load_driver("regulation", str(configuration.get("driver")), RegulationController)


class ControllerDevice(RondaDevice):
    """A regulation controller: the state of its connection."""

    def model(self, configuration: Mapping[str, Any]) -> type[Parameters]:
        """The driver's keys, and what the controller has."""
        return entry_model(driver_class(configuration))  # type: ignore[arg-type]  # a class is hashable

    def opened(self) -> None:
        """Make the driver and let it connect."""
        self._controller = self.process.share(ControllerLink, self.label)
        self.show(tango.DevState.UNKNOWN, f"{self.label}: connecting")
        driver = driver_class(self.configuration)(self.label, self.settings and self.settings.values)
        self._controller.open(self.process, driver, self)

    def closing(self) -> None:
        """Let go of the driver."""
        self._controller.close(self.process)

    def settings_changed(self) -> None:
        """Take changed polling periods."""
        if self.settings is not None:
            self._controller.reconfigure(self.settings.values)

    def remarks(self) -> list[str]:
        """What else is to be said in Status."""
        return [sentence for sentence in (self._controller.silence(),) if sentence]

    def linked(self) -> None:
        """The controller answers."""
        self.show(tango.DevState.ON, f"{self.label}: connected")

    def lost(self, error: RondaError) -> None:
        """The controller does not answer."""
        waiting = isinstance(error, NotReady)
        self.show(tango.DevState.UNKNOWN if waiting else tango.DevState.FAULT, f"{error}; trying again")

    @attribute(name=RegulationControllerAttribute.INPUTS, dtype=(str,), max_dim_x=1000, events=False)
    def inputs(self) -> list[str]:
        """Names of its inputs."""
        return self._controller.labels("inputs")

    @attribute(name=RegulationControllerAttribute.OUTPUTS, dtype=(str,), max_dim_x=1000, events=False)
    def outputs(self) -> list[str]:
        """Names of its outputs."""
        return self._controller.labels("outputs")

    @attribute(name=RegulationControllerAttribute.LOOPS, dtype=(str,), max_dim_x=1000, events=False)
    def loops(self) -> list[str]:
        """Names of the loops that it runs itself."""
        return self._controller.labels("loops")

    @command(
        RegulationControllerCommand.QUERY,
        dtype_in=str,
        doc_in="A line in the controller's own language; nothing checks what it does",
        dtype_out=str,
        doc_out="The controller's answer",
        display_level=tango.DispLevel.EXPERT,
    )
    def query(self, line: str) -> str:
        """Speak to the controller directly."""
        self.log.warning("raw query", line=line)
        ask = f"ask {line!r}"
        return str(self.wait(lambda: self._controller.run(self.label, ask, lambda driver: driver.query(line))))
