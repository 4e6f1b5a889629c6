"""What a driver of a beam-synchronous source provides: for each pulse of the machine its id, numbers, maybe a frame."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Self

import numpy.typing as npt
from pydantic import model_validator

from ronda.devices.camera.contract import RoiName, RoiParameters
from ronda.devices.measurement import DetectorDriver, DetectorParameters
from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.config.parameters import Parameters, parameter

if TYPE_CHECKING:
    from ronda.framework.stream.frames.packed import PackedFrame

COUNT, MISSING, DOUBLED, FIRST, LAST = "count", "missing", "doubled", "first", "last"
OF_PULSES = (COUNT, MISSING, DOUBLED, FIRST, LAST)
"""Counters of each source: pulses of a point, those of which no message came, messages that came again, and the pulse
ids of the first and the last one."""


class ChannelParameters(Parameters):
    """A number in each message."""

    channel: str = parameter("Name of the channel in the messages", min_length=1)
    description: str = parameter("What it is, in words", "")
    unit: str = parameter("What its values are in", "")


ChannelName = Annotated[str, parameter("Name of a channel", pattern=NAME_PATTERN)]


class BeamSynchronousParameters(DetectorParameters):
    """A beam-synchronous source. A driver adds the keys that it needs, such as `address`."""

    frame: str | None = parameter("Channel of the messages that is a frame; null without frames", None)
    channels: dict[ChannelName, ChannelParameters] = parameter(
        "Numbers of each pulse, by name; their means over the pulses of a point are counters", default_factory=dict
    )
    rois: dict[RoiName, RoiParameters] = parameter(
        "Regions of interest of the frames, by name; the sum of each is a number of each pulse",
        default_factory=dict,
        setting=True,
    )
    record: bool = parameter("Whether scans save what came of each pulse of their points", True, setting=True)
    pulse_step: int = parameter("By how much the pulse id rises from one message to the next", 1, ge=1)
    patience: float = parameter(
        "How long after the end of a point its last messages may come", 1.0, unit="s", gt=0, le=2
    )
    clock_offset: float = parameter(
        "By how much the clock that stamps pulses is ahead of that of this host", 0.0, unit="s"
    )
    frame_memory: float = parameter(
        "Shared memory for frames on their way to the file; at least two frames, better two seconds",
        64,
        unit="MB",
        gt=0,
    )

    @property
    def numbers(self) -> list[str]:
        """Own names of the numbers of each pulse."""
        return [*self.channels, *self.rois]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if self.frame is None and not self.channels:
            raise ValueError("nothing is taken of its messages; name a `frame`, or `channels`")
        if self.rois and self.frame is None:
            raise ValueError("rois are regions of frames; say which channel is the `frame`")
        for name in self.numbers:
            if name in OF_PULSES:
                raise ValueError(f"nothing can be called {name}: each source has a counter of this name")
        twice = set(self.channels) & set(self.rois)
        if twice:
            raise ValueError(f"{min(twice)} is a channel and a region; call one of them otherwise")
        return self


@dataclass(frozen=True)
class Capabilities:
    """What the messages of a source hold.

    Attributes:
        shape: rows and columns of a frame; none without frames.
        dtype: of a pixel, as numpy has it, little-endian.
        model: what it is, for people.
    """

    shape: tuple[int, int] | None
    dtype: str = "<u2"
    model: str = ""


class Message(NamedTuple):
    """What came of one pulse.

    Attributes:
        pulse: its id.
        time: when the pulse came, in s since 1970 by the clock of the timing system.
        values: by own name of the channel; NaN for one that has none for this pulse.
        frame: shape (rows, columns), packed if it came so; None if there is none.
    """

    pulse: int
    time: float
    values: Mapping[str, float]
    frame: npt.NDArray[Any] | PackedFrame | None = None


class BeamSynchronous(DetectorDriver):
    """One source. It sends all the time; `receive` gives what came.

    Nothing starts or stops it: `start`, `busy` and `stop` say for how long somebody is interested.
    """

    Parameters: ClassVar[type[BeamSynchronousParameters]] = BeamSynchronousParameters

    _seconds = 0.0
    _until = 0.0

    def capabilities(self) -> Capabilities:
        """What its messages hold; asked once after each connection."""
        raise NotImplementedError

    def receive(self, timeout: float) -> Message | None:
        """The next message; None if none came in time.

        Called in a thread of its own, while other calls go on; also after `disconnect`.

        Args:
            timeout: longest wait in s.

        Raises:
            CommunicationFailed: it is disconnected, or what came makes no sense.
        """
        raise NotImplementedError

    def prepare(self, seconds: float) -> None:
        """A measurement lasts so long."""
        self._seconds = seconds

    def start(self) -> None:
        """A measurement begins."""
        self._until = time.monotonic() + self._seconds

    def busy(self) -> bool:
        """Whether it lasts."""
        return time.monotonic() < self._until

    def stop(self) -> None:
        """It ends now."""
        self._until = 0.0
