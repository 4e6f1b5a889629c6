"""The keys in YAML of a loop whose PID is ours."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from ronda.devices.regulation.parameters import GainsParameters, LoopCommonParameters
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import Parameters, parameter, reference
from ronda.framework.errors import BadValue
from ronda.framework.expression import Expression

Policy = Literal["hold", "safe", "off"]

FEED_FORWARD_NAMES = frozenset({"setpoint", "input"})
"""What a formula of the feed-forward may use: the working setpoint and the input."""


def _check_formula(text: str) -> str:
    try:
        names = Expression(text).names
    except BadValue as error:
        raise ValueError(str(error)) from error
    if unknown := names - FEED_FORWARD_NAMES:
        raise ValueError(f"may use setpoint and input, not {', '.join(sorted(unknown))}")
    return text


Formula = Annotated[str, AfterValidator(_check_formula)]


class FailureParameters(Parameters):
    """What a loop does when it cannot regulate: `hold` the output, bring it to its `safe` value, or switch `off`."""

    input: Policy = parameter(
        "When the input has a fault, or does not answer. After hold and safe it goes on by itself", "safe"
    )
    over_range: Policy = parameter("When the input is outside input_range", "off")
    output: Policy = parameter("When the output does not answer", "safe")
    tolerate: float = parameter(
        "How long a fault is borne with the output as it is, before that", 2.0, unit="s", ge=0, le=3600
    )


class SoftLoopParameters(DeviceParameters, LoopCommonParameters):
    """A loop whose PID is ours, from any input to any output."""

    input: Annotated[str, reference("input")] = parameter(
        "What it regulates: an input of a controller, or a regulation_input"
    )
    output: Annotated[str, reference("output")] = parameter(
        "What it drives: an output of a controller, or a regulation_output"
    )
    output_unit: str = parameter("What its output is in, for the units of the gains", "%")
    kp: float = parameter(
        "Proportional gain: output for one unit of error", 1.0, unit="{output unit}/{unit}", setting=True
    )
    ki: float = parameter(
        "Integral gain: output per second for one unit of error", 0.0, unit="{output unit}/({unit}·s)", setting=True
    )
    kd: float = parameter(
        "Derivative gain: output for an input that changes by one unit per second",
        0.0,
        unit="{output unit}·s/{unit}",
        setting=True,
    )
    filter_time: float = parameter("Time constant of the derivative's filter", 0.0, unit="s", ge=0, live=True)
    sampling_frequency: float = parameter("Cycles per second", 10.0, unit="Hz", gt=0, le=1000, setting=True)
    mode: Literal["pid", "on_off"] = parameter("How it drives the output", "pid", setting=True)
    hysteresis: float = parameter(
        "How far the input must be beyond the setpoint before on_off and auto-tuning switch the output",
        0.1,
        unit="{unit}",
        gt=0,
        live=True,
    )
    deadband_idle_factor: float = parameter(
        "The output rests while the error is below this part of the deadband", 0.0, unit="%", ge=0, le=100, setting=True
    )
    pid_range: tuple[float, float] | None = parameter(
        "Lowest and highest output that it asks for. None: the limits of the output", None, setting=True
    )
    feed_forward: Formula = parameter(
        "Part of the output known beforehand, in terms of setpoint and input, such as (setpoint - 295) * 0.25",
        "0",
        setting=True,
    )
    schedule: list[GainsParameters] = parameter(
        "Other gains from values of the input on, in rising order; below the first, kp, ki and kd count",
        default_factory=list,
        live=True,
    )
    ramp_from: Literal["input", "setpoint"] = parameter(
        "Where ramps begin: at the input as it is, or at the working setpoint", "setpoint", live=True
    )
    input_range: tuple[float, float] | None = parameter(
        "Lowest and highest input that can be right; None: any", None, unit="{unit}"
    )
    on_failure: FailureParameters = parameter("What it does when it cannot regulate", default_factory=FailureParameters)
    resume: bool = parameter(
        "Whether it goes on regulating by itself after a restart of its server; else it is off then", False
    )
    history: float = parameter("Time that the history spectra span", 600.0, unit="s", gt=0, le=86400)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        for name in ("pid_range", "input_range"):
            pair = getattr(self, name)
            if pair is not None and pair[0] >= pair[1]:
                raise ValueError(f"{name}: the low end {pair[0]} must be below the high end {pair[1]}")
        if any(low.above >= high.above for low, high in pairwise(self.schedule)):
            raise ValueError("schedule: the values of `above` must rise")
        return self
