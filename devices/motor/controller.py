"""The Tango device of a motor controller."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import tango

from ronda.devices.device import RondaDevice, attribute, command
from ronda.devices.motor.contract import ControllerParameters, MotorController
from ronda.devices.motor.journey import together
from ronda.devices.motor.motion import Motion
from ronda.framework.config.kinds import load_driver
from ronda.framework.errors import BadValue, NotReady, RondaError
from ronda.framework.tango.names import MotorControllerAttribute, MotorControllerCommand


class ControllerDevice(RondaDevice):
    """A motor controller: the state of its connection, and what concerns all of its axes."""

    def model(self, configuration: Mapping[str, Any]) -> type[ControllerParameters]:
        """The driver's keys."""
        found: type[ControllerParameters] = self._driver_class(configuration).Parameters
        return found

    def opened(self) -> None:
        """Make the driver and let it connect."""
        self._motion = self.process.share(Motion, self.label)
        self.show(tango.DevState.UNKNOWN, f"{self.label}: connecting")
        driver = self._driver_class(self.configuration)(self.label, self.settings and self.settings.values)
        self._motion.open(self.process, driver, self)

    def closing(self) -> None:
        """Let go of the driver."""
        self._motion.close(self.process)

    def settings_changed(self) -> None:
        """Take changed polling periods."""
        if self.settings is not None:
            self._motion.reconfigure(self.settings.values)

    def remarks(self) -> list[str]:
        """What else is to be said in Status."""
        return [sentence for sentence in (self._motion.silence(),) if sentence]

    # -- what the motion tells

    def linked(self) -> None:
        """The controller answers."""
        self.show(tango.DevState.ON, f"{self.label}: connected")

    def lost(self, error: RondaError) -> None:
        """The controller does not answer."""
        state = tango.DevState.UNKNOWN if isinstance(error, NotReady) else tango.DevState.FAULT
        self.show(state, f"{error}; trying again" if state == tango.DevState.FAULT else str(error))

    # -- attributes and commands

    @attribute(name=MotorControllerAttribute.AXES, dtype=(str,), max_dim_x=1000, events=False)
    def axes(self) -> list[str]:
        """Names of its axes."""
        return self._motion.labels()

    @attribute(name=MotorControllerAttribute.STARTS_TOGETHER, dtype=bool, events=False)
    def starts_together(self) -> bool:
        """Whether the axes of one MoveTogether begin to move together in hardware."""
        return self._driver_class(self.configuration).starts_together

    @command(MotorControllerCommand.STOP)
    def stop(self) -> None:
        """Decelerate all axes."""
        self.wait(lambda: self._motion.stop_all(self.label))

    @command(MotorControllerCommand.ABORT)
    def abort(self) -> None:
        """Stop all axes as fast as the hardware can."""
        self.wait(lambda: self._motion.stop_all(self.label, abort=True))

    @command(
        MotorControllerCommand.MOVE_TOGETHER,
        dtype_in=str,
        doc_in='User positions by axis, a JSON object: {"samx": 1.5, "samy": 0}',
    )
    def move_together(self, targets: str) -> None:
        """Start moves of several axes at the same moment, as far as the controller can; all or none."""
        self._move(targets, coordinated=False)

    @command(
        MotorControllerCommand.MOVE_COORDINATED,
        dtype_in=str,
        doc_in='User positions by axis, a JSON object: {"samx": 1.5, "samy": 0}',
    )
    def move_coordinated(self, targets: str) -> None:
        """The same, and all end at the same moment: each but the slowest has a lower velocity for this move."""
        self._move(targets, coordinated=True)

    @command(
        MotorControllerCommand.QUERY,
        dtype_in=str,
        doc_in="A line in the controller's own language; nothing checks what it does",
        dtype_out=str,
        doc_out="The controller's answer",
        display_level=tango.DispLevel.EXPERT,
    )
    def query(self, line: str) -> str:
        """Speak to the controller directly."""
        self.log.warning("raw query", line=line)
        return self.wait(lambda: self._motion.run(self.label, f"ask {line!r}", lambda driver: driver.query(line)))

    def _move(self, targets: str, *, coordinated: bool) -> None:
        places = _targets(self.label, targets)
        what = "move " + ", ".join(f"{name} to {place:g}" for name, place in places.items())
        journeys = [self._motion.axis(self.label, name).plan(place) for name, place in places.items()]
        if coordinated:
            together(self.label, what, journeys)
        self.wait(lambda: self._motion.start(self.label, what, journeys))

    def _driver_class(self, configuration: Mapping[str, Any]) -> type[MotorController]:
        return load_driver("motor", str(configuration.get("driver")), MotorController)


def _targets(who: str, text: str) -> dict[str, float]:
    """User positions by axis, from JSON."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found:
        raise BadValue(f'{who}: expects a JSON object such as {{"samx": 1.5, "samy": 0}}, not {text[:80]!r}')
    for name, place in found.items():
        if isinstance(place, bool) or not isinstance(place, int | float):
            raise BadValue(f"{who}: the position of {name} should be a number, not {place!r}")
    return {name: float(place) for name, place in found.items()}
