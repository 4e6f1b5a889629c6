"""Which pixels of frames count, and where the middle of the rings is: parameters that several stages have."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.analysis.stage import Setting
from ronda.framework.config.parameters import Parameters, parameter
from ronda.framework.errors import BadValue
from ronda.framework.kernels.background import RadialBackground, rings_around
from ronda.framework.kernels.geometry import Geometry
from ronda.framework.stream.description import Channel


class FrameParameters(Parameters):
    """Which pixels count."""

    mask: str = parameter(
        "File of numpy (.npy) with an array of the frames' shape, not 0 where a pixel is left out; empty for none", ""
    )
    least: float | None = parameter("Least value of a pixel that counts; null for any", None, unit="count")
    most: float | None = parameter(
        "Largest value of a pixel that counts, for detectors that mark dead and saturated pixels by larger ones; "
        "null for any",
        None,
        unit="count",
    )


class RingParameters(FrameParameters):
    """How a frame is divided into rings."""

    poni: str = parameter("PONI file of pyFAI that tells where the detector stands; empty: x and y tell", "")
    x: float | None = parameter("Column of the middle of the rings; null for that of the frame", None, unit="pixel")
    y: float | None = parameter("Row of the middle of the rings; null for that of the frame", None, unit="pixel")
    ring_width: float = parameter("Width of a ring", 1.0, unit="pixel", gt=0)
    clip: float = parameter(
        "Pixels further from the mean of their ring, in standard deviations, are no background", 5.0, gt=0
    )
    rounds: int = parameter("How often pixels are left out, and the mean is made again", 5, ge=0)


def frame_of(setting: Setting) -> Channel:
    """The channel behind the input `frame`."""
    return setting.inputs["frame"]


def found_beside(path: str) -> Path:
    """Where a file is whose path stands in YAML: one that is relative counts from the folder of the YAML files."""
    return Path(os.environ.get("RONDA_CONFIG_FOLDER", "")) / path


def mask(parameters: FrameParameters) -> npt.NDArray[Any] | None:
    """The mask; None if there is none.

    Raises:
        BadValue: the file cannot be read.
    """
    if not parameters.mask:
        return None
    try:
        found: npt.NDArray[Any] = np.load(found_beside(parameters.mask), allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BadValue(f"the mask {parameters.mask} cannot be read ({error}); save it by numpy.save") from error
    return found


def limits(parameters: FrameParameters) -> tuple[float, float] | None:
    """Least and largest value that count; None if all do."""
    least, most = parameters.least, parameters.most
    if least is None and most is None:
        return None
    return (-math.inf if least is None else least, math.inf if most is None else most)


def background(parameters: RingParameters, frame: Channel) -> RadialBackground:
    """What finds the background of frames.

    Raises:
        BadValue: a file cannot be read, or the frames are not such as can be computed with.
    """
    if parameters.poni:
        geometry = Geometry.from_poni(found_beside(parameters.poni), frame.shape)
        if geometry.shape != frame.shape:
            raise BadValue(
                f"{parameters.poni} is of a detector of {geometry.shape} pixels, {frame.name} has {frame.shape}"
            )
        width = 1e3 * geometry.pixel1 * parameters.ring_width
        rings = (geometry.radial("r_mm") / width).astype(np.int64)
    else:
        rows, columns = frame.shape
        x = (columns - 1) / 2 if parameters.x is None else parameters.x
        y = (rows - 1) / 2 if parameters.y is None else parameters.y
        rings = rings_around(frame.shape, x, y, parameters.ring_width)
    return RadialBackground(
        rings,
        frame.dtype,
        mask=mask(parameters),
        limits=limits(parameters),
        clip=parameters.clip,
        rounds=parameters.rounds,
    )
