"""Any Tango device of the beamline that has no class of its own here."""

from __future__ import annotations

from typing import Any

from ronda.framework.clients.remote import Remote


class Device:
    """A device by name; its attributes and commands are read, written and run by their Tango names.

    Attributes:
        name: its name in YAML.
        tango_class: what it is.
    """

    def __init__(self, remote: Remote, tango_class: str) -> None:
        self.name = remote.name
        self.tango_class = tango_class
        self.remote = remote

    def __repr__(self) -> str:
        return f"<{self.tango_class} {self.name}>"

    def __info__(self) -> str:
        """Its state and what its attributes say; the shell shows it when the device is typed."""
        from ronda.framework.clients.device_table import device_table

        return device_table(self)

    @property
    def state(self) -> str:
        """State, as Tango spells it."""
        return self.remote.state()

    @property
    def status(self) -> str:
        """What the device says about its state."""
        return self.remote.status()

    def read(self, attribute: str) -> Any:
        """The value of an attribute."""
        return self.remote.read(attribute)

    def write(self, attribute: str, value: Any) -> None:
        """Write an attribute."""
        self.remote.write(attribute, value)

    def command(self, name: str, argument: Any = None) -> Any:
        """Run a command; returns what it answers."""
        return self.remote.command(name, argument)
