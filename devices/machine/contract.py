"""What a driver of the machine provides: its current, the front end, and when the next top-up is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ronda.devices.attributes import ArchiveParameters
from ronda.devices.driver import Driver
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import parameter


class MachineParameters(DeviceParameters):
    """The machine that makes the beam. A driver adds the keys that it needs, such as `address`."""

    lowest_current: float = parameter(
        "Current below which there is no beam worth measuring with", 5.0, unit="mA", ge=0, live=True
    )
    poll_period: float = parameter("Time between two looks", 1.0, unit="s", ge=0.1, le=60, live=True)
    archive: ArchiveParameters | None = parameter("When an archiver stores the current", None)


@dataclass(frozen=True, slots=True)
class MachineReading:
    """What the machine says.

    Attributes:
        current: stored in the ring, in mA.
        front_end_open: whether the beam comes through to the beamline.
        seconds_to_top_up: until the next injection begins, 0 during one; None if none is planned.
    """

    current: float
    front_end_open: bool
    seconds_to_top_up: float | None


class Machine(Driver):
    """The machine."""

    Parameters: ClassVar[type[MachineParameters]] = MachineParameters

    def read(self) -> MachineReading:
        """How it runs now."""
        raise NotImplementedError
