"""The keys of pseudo axes in YAML."""

from __future__ import annotations

from typing import Annotated

from pydantic import model_validator

from ronda.devices.attributes import AlarmParameters, ArchiveParameters
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import Parameters, parameter, reference

Limits = tuple[float | None, float | None]

AxisName = Annotated[str, reference("axis")]

Role = str
"""What an axis is to a calculation: `gap`, `energy`, `up` …"""


class PseudoAxisParameters(Parameters):
    """One pseudo axis."""

    role: Role = parameter("Which of the calculated positions it is")
    description: str = parameter("What it means, in words", "")
    unit: str = parameter("What its positions are in", "mm", min_length=1)
    digits: int = parameter("Digits shown after the decimal point", 4, ge=0, le=12)
    limits: Limits = parameter(
        "Lowest and highest position that may be moved to, beside what the real axes allow; null for none",
        (None, None),
        unit="{unit}",
        setting=True,
    )
    archive: ArchiveParameters | None = parameter("When an archiver stores the position", None)
    alarms: AlarmParameters | None = parameter("Which positions clients shall see as alarming", None)

    @model_validator(mode="after")
    def _in_order(self) -> PseudoAxisParameters:
        low, high = self.limits
        if low is not None and high is not None and low >= high:
            raise ValueError(f"the low limit {low} {self.unit} must be below the high limit {high} {self.unit}")
        return self


class CalculationParameters(DeviceParameters):
    """A calculation of pseudo axes from real ones. A driver adds the keys that it needs."""

    real: dict[Role, AxisName] = parameter("The axes that it moves, by what they are to it", min_length=1)
    poll_period: float = parameter(
        "Time between two looks at the real axes while they move; their events are followed at once",
        0.1,
        unit="s",
        ge=0.01,
        le=1,
        live=True,
    )
    idle_poll_period: float = parameter(
        "Time between two looks while nothing moves, in case that an event was lost",
        5.0,
        unit="s",
        ge=0.5,
        le=60,
        live=True,
    )
