"""Tango attribute configuration of inputs, outputs and loops: units, digits, what may be written."""

from __future__ import annotations

from typing import Any

from ronda.devices.attributes import limit_properties
from ronda.devices.regulation.parameters import finite
from ronda.framework.tango.regulation import InputAttribute, LoopAttribute, OutputAttribute, SoftLoopAttribute


def input_attributes(keys: Any) -> dict[str, dict[str, str]]:
    """Of an input."""
    return {str(InputAttribute.VALUE): {**_number(keys), **_archived(keys)}}


def output_attributes(keys: Any) -> dict[str, dict[str, str]]:
    """Of an output."""
    number = _number(keys)
    return {
        str(OutputAttribute.VALUE): {**number, **limit_properties(*keys.limits), **_archived(keys)},
        str(OutputAttribute.LOW_LIMIT): dict(number),
        str(OutputAttribute.HIGH_LIMIT): dict(number),
        str(OutputAttribute.SAFE_VALUE): dict(number),
        str(OutputAttribute.SLEW_RATE): {"unit": f"{keys.unit}/s"},
    }


def loop_attributes(keys: Any, output_unit: str) -> dict[str, dict[str, str]]:
    """Of a loop, whose output has a unit of its own."""
    number, unit = _number(keys), keys.unit
    found = {
        str(name): dict(number)
        for name in (
            LoopAttribute.POSITION,
            LoopAttribute.TARGET,
            LoopAttribute.SETPOINT,
            LoopAttribute.WORKING_SETPOINT,
            LoopAttribute.INPUT,
            LoopAttribute.ERROR,
            LoopAttribute.DEADBAND,
            LoopAttribute.LOW_LIMIT,
            LoopAttribute.HIGH_LIMIT,
            LoopAttribute.HISTORY_INPUT,
            LoopAttribute.HISTORY_SETPOINT,
        )
    }
    for name in (LoopAttribute.SETPOINT, LoopAttribute.POSITION):
        found[name].update(limit_properties(*finite(keys.limits)))
    found[LoopAttribute.INPUT].update(_archived(keys))
    found |= {str(name): {"unit": output_unit} for name in (LoopAttribute.OUTPUT, LoopAttribute.HISTORY_OUTPUT)}
    found[LoopAttribute.KP] = {"unit": f"{output_unit}/{unit}"}
    found[LoopAttribute.KI] = {"unit": f"{output_unit}/({unit}*s)"}
    found[LoopAttribute.KD] = {"unit": f"{output_unit}*s/{unit}"}
    found[LoopAttribute.RAMP_RATE] = {"unit": f"{unit}/min"}
    found[LoopAttribute.DEADBAND_TIME] = {"unit": "s"}
    found[LoopAttribute.HISTORY_TIME] = {"unit": "s"}
    return found


def soft_loop_attributes(keys: Any, output_unit: str) -> dict[str, dict[str, str]]:
    """Of a loop whose PID is ours."""
    found = loop_attributes(keys, output_unit)
    found |= {
        str(name): {"unit": output_unit}
        for name in (
            SoftLoopAttribute.PID_RANGE,
            SoftLoopAttribute.FEED_FORWARD,
            SoftLoopAttribute.PROPORTIONAL_PART,
            SoftLoopAttribute.INTEGRAL_PART,
            SoftLoopAttribute.DERIVATIVE_PART,
        )
    }
    found[SoftLoopAttribute.SAMPLING_FREQUENCY] = {"unit": "Hz"}
    found[SoftLoopAttribute.DEADBAND_IDLE_FACTOR] = {"unit": "%"}
    found[SoftLoopAttribute.JITTER] = {"unit": "s"}
    return found


def _number(keys: Any) -> dict[str, str]:
    return {"unit": keys.unit, "format": f"%.{keys.digits}f"}


def _archived(keys: Any) -> dict[str, str]:
    return dict(keys.archive.attribute_properties()) if keys.archive is not None else {}
