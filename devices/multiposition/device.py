"""The Tango device of an object whose positions have names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tango

from ronda.devices.axis_group import AxisState
from ronda.devices.device import RondaDevice, attribute, command
from ronda.devices.multiposition.parameters import MultipositionParameters
from ronda.devices.places import Places
from ronda.framework.errors import BadValue, NotReady, RondaError
from ronda.framework.tango.names import MultipositionAttribute, MultipositionCommand

BETWEEN = "unknown"
"""What Position says when the axes stand at no position that has a name."""


class MultipositionDevice(RondaDevice):
    """An object with named positions; its Position is the name of the one where all axes stand, or `unknown`."""

    def model(self, configuration: Mapping[str, Any]) -> type[MultipositionParameters]:
        """Its keys."""
        del configuration
        return MultipositionParameters

    @property
    def parameters(self) -> MultipositionParameters:
        """What it goes by."""
        if self.settings is None:
            raise NotReady(self.get_status())
        found: MultipositionParameters = self.settings.values
        return found

    def opened(self) -> None:
        """Begin to look for the axes."""
        self._position: str | None = None
        self._error: RondaError = NotReady(f"{self.label}: its axes have not answered yet")
        self._target = ""
        self.show(tango.DevState.UNKNOWN, str(self._error))
        parameters = self.parameters
        self._places = Places(self.label, parameters.axes(), self, parameters.idle_poll_period)
        self._places.open(self.process)

    def closing(self) -> None:
        """Let go of the axes; a motion of them goes on."""
        self._places.close(self.process)

    def settings_changed(self) -> None:
        """Take changed positions."""
        self.publish(MultipositionAttribute.POSITION_NAMES, list(self.parameters.positions))
        self._places.look()

    def remarks(self) -> list[str]:
        """What else is to be said in Status."""
        return [sentence for sentence in (self._places.silence(),) if sentence]

    # -- what its axes tell, in the worker's thread

    def begun(self, goal: str) -> None:
        """A move has begun."""
        self._target = goal
        self.show(tango.DevState.MOVING, f"{self.label}: moving to {goal}")
        self.publish(MultipositionAttribute.TARGET, goal)

    def take(self, states: Mapping[str, AxisState], complaint: tuple[str, str] | None, *, moving: bool) -> None:
        """Take where the axes are. At the end of a move the position goes out before the state."""
        found = self._where(states)
        if found != self._position and (not moving or found == BETWEEN):
            self._position = found
            self.publish(MultipositionAttribute.POSITION, found)
        if moving:
            if self.get_state() != tango.DevState.MOVING:
                self.show(tango.DevState.MOVING, f"{self.label}: moving")
        elif complaint is not None:
            self.show(getattr(tango.DevState, complaint[0]), f"{self.label}: {complaint[1]}")
        elif found == BETWEEN:
            self.show(tango.DevState.ON, f"{self.label}: stands at no position that has a name")
        else:
            self.show(tango.DevState.ON, f"{self.label}: stands at {found}")

    def lost(self, error: RondaError) -> None:
        """An axis cannot be reached."""
        self._position, self._error = None, error
        waiting = isinstance(error, NotReady)
        self.show(tango.DevState.UNKNOWN if waiting else tango.DevState.FAULT, f"{self.label}: {error}")

    # -- attributes and commands

    @attribute(name=MultipositionAttribute.POSITION, dtype=str)
    def position(self) -> str:
        """Name of the position where it stands; `unknown` between positions. Writing it begins to move there."""
        if self._position is None:
            raise type(self._error)(f"{self.label}: cannot be read: {self._error}")
        return self._position

    @position.write
    def write_position(self, name: str) -> None:
        """Move."""
        self.wait(lambda: self._move(name))

    @attribute(name=MultipositionAttribute.TARGET, dtype=str)
    def target(self) -> str:
        """Name of the position where the latest move went; empty before the first one."""
        return self._target

    @attribute(name=MultipositionAttribute.POSITION_NAMES, dtype=(str,), max_dim_x=1000)
    def position_names(self) -> list[str]:
        """Names of all positions."""
        return list(self.parameters.positions)

    @command(MultipositionCommand.STOP)
    def stop(self) -> None:
        """Decelerate all axes."""
        self.wait(self._places.stop)

    @command(MultipositionCommand.ABORT)
    def abort(self) -> None:
        """Stop all axes as fast as the hardware can."""
        self.wait(lambda: self._places.stop(abort=True))

    # -- tools

    def _move(self, name: str) -> None:
        parameters = self.parameters
        if name not in parameters.positions:
            raise BadValue(f"{self.label}: has no position {name!r}; it has {', '.join(parameters.positions)}")
        axes = parameters.positions[name].axes
        self._places.move(name, [axes] if parameters.order == "together" else [{axis: axes[axis]} for axis in axes])

    def _where(self, states: Mapping[str, AxisState]) -> str:
        parameters = self.parameters
        for name, position in parameters.positions.items():
            if all(
                abs(states[axis].position - target) <= parameters.tolerance_of(axis)
                for axis, target in position.axes.items()
            ):
                return name
        return BETWEEN
