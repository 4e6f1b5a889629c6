"""How the parameters of simulated instruments are declared, and those that several instruments share."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class InstrumentParameters(BaseModel):
    """Parameters of an instrument. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def parameter(description: str, default: Any = ..., *, unit: str | None = None, **constraints: Any) -> Any:
    """Declare one parameter.

    Args:
        description: one sentence for people; it goes to the schema of the YAML files.
        default: the value when the key is absent; without one it is required.
        unit: what it is in.
        constraints: pydantic's own (`gt`, `ge`, `min_length`, `default_factory` …).
    """
    extra: dict[str, Any] = {} if unit is None else {"unit": unit}
    if "default_factory" in constraints:
        return Field(description=description, json_schema_extra=extra, **constraints)
    return Field(default, description=description, json_schema_extra=extra, **constraints)


class AxisParameters(InstrumentParameters):
    """One axis of a motor controller and the stage that it drives; {unit} is the stage's own, e.g. mm or deg."""

    name: str | None = parameter(
        "Which stage of the beamline this is, such as samy or bragg: some have something on them that the beam meets. "
        "None: any other",
        None,
        pattern=r"^[a-z][a-z0-9_]*$",
    )
    steps_per_unit: float = parameter("Motor steps for one unit of the stage", 2000.0, unit="step/{unit}", gt=0)
    position: float = parameter("Where the stage stands at first; its register shows the same", 0.0, unit="{unit}")
    velocity: float = parameter("Speed at first", 2.0, unit="{unit}/s", gt=0)
    acceleration_time: float = parameter("Time from rest to full speed at first", 0.1, unit="s", gt=0)
    slowest: float = parameter("Lowest speed that the controller accepts", 0.001, unit="{unit}/s", gt=0)
    fastest: float = parameter("Highest speed that the controller accepts", 50.0, unit="{unit}/s", gt=0)
    shortest_acceleration_time: float = parameter("Shortest acceleration time that it accepts", 0.01, unit="s", gt=0)
    longest_acceleration_time: float = parameter("Longest acceleration time that it accepts", 10.0, unit="s", gt=0)
    lower_switch: float | None = parameter(
        "Position of the negative limit switch; None: there is none", None, unit="{unit}"
    )
    upper_switch: float | None = parameter(
        "Position of the positive limit switch; None: there is none", None, unit="{unit}"
    )
    home: float | None = parameter("Position of the home switch; None: there is none", None, unit="{unit}")
    home_width: float = parameter("Over which width the home switch is closed", 0.1, unit="{unit}", gt=0)
    play: float = parameter("Mechanical play between motor and stage", 0.0, unit="{unit}", ge=0)
    slip: float = parameter("Part of the steps that the motor loses; its register counts them all", 0.0, ge=0, lt=1)
    encoder: float | None = parameter(
        "Counts of an encoder on the stage for one unit; None: there is none", None, unit="count/{unit}", gt=0
    )
    encoder_zero: float = parameter("What the encoder shows at the stage's position 0", 0.0, unit="count")
    encoder_drift: float = parameter("By how much the encoder's scale creeps", 0.0, unit="{unit}/s")
    index: float | None = parameter("Position of the encoder's index mark; None: there is none", None, unit="{unit}")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.slowest <= self.velocity <= self.fastest:
            raise ValueError(
                f"velocity {self.velocity} should be from slowest {self.slowest} to fastest {self.fastest}"
            )
        if not self.shortest_acceleration_time <= self.acceleration_time <= self.longest_acceleration_time:
            raise ValueError(
                f"acceleration_time {self.acceleration_time} s should be from {self.shortest_acceleration_time} to "
                f"{self.longest_acceleration_time} s"
            )
        if self.lower_switch is not None and self.upper_switch is not None and self.lower_switch >= self.upper_switch:
            raise ValueError(f"lower_switch {self.lower_switch} should be below upper_switch {self.upper_switch}")
        return self
