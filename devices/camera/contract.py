"""What a driver of a camera provides: one frame for each start, with the exposure and the region that were prepared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ronda.devices.measurement import DetectorDriver, DetectorParameters
from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.config.parameters import Parameters, parameter


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
        triggers: how frames can be started: `software`, `internal`, `external`.
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
