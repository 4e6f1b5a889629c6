"""What a driver of a counter card provides: a card whose channels count together while its gate is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import model_validator

from ronda.devices.attributes import AlarmParameters, ArchiveParameters
from ronda.devices.driver import Driver
from ronda.framework.config.failure import OnFailure, on_failure
from ronda.framework.config.hooks import Hooks, hooks_after_scan, hooks_before_scan
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import Parameters, parameter, reference
from ronda.framework.errors import NotAllowed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Channel = int | str
"""How a card calls a channel: its number, or whatever the driver's manual says."""


class ChannelParameters(Parameters):
    """One channel. A driver that needs more keys derives its own `ChannelParameters` from this."""

    channel: Channel = parameter("Which channel of the card it is")
    description: str = parameter("What it counts, in words", "", live=True)
    unit: str = parameter("What its values are in", "count", min_length=1)
    digits: int = parameter("Digits shown after the decimal point", 0, ge=0, le=12)
    archive: ArchiveParameters | None = parameter("When an archiver stores the value", None)
    alarms: AlarmParameters | None = parameter("Which values clients shall see as alarming", None)


class EncoderInputParameters(Parameters):
    """One encoder input, that the encoder of an axis is wired to. It becomes a counter: the axis's user position.

    A driver that needs more keys derives its own `EncoderInputParameters` from this.
    """

    input: Channel = parameter("Which encoder input of the card it is")
    axis: Annotated[str, reference("axis", nominal=True)] = parameter("Axis whose encoder is wired to it")
    steps_per_unit: float = parameter(
        "Counts of the input for one unit of the axis's dial; negative if it counts the other way"
    )
    unit: str = parameter("Unit of the axis", "mm", min_length=1)
    digits: int = parameter("Digits shown after the decimal point", 4, ge=0, le=12)
    tolerance: float | None = parameter(
        "How far it may be from the controller's position at a trigger, in the axis's unit, before points are marked; "
        "null for a tenth of a point, one count, one step and the axis's backlash",
        None,
        gt=0,
    )
    description: str = parameter("What it is, in words", "", live=True)

    @model_validator(mode="after")
    def _counts(self) -> EncoderInputParameters:
        if self.steps_per_unit == 0:
            raise ValueError("steps_per_unit of an encoder input must not be 0")
        return self


class WiringParameters(Parameters):
    """The inputs of a card for triggers, and what is connected to each."""

    gate: tuple[Annotated[str, reference("trigger output", nominal=True)], ...] = parameter(
        "Axes and cameras whose trigger outputs are wired to the input between whose pulses it counts; several by a "
        "box that passes the pulses of each",
        (),
    )


class CardParameters(DeviceParameters):
    """A counter card. A driver adds the keys that it needs, such as `address`."""

    integration_time: float = parameter("Integration time after a start of the server", 1.0, unit="s", gt=0)
    integration_time_limits: tuple[float, float] = parameter(
        "Shortest and longest integration time that may be set", (1e-4, 1e5), unit="s"
    )
    idle_poll_period: float = parameter(
        "Time between two looks at the card while it does not count", 1.0, unit="s", ge=0.1, le=60, live=True
    )

    wiring: WiringParameters = parameter(
        "Which trigger outputs its inputs are wired to", default_factory=WiringParameters
    )
    on_failure: OnFailure = on_failure()
    before_scan: Hooks = hooks_before_scan()
    after_scan: Hooks = hooks_after_scan()

    @model_validator(mode="after")
    def _in_order(self) -> CardParameters:
        shortest, longest = self.integration_time_limits
        if not 0 < shortest <= self.integration_time <= longest:
            raise ValueError(
                f"the integration time {self.integration_time} s is outside integration_time_limits "
                f"[{shortest}, {longest}] s"
            )
        return self


@dataclass(frozen=True, slots=True)
class CardReading:
    """What a card counted.

    Attributes:
        counting: whether the gate is open.
        elapsed: how long the gate has been open, in s.
        values: one for each channel in use, in the order of `CounterCard.channels`.
        encoders: counts of the encoder inputs when the gate opened, in the order of `CounterCard.encoders`.
    """

    counting: bool
    elapsed: float
    values: Sequence[float]
    encoders: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class GatedBlock:
    """What a card counted from one trigger to the next, a block of n intervals.

    Attributes:
        received: triggers since it was armed; they bound `received - 1` intervals, of which the block may hold a part.
        begins: when the trigger that begins each interval came, in s of the card's own clock; (n,) float64.
        ends: the same for the one that ends it; (n,) float64.
        values: in the order of `CounterCard.channels`; (n, channels) float64.
        encoders: counts of the encoder inputs, latched at each of the n + 1 triggers, in the order of
            `CounterCard.encoders`; (n + 1, encoders) float64. None of a card without any in use.
    """

    received: int
    begins: npt.NDArray[np.float64]
    ends: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]
    encoders: npt.NDArray[np.float64] | None = None


class CounterCard(Driver):
    """One counter card, its gate timed by the card itself, or by triggers if the driver can.

    Attributes:
        ChannelParameters: model of a channel of this card.
        EncoderInputParameters: model of an encoder input of this card.
        channels: parameters of the channels in use, by name.
        encoders: parameters of the encoder inputs in use, by name. Then `read` and `gated` tell what they latched.
        integration_time: how long the gate opens, in s.
    """

    Parameters: ClassVar[type[CardParameters]] = CardParameters
    ChannelParameters: ClassVar[type[ChannelParameters]] = ChannelParameters
    EncoderInputParameters: ClassVar[type[EncoderInputParameters]] = EncoderInputParameters

    def __init__(self, name: str, parameters: Any) -> None:
        super().__init__(name, parameters)
        self.channels: Mapping[str, Any] = parameters.channels
        self.encoders: Mapping[str, Any] = parameters.encoders
        self.integration_time: float = parameters.integration_time

    def prepare(self, integration_time: float) -> None:
        """Get ready for an acquisition of this length (s)."""
        self.integration_time = integration_time

    def start(self) -> None:
        """Clear all channels and open the gate for the time prepared; returns when it is open.

        Raises:
            HardwareFault: the card refuses.
        """
        raise NotImplementedError

    def stop(self) -> None:
        """Close the gate now; what was counted stays. Harmless when it is closed."""
        raise NotImplementedError

    def counting(self) -> bool:
        """Whether the gate is open."""
        raise NotImplementedError

    def read(self) -> CardReading:
        """What was counted since the latest start, all channels in the order of `channels`."""
        raise NotImplementedError

    def encoder_counts(self) -> Sequence[float]:
        """What the encoder inputs show now, in the order of `encoders`; they count whether the gate is open or not."""
        raise NotAllowed(f"{self.name}: this driver has no encoder inputs")

    # -- gated by triggers

    def arm_gated(self) -> None:
        """Count from each trigger at the gate input to the next, and keep the counts; returns when it is ready.

        Raises:
            HardwareFault: the card refuses.
        """
        raise NotAllowed(f"{self.name}: this driver cannot count between triggers")

    def disarm_gated(self) -> None:
        """Take no more triggers; what was counted stays until it is armed again. Harmless when it is not armed."""
        raise NotAllowed(f"{self.name}: this driver cannot count between triggers")

    def gated(self, first: int) -> GatedBlock:
        """What was counted from interval `first` on; may be a part of what is there, ask again then."""
        raise NotAllowed(f"{self.name}: this driver cannot count between triggers")
