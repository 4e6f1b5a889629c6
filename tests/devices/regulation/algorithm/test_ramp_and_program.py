"""Ramps and programs in simulated time: hours take no time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ronda.devices.regulation.algorithm.program import Program, ProgramParameters
from ronda.devices.regulation.algorithm.ramp import Ramp


@given(rate=st.floats(0.1, 1000), start=st.floats(-100, 100), target=st.floats(-100, 100), cycles=st.integers(1, 50))
def test_a_ramp_takes_the_time_that_its_rate_per_minute_says(
    rate: float, start: float, target: float, cycles: int
) -> None:
    ramp = Ramp(start, rate)
    ramp.go(target)
    duration = abs(target - start) / rate * 60
    for _ in range(cycles):
        ramp.step(duration / cycles / 2)
    assert ramp.working == pytest.approx((start + target) / 2, abs=1e-6)
    ramp.step(duration / 2 + 1e-6 * (duration + 1))
    assert (ramp.working, ramp.running) == (target, False)


def test_a_ramp_without_a_rate_jumps_and_a_held_one_stays() -> None:
    ramp = Ramp(10.0)
    ramp.go(50.0)
    assert ramp.working == 50.0
    ramp.rate = 60.0
    ramp.go(100.0)
    ramp.step(5.0)
    ramp.hold()
    assert (ramp.step(100.0), ramp.target) == (55.0, 55.0)


def exactly(program: ProgramParameters, start: float, time: float) -> float:
    """Where a program should be after a time in s, from its corners."""
    at = start
    for _ in range(program.repeats):
        for step in program.steps:
            ramp = abs(step.to - at) / step.rate * 60 if step.rate else 0.0
            if time < ramp:
                return at + (step.to - at) * time / ramp
            time -= ramp
            at = step.to
            if time < step.soak:
                return at
            time -= step.soak
    return at


HOURS = ProgramParameters.model_validate(
    {
        "steps": [{"to": 400, "rate": 2, "soak": 1800}, {"to": 350, "rate": 10, "soak": 600}, {"to": 300, "soak": 60}],
        "repeats": 3,
    }
)


@pytest.mark.parametrize("period", [0.125, 1.0, 7.25, 613.0])
def test_a_program_of_hours_is_followed_exactly_whatever_the_cycle(period: float) -> None:
    program, time = Program(HOURS, 295.0), 0.0
    total = program.seconds_left()
    assert total > 3 * 3600
    while not program.done:
        assert program.seconds_left() == pytest.approx(total - time, abs=1e-6)
        time += period
        at = program.step(period, 0.0)
        around = [exactly(HOURS, 295.0, time + rounding) for rounding in (-1e-6, 0.0, 1e-6)]  # a jump may be just there
        assert any(at == pytest.approx(expected, abs=1e-6) for expected in around)
    assert time == pytest.approx(total, abs=period + 1e-6)
    assert program.working == 300.0


def test_it_waits_while_the_input_is_too_far_away() -> None:
    keys = ProgramParameters.model_validate({"steps": [{"to": 400, "rate": 60, "soak": 10}], "deviation": 5})
    program = Program(keys, 300.0)
    assert program.step(3.0, 300.0) == 303.0
    assert program.step(3.0, 297.0) == 303.0
    assert program.place.waiting
    assert program.step(3.0, 299.0) == 306.0
    assert not program.place.waiting


def test_after_a_jump_it_soaks_only_once_the_input_is_there() -> None:
    keys = ProgramParameters.model_validate({"steps": [{"to": 400, "soak": 10}, {"to": 300}], "deviation": 5})
    program = Program(keys, 300.0)
    assert program.step(100.0, 300.0) == 400.0
    assert program.step(100.0, 390.0) == 400.0
    assert program.step(9.0, 398.0) == 400.0
    assert program.step(2.0, 399.0) == 300.0


def test_a_program_without_steps_is_refused() -> None:
    with pytest.raises(ValidationError):
        ProgramParameters.model_validate({"steps": []})
