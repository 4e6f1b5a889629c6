"""An object whose positions have names: `beamstop.IN()`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ronda.framework.clients.moved import MovedDevice
from ronda.framework.clients.remote import Remote
from ronda.framework.tango.names import MultipositionAttribute


class Multiposition(MovedDevice):
    """An object with named positions; each name is a method that moves there.

    Attributes:
        positions: descriptions of the positions, by name.
    """

    def __init__(self, remote: Remote, tango_class: str, configuration: Mapping[str, Any]) -> None:
        super().__init__(remote, tango_class)
        self.positions = {
            name: str(keys.get("description", "")) for name, keys in configuration.get("positions", {}).items()
        }

    def __info__(self) -> str:
        """Where it stands and where it may go; the shell shows it when the object is typed."""
        width = max(map(len, self.positions), default=0)
        here = self.position
        lines = [
            f"{'→' if name == here else ' '} {name:{width}}  {text}".rstrip() for name, text in self.positions.items()
        ]
        return "\n".join([f"{self.name} stands at {here}", *lines])

    @property
    def position(self) -> str:
        """Name of the position where it stands; `unknown` between positions."""
        return str(self.read(MultipositionAttribute.POSITION))

    def move(self, name: str, *, wait: bool = True) -> None:
        """Move to a position. Ctrl-C stops it.

        Args:
            name: of the position.
            wait: whether to return only when it is there.

        Raises:
            BadValue: there is no such position.
            OutOfRange, Busy, NotReady, NotAllowed: an axis cannot be moved so.
            HardwareFault: it does not arrive.
        """
        self._go(MultipositionAttribute.POSITION, name, wait=wait)

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name in self.__dict__.get("positions", ()):
            return partial(self.move, name)
        known = ", ".join(self.__dict__.get("positions", ()))
        raise AttributeError(f"{self.__dict__.get('name')}: has no position {name}; it has {known}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.positions]
