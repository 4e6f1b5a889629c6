"""The keys of motor controllers and axes in YAML."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from pydantic import model_validator

from ronda.devices.attributes import AlarmParameters, ArchiveParameters
from ronda.framework.config.hooks import (
    Hooks,
    HooksBefore,
    hooks_after,
    hooks_after_scan,
    hooks_before,
    hooks_before_scan,
)
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import Parameters, parameter

Channel = int | str
"""How a controller calls an axis: its number, or whatever the driver's manual says."""


class ReferenceMark(StrEnum):
    """What an axis can be homed on."""

    HOME_SWITCH = "home_switch"
    LOW_LIMIT = "low_limit"
    HIGH_LIMIT = "high_limit"
    INDEX = "index"


Limits = tuple[float | None, float | None]


class HomingParameters(Parameters):
    """How the axis finds its reference mark."""

    mark: ReferenceMark = parameter("What is searched for")
    direction: Literal[1, -1] = parameter(
        "Direction on the dial in which the search begins; that of the limit, if the mark is one", 1
    )
    velocity: float | None = parameter("Velocity of the search; null for the controller's own", None, unit="{unit}/s")
    position: float = parameter("Dial position of the mark", 0.0, unit="{unit}")
    timeout: float = parameter("Longest time of a search; then it is stopped", 300.0, unit="s", gt=0)
    required: bool = parameter("Whether moves are refused until the axis has been homed", False)

    @model_validator(mode="after")
    def _positive(self) -> Self:
        if self.velocity is not None and self.velocity <= 0:
            raise ValueError(f"the velocity of homing must be greater than 0, not {self.velocity}")
        return self


class EncoderParameters(Parameters):
    """The encoder of an axis. dial position = count / steps_per_unit + offset."""

    steps_per_unit: float = parameter("Counts for one unit; negative if it counts the other way", unit="count/{unit}")
    offset: float = parameter(
        "Dial position at which it shows 0, if it is not redefined at run time", 0.0, unit="{unit}"
    )
    tolerance: float | None = parameter(
        "How far apart encoder and controller may be at rest; null for no check", None, unit="{unit}", gt=0
    )
    check_while_moving: bool = parameter("Whether to check this during a move too, and to stop it", False)

    @model_validator(mode="after")
    def _not_zero(self) -> Self:
        if self.steps_per_unit == 0:
            raise ValueError("steps_per_unit of the encoder must not be 0")
        return self


class ClosedLoopParameters(Parameters):
    """Position by the encoder: it is what the axis shows, and moves are corrected until it is right."""

    window: float = parameter("How far from the target the encoder may end", unit="{unit}", gt=0)
    settle_time: float = parameter("How long it must stay within the window", 0.05, unit="s", ge=0, le=60)
    retries: int = parameter("Corrections before a move has failed", 5, ge=0, le=100)


class DiscrepancyPolicy(StrEnum):
    """What follows if an axis stands elsewhere than where it was seen last."""

    REFUSE = "refuse"
    REPORT = "report"
    ACCEPT = "accept"


class DiscrepancyParameters(Parameters):
    """What to do about an axis that stands elsewhere than where it was seen last, without a motion that was seen."""

    policy: DiscrepancyPolicy = parameter(
        "refuse: ALARM, and no move until `Sync` or a redefinition; report: ALARM until the next move; "
        "accept: a line in the log",
        DiscrepancyPolicy.REFUSE,
    )
    tolerance: float | None = parameter(
        "How far it may be from there; null for ten times the last digit shown", None, unit="{unit}", gt=0
    )


class AxisParameters(Parameters):
    """One axis. A driver that needs more keys derives its own `AxisParameters` from this."""

    channel: Channel = parameter("Which axis of the controller it is")
    description: str = parameter("What it moves, in words", "", live=True)
    unit: str = parameter("What its positions are in", "mm", min_length=1)
    digits: int = parameter("Digits shown after the decimal point", 4, ge=0, le=12)
    steps_per_unit: float = parameter("Steps for one unit", unit="steps/{unit}", gt=0)
    sign: Literal[1, -1] = parameter("Direction of the user position against the dial: 1 or -1", 1, setting=True)
    offset: float = parameter("user position = sign × dial position + offset", 0.0, unit="{unit}", setting=True)
    velocity: float = parameter("Velocity of a move", unit="{unit}/s", gt=0, setting=True)
    velocity_limits: tuple[float, float] | None = parameter(
        "Lowest and highest velocity that may be set", None, unit="{unit}/s", live=True
    )
    acceleration_time: float = parameter("Time from rest to full velocity", unit="s", ge=0, setting=True)
    backlash: float = parameter(
        "Play to take up: moves end in the direction of its sign on the dial, after at least this way; 0 for none",
        0.0,
        unit="{unit}",
        setting=True,
    )
    limits: Limits = parameter(
        "Lowest and highest dial position that may be moved to; null for none",
        (None, None),
        unit="{unit}",
        setting=True,
    )
    modulo: float | None = parameter(
        "User positions repeat after this, such as 360 deg; null for none", None, unit="{unit}", gt=0
    )
    shortest_way: bool = parameter(
        "With modulo: turn the shorter way, rather than stay within the turn", True, live=True
    )
    homing: HomingParameters | None = parameter("How it finds its reference mark", None, live=True)
    encoder: EncoderParameters | None = parameter("Its encoder", None)
    closed_loop: ClosedLoopParameters | None = parameter("Position by the encoder", None)
    discrepancy: DiscrepancyParameters = parameter(
        "What to do if it stands elsewhere than where it was seen last",
        default_factory=DiscrepancyParameters,
        live=True,
    )
    before_move: HooksBefore = hooks_before("each motion of this axis")
    after_move: Hooks = hooks_after("each motion of this axis")
    before_scan: Hooks = hooks_before_scan()
    after_scan: Hooks = hooks_after_scan()
    archive: ArchiveParameters | None = parameter("When an archiver stores the position", None)
    alarms: AlarmParameters | None = parameter("Which positions clients shall see as alarming", None)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.closed_loop is not None and self.encoder is None:
            raise ValueError("closed_loop needs an encoder: give its steps_per_unit under `encoder`")
        low, high = self.limits
        if low is not None and high is not None and low >= high:
            raise ValueError(f"the low limit {low} {self.unit} must be below the high limit {high} {self.unit}")
        if self.velocity_limits is not None:
            slowest, fastest = self.velocity_limits
            if not 0 <= slowest <= self.velocity <= fastest:
                raise ValueError(
                    f"the velocity {self.velocity} {self.unit}/s is outside velocity_limits "
                    f"[{slowest}, {fastest}] {self.unit}/s"
                )
        return self


class ControllerParameters(DeviceParameters):
    """A motor controller. A driver adds the keys that it needs, such as `address`."""

    poll_period: float = parameter("Time between two looks at moving axes", 0.02, unit="s", ge=0.001, le=1, live=True)
    idle_poll_period: float = parameter(
        "Time between two looks at all axes while nothing moves", 1.0, unit="s", ge=0.1, le=60, live=True
    )
    before_move: HooksBefore = hooks_before("the first of its axes moves")
    after_move: Hooks = hooks_after("the last of its axes")
    before_scan: Hooks = hooks_before_scan()
    after_scan: Hooks = hooks_after_scan()
