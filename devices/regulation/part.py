"""What the devices of a controller's inputs, outputs and loops have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ronda.devices.device import RondaDevice
from ronda.devices.regulation.controller import driver_class
from ronda.devices.regulation.controller_link import ControllerLink
from ronda.framework.config.parameters import Parameters
from ronda.framework.errors import RondaError


class PartDevice(RondaDevice):
    """An input, output or loop: of a controller, or an input or output made of anything.

    Attributes:
        what: `inputs`, `outputs` or `loops`.
        keys_of_driver: where a driver has the model of its keys.
        keys_of_anything: model of one that is made of anything; None if there are none.
        controller: the link to its controller once it has joined; None without a controller.
    """

    place = frozenset({"controller"})
    what: ClassVar[str]
    keys_of_driver: ClassVar[str]
    keys_of_anything: ClassVar[type[Parameters] | None] = None
    controller: ControllerLink | None = None

    def model(self, configuration: Mapping[str, Any]) -> type[Parameters]:
        """Its keys, which the driver of its controller may have extended."""
        if "controller" not in configuration and self.keys_of_anything is not None:
            return self.keys_of_anything
        found: type[Parameters] = getattr(driver_class(configuration), self.keys_of_driver)
        return found

    def _parameters(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        found = super()._parameters(configuration)
        if "controller" in configuration:
            del found["driver"]
        return found

    # -- what the controller tells, for subclasses

    def connected(self, driver: Any) -> None:
        """The controller answers (again)."""
        raise NotImplementedError

    def take(self, reading: Any) -> None:
        """Show a reading; any thread."""
        raise NotImplementedError

    def lost(self, error: RondaError) -> None:
        """The controller does not answer; any thread."""
        raise NotImplementedError

    # -- for subclasses to use

    def join(self) -> None:
        """Become a part of the controller, if it is one of a controller."""
        self.controller = None
        if "controller" in self.configuration:
            self.controller = self.process.share(ControllerLink, str(self.configuration["controller"]))
            self.controller.add(self.what, self)

    def leave(self) -> None:
        """Be a part of the controller no more."""
        if self.controller is not None:
            self.controller.remove(self.what, self)
