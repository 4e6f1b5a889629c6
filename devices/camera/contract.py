"""What a driver of a camera provides: one frame for each start, or for each trigger at its input if it can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ronda.devices.measurement import DetectorDriver, DetectorParameters
from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.config.parameters import Parameters, parameter, reference
from ronda.framework.errors import NotAllowed

if TYPE_CHECKING:
    from ronda.framework.stream.frames.packed import PackedFrame


MOST_FRAMES = 32
"""Frames that `Camera.triggered` gives at once; others want the thread too."""


class RoiParameters(Parameters):
    """A region of interest, in pixels of the frame as it is published."""

    x: int = parameter("Its first column", unit="pixel", ge=0)
    y: int = parameter("Its first row; row 0 is the first of the frame", unit="pixel", ge=0)
    width: int = parameter("Number of its columns", unit="pixel", ge=1)
    height: int = parameter("Number of its rows", unit="pixel", ge=1)


RoiName = Annotated[str, parameter("Name of a region", pattern=NAME_PATTERN)]


class CameraParameters(DetectorParameters):
    """A camera. A driver adds the keys that it needs, such as `address`."""

    rois: dict[RoiName, RoiParameters] = parameter(
        "Regions of interest, by name; of each the sum, mean, deviation, least and largest value are counters",
        default_factory=dict,
        setting=True,
    )
    beam_position: bool = parameter(
        "Whether position, width and intensity of the brightest spot are counters too", True, setting=True
    )
    binning: int = parameter("Side of the squares of pixels that are read as one", 1, ge=1, setting=True)
    read_out_region: tuple[int, int, int, int] | None = parameter(
        "Part of the sensor that is read: first column and row, number of columns and rows, in pixels of the sensor; "
        "null for all of it",
        None,
        unit="pixel",
        setting=True,
    )
    frame_memory: float = parameter(
        "Shared memory for frames on their way to the file; at least two frames, better two seconds",
        64,
        unit="MB",
        gt=0,
    )


class TriggerWiring(Parameters):
    """The input of a camera for triggers, and what is connected to it."""

    trigger: tuple[Annotated[str, reference("trigger output", nominal=True)], ...] = parameter(
        "Axes whose trigger outputs are wired to the input at which a pulse starts a frame; several by a box that "
        "passes the pulses of each",
        (),
    )


class TriggeredCameraParameters(CameraParameters):
    """A camera whose frames a signal can start."""

    wiring: TriggerWiring = parameter("Which trigger outputs its input is wired to", default_factory=TriggerWiring)


@dataclass(frozen=True)
class Capabilities:
    """What a camera can; scans are checked against it before they start.

    Attributes:
        width, height: pixels of the sensor.
        dtype: of a pixel, as numpy has it.
        bits: bits of a pixel that carry information.
        exposures: shortest and longest exposure, in s.
        read_out: time from the end of an exposure until the frame can be read and the next can begin, in s.
        frame_rate: most frames in a second.
        binnings: sides of squares that it can read as one pixel.
        regions: whether it can read a part of the sensor.
        triggers: how frames can be started: `software`; `external`, by a pulse at the input for as long as was set;
            `enable`, by a signal at the input for as long as that is on; `internal`.
        pixel_size: side of a pixel without binning, in m; of what it looks at if that is a screen.
        model: what it is, for people.
    """

    width: int
    height: int
    dtype: str = "<u2"
    bits: int = 16
    exposures: tuple[float, float] = (1e-4, 3600.0)
    read_out: float = 0.0
    frame_rate: float = 100.0
    binnings: tuple[int, ...] = (1,)
    regions: bool = False
    triggers: tuple[str, ...] = ("software",)
    pixel_size: float = 0.0
    model: str = ""


@dataclass(frozen=True)
class Setup:
    """How the next frames are taken.

    Attributes:
        exposure: in s.
        binning: side of the squares of pixels that are read as one.
        region: first column and row, number of columns and rows, in pixels of the sensor.
    """

    exposure: float
    binning: int
    region: tuple[int, int, int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        _, _, width, height = self.region
        return height // self.binning, width // self.binning


@dataclass(frozen=True, slots=True)
class TriggeredFrame:
    """A frame that a trigger at the input has started.

    Attributes:
        number: as the camera counts its frames since it was armed, from 0; one that is left out was lost on its way.
        time: when its exposure began, in s of the camera's own clock.
        frame: shape (rows, columns); packed if the camera has compressed it.
        exposure: for how long it was exposed, in s, where the signal at the input says that; else 0.
    """

    number: int
    time: float
    frame: npt.NDArray[np.unsignedinteger[Any]] | PackedFrame
    exposure: float = 0.0


class Camera(DetectorDriver):
    """One camera. `start` begins one exposure, `busy` is true until its frame can be read."""

    Parameters: ClassVar[type[CameraParameters]] = CameraParameters
    exposure_output: ClassVar[bool] = False
    """Whether the camera gives a pulse when an exposure begins and one when it ends, to which a gate may be wired."""

    def capabilities(self) -> Capabilities:
        """What it can; asked once after each connection."""
        raise NotImplementedError

    def prepare(self, setup: Setup) -> None:
        """Get ready to take frames in this way; the setup fits the capabilities.

        Raises:
            HardwareFault: the camera refuses.
        """
        raise NotImplementedError

    def read(self) -> npt.NDArray[np.unsignedinteger[Any]]:
        """The frame of the latest start, shape (rows, columns), of the type in the capabilities."""
        raise NotImplementedError

    # -- frames that triggers start

    def arm_triggered(self, setup: Setup) -> None:
        """Get ready to take a frame in this way at each pulse at the trigger input; returns when that has begun.

        With the capability `enable` the frame is exposed for as long as the pulse stays on, which the exposure tells.

        Raises:
            HardwareFault: the camera refuses.
        """
        raise NotAllowed(f"{self.name}: this driver cannot let triggers start frames")

    def armed(self) -> bool:
        """Whether pulses start frames by now. Returns at once.

        Raises:
            HardwareFault, TimedOut: they never will.
        """
        raise NotAllowed(f"{self.name}: this driver cannot let triggers start frames")

    def triggered(self) -> Sequence[TriggeredFrame]:
        """The frames that came since this was asked last, in order, `MOST_FRAMES` at most. Returns at once.

        Raises:
            HardwareFault: no more will come.
        """
        raise NotAllowed(f"{self.name}: this driver cannot let triggers start frames")

    def disarm_triggered(self) -> None:
        """Take no more triggers. Harmless when it is not armed."""
        raise NotAllowed(f"{self.name}: this driver cannot let triggers start frames")
