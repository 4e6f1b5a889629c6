"""What objects have in common that stand on axes: moving, waiting, stopping."""

from __future__ import annotations

import time
from typing import Any

from ronda.framework.clients.device import Device
from ronda.framework.errors import HardwareFault

PAUSE = 0.02
"""Seconds between two looks at an object that moves."""


class MovedDevice(Device):
    """A device that moves when one of its attributes is written."""

    def _go(self, attribute: str, value: Any, *, wait: bool) -> None:
        self.write(attribute, value)
        if wait:
            try:
                self.wait()
            except BaseException:
                self.stop()
                raise

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it stands; returns whether it does.

        Args:
            timeout: seconds; None for as long as it takes.

        Raises:
            HardwareFault: it stands, but not as it should.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (state := self.state) == "MOVING":
            if deadline is not None and time.monotonic() >= deadline:
                return False
            time.sleep(PAUSE)
        if state in ("FAULT", "ALARM"):
            raise HardwareFault(self.status.partition("\n")[0])
        return True

    def stop(self) -> None:
        """Decelerate what moves; harmless when it stands."""
        self.command("Stop")
