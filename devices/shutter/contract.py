"""What a driver of a shutter provides: where its blade is, whether it may open, and orders to open and to close."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from ronda.devices.driver import Driver
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import parameter


class ShutterPosition(StrEnum):
    """Where the blade is."""

    OPEN = "open"
    CLOSED = "closed"
    BETWEEN = "between"


class ShutterParameters(DeviceParameters):
    """A shutter. A driver adds the keys that it needs, such as `address`."""

    safety: bool = parameter(
        "Whether it is the safety shutter: `shopen()` and `shclose()` without a name mean it, and no scan moves it",
        False,
    )
    time_limit: float = parameter(
        "Longest time that it may take to open or to close; more is a fault", 10.0, unit="s", gt=0, le=600, live=True
    )
    poll_period: float = parameter("Time between two looks while it moves", 0.02, unit="s", ge=0.001, le=1, live=True)
    idle_poll_period: float = parameter(
        "Time between two looks while it stands: others move it too, and an interlock may close it",
        1.0,
        unit="s",
        ge=0.05,
        le=60,
        live=True,
    )


@dataclass(frozen=True, slots=True)
class ShutterReading:
    """What the hardware says.

    Attributes:
        position: where the blade is.
        forbidden: why it may not be opened, as a clause such as `the hutch is not searched`; empty if it may.
    """

    position: ShutterPosition
    forbidden: str = ""


class Shutter(Driver):
    """One shutter."""

    Parameters: ClassVar[type[ShutterParameters]] = ShutterParameters

    def read(self) -> ShutterReading:
        """Where it is, and whether it may open; in one exchange if the hardware can."""
        raise NotImplementedError

    def open(self) -> None:
        """Order it to open; returns without waiting for it.

        Raises:
            HardwareFault: the hardware refuses.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Order it to close; returns without waiting for it.

        Raises:
            HardwareFault: the hardware refuses.
        """
        raise NotImplementedError
