"""What a driver of a spectrum analyser provides: one spectrum for each start, for a preset real or live time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy.typing as npt
from pydantic import model_validator

from ronda.devices.measurement import DetectorDriver, DetectorParameters
from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.config.parameters import Parameters, parameter


class RoiParameters(Parameters):
    """A region of interest of the spectrum."""

    low: float = parameter("Its lower end, which is within it", unit="{unit}")
    high: float = parameter("Its upper end, which is within it", unit="{unit}")
    unit: Literal["keV", "channel"] = parameter("What its ends are in", "keV")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} should not be above high {self.high:g}")
        return self


RoiName = Annotated[str, parameter("Name of a region", pattern=NAME_PATTERN)]


class McaParameters(DetectorParameters):
    """A spectrum analyser. A driver adds the keys that it needs, such as `address`."""

    rois: dict[RoiName, RoiParameters] = parameter(
        "Regions of interest, by name; the counts in each are a counter", default_factory=dict, setting=True
    )
    calibration: tuple[float, ...] = parameter(
        "Energy of a channel as a polynomial of its number, which begins at 0: coefficients, lowest power first",
        (0.0, 0.01),
        unit="keV",
        min_length=2,
        max_length=6,
        setting=True,
    )
    preset: Literal["real", "live"] = parameter(
        "Whether the exposure time is real time, or live time, in which case a point takes longer the more comes",
        "real",
        setting=True,
    )


@dataclass(frozen=True)
class Capabilities:
    """What an analyser can; scans are checked against it before they start.

    Attributes:
        channels: of its spectrum.
        times: shortest and longest preset, in s.
        live_preset: whether it can measure for a live time.
        model: what it is, for people.
    """

    channels: int
    times: tuple[float, float] = (1e-3, 1e5)
    live_preset: bool = True
    model: str = ""


@dataclass(frozen=True)
class Spectrum:
    """What an analyser measured.

    Attributes:
        counts: of each channel.
        real_time: how long it measured, in s.
        live_time: the part of it in which it was ready for a photon, in s.
        triggers: photons that came, as its fast channel saw them.
    """

    counts: npt.NDArray[Any]
    real_time: float
    live_time: float
    triggers: int


class Mca(DetectorDriver):
    """One analyser. `start` clears the spectrum; it ends by itself after the preset time."""

    Parameters: ClassVar[type[McaParameters]] = McaParameters

    def capabilities(self) -> Capabilities:
        """What it can; asked once after each connection."""
        raise NotImplementedError

    def prepare(self, seconds: float, *, live: bool) -> None:
        """Get ready for measurements of this length.

        Args:
            seconds: how long.
            live: whether that is live time, else it is real time.

        Raises:
            HardwareFault: the analyser refuses.
        """
        raise NotImplementedError

    def read(self) -> Spectrum:
        """What was measured since the latest start, also while it measures."""
        raise NotImplementedError
