"""A shutter: `fsh.open()`, `fsh.close()`, `fsh.state`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ronda.framework.clients.device import Device
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import HardwareFault, TimedOut
from ronda.framework.tango.names import ShutterAttribute, ShutterCommand

PAUSE = 0.005
"""Seconds between two looks at a shutter that moves."""

OPEN, CLOSED, MOVING = "OPEN", "CLOSED", "MOVING"

MARGIN = 5.0
"""Seconds beyond the shutter's own time limit after which it is waited for no longer."""


class Shutter(Device):
    """A shutter that opens and closes the beam.

    Attributes:
        safety: whether it is a safety shutter of the beamline, which no scan ever moves.
        time_limit: s that it may take to open or to close.
    """

    def __init__(self, remote: Remote, tango_class: str, configuration: Mapping[str, Any]) -> None:
        super().__init__(remote, tango_class)
        self.safety = bool(configuration.get("safety", False))
        self.time_limit = float(configuration.get("time_limit", 10.0))
        self._description = str(configuration.get("description", ""))

    def __info__(self) -> str:
        """Where it is and why; the shell shows it when the object is typed."""
        head = self.status.partition("\n")[0]
        return f"{head}  ({self._description})" if self._description else head

    @property
    def state(self) -> str:
        """`OPEN`, `CLOSED` or `MOVING`; as Tango spells it (`FAULT`, `UNKNOWN`) if it is none of them."""
        tango_state = self.remote.state()
        if tango_state != "ON":
            return tango_state
        return str(self.read(ShutterAttribute.POSITION)).upper()

    @property
    def is_open(self) -> bool:
        """Whether the beam passes."""
        return self.state == OPEN

    @property
    def forbidden(self) -> str:
        """Why it may not be opened; empty if it may."""
        return str(self.read(ShutterAttribute.FORBIDDEN) or "")

    def open(self, *, wait: bool = True) -> None:
        """Let the beam through. Ctrl-C while it opens closes it again.

        Args:
            wait: whether to return only when it is open.

        Raises:
            NotAllowed: an interlock forbids it; the sentence says which.
            HardwareFault, TimedOut: it does not open.
        """
        self.command(ShutterCommand.OPEN)
        if wait:
            try:
                self._arrive(OPEN)
            except HardwareFault:
                raise
            except BaseException:
                self.command(ShutterCommand.CLOSE)
                raise

    def close(self, *, wait: bool = True) -> None:
        """Shut the beam off. Ctrl-C only ends the waiting.

        Args:
            wait: whether to return only when it is closed.

        Raises:
            HardwareFault, TimedOut: it does not close.
        """
        self.command(ShutterCommand.CLOSE)
        if wait:
            self._arrive(CLOSED)

    def _arrive(self, wanted: str) -> None:
        deadline = time.monotonic() + self.time_limit + MARGIN
        while (state := self.state) == MOVING:
            if time.monotonic() > deadline:
                raise TimedOut(
                    f"{self.name}: still moves {self.time_limit + MARGIN:g} s after it was told to be {wanted.lower()}"
                )
            time.sleep(PAUSE)
        if state != wanted:
            raise HardwareFault(self.status.partition("\n")[0])
