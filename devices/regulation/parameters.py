"""The keys in YAML of inputs, outputs and loops, whether a controller's own or composed from other devices."""

from __future__ import annotations

import math
from typing import Any, Literal, Self

from pydantic import model_validator

from ronda.devices.attributes import ArchiveParameters
from ronda.framework.config.parameters import Parameters, parameter

Channel = int | str
"""How a controller calls one of its inputs, outputs or loops: `A`, 1, whatever its manual says."""


class ShownParameters(Parameters):
    """What an input, output or loop says of its numbers."""

    description: str = parameter("What it is, in words", "", live=True)
    unit: str = parameter("What its values are in", "K", min_length=1)
    digits: int = parameter("Digits shown after the decimal point", 3, ge=0, le=12)
    archive: ArchiveParameters | None = parameter("When an archiver stores the value", None)


class InputParameters(ShownParameters):
    """One input of a controller. A driver that needs more keys derives its own from this."""

    channel: Channel = parameter("Which input of the controller it is")


class OutputSafety(Parameters):
    """What an output keeps to, and where it goes when nobody looks after it."""

    limits: tuple[float, float] = parameter("Lowest and highest value it is set to", (0.0, 100.0), unit="{unit}")
    slew_rate: float | None = parameter("Fastest change, per second. None: any", None, unit="{unit}/s", gt=0, live=True)
    step: float | None = parameter(
        "Smallest step: values are rounded to multiples of it. None: any", None, unit="{unit}", gt=0, live=True
    )
    safe_value: float = parameter("Where it is safe; `off` and the failure policy `safe` bring it there", 0.0)
    watchdog: float = parameter(
        "Longest time without a value from a loop that runs; then the output goes to its safe value",
        5.0,
        unit="s",
        ge=0.05,
        le=3600,
    )
    when_lost: Literal["safe", "hold"] = parameter(
        "Where it goes when the loop that fed it has died: its safe value, or where it is", "safe"
    )

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        low, high = self.limits
        if low >= high:
            raise ValueError(f"the low limit {low} must be below the high limit {high}")
        if not low <= self.safe_value <= high:
            raise ValueError(f"safe_value {self.safe_value} must be within limits [{low}, {high}]")
        return self


class OutputParameters(ShownParameters, OutputSafety):
    """One output of a controller. A driver that needs more keys derives its own from this."""

    channel: Channel = parameter("Which output of the controller it is")
    unit: str = parameter("What its values are in", "%", min_length=1)


class GainsParameters(Parameters):
    """Gains that count from a value of the input on."""

    above: float = parameter("Value of the input from which on they count", unit="{unit}")
    kp: float = parameter("Proportional gain", unit="{output unit}/{unit}")
    ki: float = parameter("Integral gain", 0.0, unit="{output unit}/({unit}·s)")
    kd: float = parameter("Derivative gain", 0.0, unit="{output unit}·s/{unit}")


class LoopCommonParameters(ShownParameters):
    """What each loop has, whether the controller's PID does the work or ours."""

    limits: tuple[float, float] = parameter(
        "Lowest and highest setpoint; one outside is refused", (-1e300, 1e300), unit="{unit}"
    )
    kp: float | None = parameter(
        "Proportional gain: output for one unit of error. None: as the controller has it",
        None,
        unit="{output unit}/{unit}",
        setting=True,
    )
    ki: float | None = parameter(
        "Integral gain: output per second for one unit of error", None, unit="{output unit}/({unit}·s)", setting=True
    )
    kd: float | None = parameter(
        "Derivative gain: output for an error that changes by one unit per second",
        None,
        unit="{output unit}·s/{unit}",
        setting=True,
    )
    ramp_rate: float = parameter(
        "How fast the working setpoint goes to a new setpoint; 0: at once", 0.0, unit="{unit}/min", ge=0, setting=True
    )
    deadband: float = parameter(
        "The setpoint is reached while the input is within ± this around it", 0.1, unit="{unit}", gt=0, setting=True
    )
    deadband_time: float = parameter(
        "How long the input must stay in the deadband before the setpoint counts as reached",
        1.0,
        unit="s",
        ge=0,
        setting=True,
    )
    wait_mode: Literal["ramp", "deadband"] = parameter(
        "When a new setpoint counts as reached: at the end of the ramp, or after deadband_time in the deadband",
        "deadband",
        setting=True,
    )

    @model_validator(mode="after")
    def _limits(self) -> Self:
        if self.limits[0] >= self.limits[1]:
            raise ValueError(f"the low limit {self.limits[0]} must be below the high limit {self.limits[1]}")
        return self


class LoopParameters(LoopCommonParameters):
    """One loop of a controller whose own PID does the work. A driver that needs more keys derives its own from this."""

    channel: Channel = parameter("Which loop of the controller it is")
    input: str = parameter("Which of the controller's inputs it regulates")
    output: str = parameter("Which of the controller's outputs it drives")
    mode: str | None = parameter("In which of the controller's modes. None: as the controller has it", None)


def checked(entry: Any) -> Any:
    """Check that channels are used once, and that loops name inputs and outputs of the same controller."""
    taken: dict[str, str] = {}
    for what in ("inputs", "outputs", "loops"):
        channels: dict[Any, str] = {}
        for name, each in getattr(entry, what).items():
            if name in taken:
                raise ValueError(f"{name} is the name of one of its {taken[name]} and of one of its {what}")
            taken[name] = what
            if each.channel in channels:
                raise ValueError(f"{channels[each.channel]} and {name} are both channel {each.channel} of its {what}")
            channels[each.channel] = name
    for name, loop in entry.loops.items():
        for key, names in (("input", entry.inputs), ("output", entry.outputs)):
            if getattr(loop, key) not in names:
                raise ValueError(f"the loop {name} has the {key} {getattr(loop, key)}, which is not one of its {key}s")
    if not taken:
        raise ValueError("a controller without inputs, outputs and loops is of no use")
    return entry


def finite(limits: tuple[float, float]) -> tuple[float, float]:
    """Limits, with infinity for the numbers that stand for none."""
    low, high = limits
    return (low if low > -1e300 else -math.inf, high if high < 1e300 else math.inf)
