"""A PID neither winds up nor jumps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.devices.regulation.algorithm.pid import Pid
from ronda.devices.regulation.contract import Gains

GAINS = Gains(2.0, 0.5, 1.0)
number = st.floats(-1000, 1000)


def test_its_parts_are_those_of_the_formula() -> None:
    pid = Pid(GAINS, -1000, 1000)
    pid.begin(10.0, 10.0, 0.0)
    pid.step(12.0, 10.0, 1.0)
    output = pid.step(12.0, 11.0, 0.5)
    assert pid.parts.proportional == 2.0 * 1.0
    assert pid.parts.integral == 0.5 * (2.0 * 1.0 + 1.0 * 0.5)
    assert pid.parts.derivative == -1.0 * (11.0 - 10.0) / 0.5
    assert output == pytest.approx(2.0 + 1.25 - 2.0)


def test_a_step_of_the_setpoint_gives_the_derivative_no_kick() -> None:
    pid = Pid(Gains(0.0, 0.0, 5.0), -100, 100)
    pid.begin(10.0, 10.0, 0.0)
    assert pid.step(50.0, 10.0, 0.1) == 0.0


def test_the_filter_of_the_derivative_is_of_first_order() -> None:
    pid = Pid(Gains(0.0, 0.0, 1.0), -100, 100, filter_time=1.0)
    pid.begin(0.0, 0.0, 0.0)
    rate = [-pid.step(0.0, 0.01 * cycle, 0.01) for cycle in range(1, 101)]
    assert rate[-1] == pytest.approx(1 - 2.718281828**-1.0, abs=1e-6), "after one time constant"


def test_its_integral_does_not_wind_up_while_the_output_saturates() -> None:
    """Without this the integral would be at 0.5 × 100 × 60 = 3000 after a minute, and the output at its end for long."""
    pid = Pid(Gains(1.0, 0.5), 0.0, 100.0)
    pid.begin(200.0, 100.0, 100.0)
    for _ in range(600):
        assert pid.step(200.0, 100.0, 0.1) == 100.0
    assert pid.parts.integral <= 100.0
    assert pid.step(200.0, 201.0, 0.1) < 100.0, "it comes back with the first measurement beyond the setpoint"


def test_its_integral_waits_for_an_output_that_is_slower() -> None:
    """As an output of 1 %/s does: without hearing of it, the integral would be 50 × 0.5 × 20 s = 500 away."""
    pid = Pid(Gains(0.0, 0.5), 0.0, 1000.0)
    pid.begin(100.0, 50.0, 0.0)
    reached = 0.0
    for _ in range(200):
        reached = min(pid.step(100.0, 50.0, 0.1), reached + 0.1)
        pid.applied(reached)
    assert pid.parts.integral == pytest.approx(reached, abs=3.0)


@given(setpoint=number, measured=number, output=st.floats(-100, 100), ahead=st.floats(-10, 10))
def test_it_takes_over_an_output_as_it_is(setpoint: float, measured: float, output: float, ahead: float) -> None:
    pid = Pid(GAINS, -100, 100)
    pid.begin(setpoint, measured, output, ahead)
    assert pid.step(setpoint, measured, 0.0, ahead) == pytest.approx(output, abs=1e-9)


@given(measured=st.floats(90, 110), kp=st.floats(0, 10), ki=st.floats(0, 5), kd=st.floats(0, 5))
def test_other_gains_leave_the_output_where_it_is(measured: float, kp: float, ki: float, kd: float) -> None:
    pid = Pid(GAINS, -1e6, 1e6)
    pid.begin(100.0, 95.0, 30.0)
    before = pid.step(100.0, measured, 0.1)
    pid.retune(Gains(kp, ki, kd))
    # a further cycle with the same input changes the derivative, so look at what the sum is now
    after = kp * (100.0 - measured) + pid._integral - kd * pid._rate
    assert after == pytest.approx(before, abs=1e-6)


def test_without_taking_up_the_difference_the_output_would_jump() -> None:
    pid = Pid(Gains(2.0, 0.5), -1e6, 1e6)
    pid.begin(100.0, 95.0, 30.0)
    before = pid.step(100.0, 95.0, 0.0)
    pid.gains = Gains(8.0, 0.5)  # what `retune` is there for
    assert abs(pid.step(100.0, 95.0, 0.0) - before) == pytest.approx(30.0)
