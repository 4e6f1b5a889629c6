"""What a driver of a digitiser provides: samples of all channels at one rate, in the order in which they were taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from ronda.devices.counter.contract import WiringParameters
from ronda.devices.measurement import DetectorDriver, DetectorParameters
from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.config.parameters import Parameters, parameter, reference

NOTHING = -32768
"""What stands in the place of a sample that was lost; converters are to be read so that they never give it."""

FIRST, COUNT = "first", "count"
"""Counters of each digitiser: number of a point's first sample since the scan began, and how many it holds."""


class ChannelParameters(Parameters):
    """One channel. Value = scale × sample + offset."""

    channel: int = parameter("Number of the channel, from 0", ge=0)
    description: str = parameter("What is connected to it, in words", "")
    unit: str = parameter("What its values are in", "V")
    scale: float = parameter("Value of one step of the converter", 1.0, unit="{unit}")
    offset: float = parameter("Value of the sample 0", 0.0, unit="{unit}")
    wraps: bool = parameter("Whether it is a counter of 16 bit, such as that of an encoder, which goes round", False)
    axis: Annotated[str | None, reference("axis", nominal=True)] = parameter(
        "Axis whose encoder it counts: its position when a scan begins says how often the counter has gone round", None
    )

    @model_validator(mode="after")
    def _goes_round(self) -> Self:
        if self.axis is not None and not self.wraps:
            raise ValueError("axis is for a counter that goes round; add `wraps: true`")
        return self


class SpectraParameters(Parameters):
    """Live spectra: samples binned by a channel that counts an encoder."""

    encoder: str = parameter("Channel of this digitiser that counts the encoder")
    start: float = parameter("Lower edge of the first bin, in the unit of that channel")
    stop: float = parameter("Upper edge of the last bin")
    bins: int = parameter("How many bins of equal width", ge=1, le=100_000)

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if not self.stop > self.start:
            raise ValueError(f"stop should be above start, which is {self.start:g}, not {self.stop:g}")
        return self


ChannelName = Annotated[str, parameter("Name of a channel", pattern=NAME_PATTERN)]


class DigitiserParameters(DetectorParameters):
    """A digitiser. A driver adds the keys that it needs, such as `address`."""

    channels: dict[ChannelName, ChannelParameters] = parameter(
        "Channels whose means are counters, by name", min_length=1
    )
    sample_rate: float = parameter("Samples of each channel in a second", 100_000.0, unit="1/s", gt=0, setting=True)
    record: bool = parameter("Whether scans save all samples of all channels", True, setting=True)
    spectra: SpectraParameters | None = parameter(
        "Spectra of each sweep of an encoder, live in all scans; without it, scans that sweep an axis whose encoder is "
        "one of the channels have them, in bins of their points",
        None,
    )
    block_time: float = parameter("How long the samples of one block in the stream last", 0.1, unit="s", ge=0.01, le=10)
    frame_memory: float = parameter(
        "Shared memory for samples on their way to the file; better four seconds of them", 64, unit="MB", gt=0
    )
    wiring: WiringParameters = parameter(
        "Which trigger outputs its input is wired to", default_factory=WiringParameters
    )

    @property
    def counted(self) -> list[str]:
        """Own names of its counters."""
        return [*self.channels, FIRST, COUNT]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        taken: dict[int, str] = {}
        for name, channel in self.channels.items():
            if name in (FIRST, COUNT):
                raise ValueError(f"no channel can be called {name}: each digitiser has a counter of this name")
            if channel.channel in taken:
                raise ValueError(f"{taken[channel.channel]} and {name} both use channel {channel.channel}")
            taken[channel.channel] = name
        if self.spectra is not None and self.spectra.encoder not in self.channels:
            raise ValueError(
                f"spectra are to be binned by {self.spectra.encoder}, which is none of the channels "
                f"{', '.join(self.channels)}"
            )
        return self


@dataclass(frozen=True)
class Capabilities:
    """What a digitiser can.

    Attributes:
        channels: that it samples, all of them each time.
        rates: fewest and most samples of each channel in a second.
        model: what it is, for people.
    """

    channels: int
    rates: tuple[float, float]
    model: str = ""


class Packet(NamedTuple):
    """What came next from a digitiser: samples, or triggers, or the end.

    The triggers that came before a sample was taken are given before that sample is.

    Attributes:
        first: number of the first sample since the start; what lies between it and the last one before was lost.
        samples: (n, channels) int16; n may be 0.
        triggers: when triggers came, in s after sample 0 by its own clock: sample k is taken at k / rate; (t,).
        ended: whether nothing more comes; `first` samples were taken then.
    """

    first: int
    samples: npt.NDArray[np.int16]
    triggers: npt.NDArray[np.float64]
    ended: bool = False


class Digitiser(DetectorDriver):
    """One digitiser. From `start` on it samples by itself; `receive` gives what it took."""

    Parameters: ClassVar[type[DigitiserParameters]] = DigitiserParameters

    def capabilities(self) -> Capabilities:
        """What it can; asked once after each connection."""
        raise NotImplementedError

    def prepare(self, rate: float, samples: int | None) -> None:
        """Get ready to sample.

        Args:
            rate: samples of each channel in a second.
            samples: how many it takes before it ends by itself; None to go on until it is stopped.

        Raises:
            HardwareFault: it refuses.
        """
        raise NotImplementedError

    def taken(self) -> int:
        """How many samples it has taken since the start, at this moment."""
        raise NotImplementedError

    def receive(self, timeout: float) -> Packet | None:
        """What comes next since the latest start; None if nothing did in time.

        Called in a thread of its own, while other calls go on; not before the first `start`.

        Args:
            timeout: longest wait in s.

        Raises:
            CommunicationFailed: its data do not come any more, or make no sense.
        """
        raise NotImplementedError
