"""What a loop whose PID is ours goes by, from its keys, and what it tells of its regulator, in numbers and words."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from ronda.devices.regulation.algorithm.regulator import Regulator, Tunables
from ronda.devices.regulation.contract import Gains
from ronda.devices.regulation.loop_state import LoopState
from ronda.framework.expression import Expression


def tunables(keys: Any, limits: tuple[float, float], safe_value: float) -> Tunables:
    """What a regulator goes by.

    Args:
        keys: of the loop.
        limits: lowest and highest output that may be asked for, unless `pid_range` says less.
        safe_value: of its output.
    """
    low, high = keys.pid_range or limits
    if low > high:
        low, high = high, low
    formula = Expression(keys.feed_forward)
    ahead: Callable[[float, float], float] | None = None
    if formula.names or float(formula({})):

        def ahead(setpoint: float, measured: float) -> float:
            return float(formula({"setpoint": setpoint, "input": measured}))

    return Tunables(
        Gains(keys.kp, keys.ki, keys.kd),
        low,
        high,
        safe_value,
        keys.filter_time,
        keys.mode,
        keys.hysteresis,
        keys.deadband,
        keys.deadband_time,
        keys.deadband_idle_factor,
        keys.wait_mode,
        keys.ramp_rate,
        keys.ramp_from,
        keys.input_range,
        tuple((each.above, Gains(each.kp, each.ki, each.kd)) for each in keys.schedule),
        ahead,
        keys.on_failure.input,
        keys.on_failure.over_range,
        keys.on_failure.tolerate,
    )


def state_of(regulator: Regulator, keys: Any, safe_value: float, ended_by: str, output_fault: str) -> LoopState:
    """What a loop does, in numbers and words.

    Args:
        regulator: of the loop.
        keys: of the loop.
        safe_value: of its output.
        ended_by: why it is off, as a clause.
        output_fault: why its output does not take values, as a clause; empty if it does.
    """
    fault = output_fault
    if regulator.fault and regulator.regulating:
        does = "is at its safe value" if regulator.output == safe_value else "stays as it is"
        fault = f"its input {keys.input} has a fault: {regulator.fault}; the output {does}"
    elif ended_by.startswith("off: ") and not regulator.regulating:
        fault = ended_by
    return LoopState(
        regulator.setpoint,
        regulator.ramp.working,
        regulator.measured,
        regulator.output if regulator.regulating else math.nan,
        regulator.deadband.inside,
        regulator.ramping,
        regulator.regulating,
        regulator.new_target,
        fault,
        _doing(regulator, keys, ended_by),
    )


def _doing(regulator: Regulator, keys: Any, ended_by: str) -> str:
    if not regulator.regulating:
        return ended_by
    if regulator.manual is not None:
        return f"manual, the output is at {regulator.output:g} {keys.output_unit}"
    if regulator.relay is not None and regulator.tuning:
        return f"tuning itself: {regulator.relay.told()}"
    if regulator.program is not None:
        place = regulator.program.place
        what = "waits for the input" if place.waiting else "soaks" if place.soaking else "ramps"
        return (
            f"program, round {place.round} of {regulator.program.program.repeats}, step {place.step} {what} "
            f"to {regulator.program.target:g} {keys.unit}"
        )
    return ""


def row_of(regulator: Regulator, now: float) -> tuple[float, ...]:
    """A row of the live channel: `now` in s since 1970, input, setpoints, output, and the parts of the PID."""
    parts = regulator.parts
    return (
        now,
        regulator.measured,
        regulator.setpoint,
        regulator.ramp.working,
        regulator.output,
        parts.proportional,
        parts.integral,
        parts.derivative,
    )


def place_of(regulator: Regulator) -> str:
    """Where the program is, as JSON; empty if none runs."""
    program = regulator.program
    if program is None:
        return ""
    place = program.place
    return json.dumps(
        {
            "round": place.round,
            "step": place.step,
            "soaking": place.soaking,
            "waiting": place.waiting,
            "seconds_left": program.seconds_left(),
        }
    )
