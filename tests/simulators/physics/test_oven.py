"""The oven follows its differential equations, which scipy integrates for comparison."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from ronda.simulators.physics.oven import Oven, OvenConstants
from ronda.simulators.physics.oven_controller import OvenController


def integrated(constants: OvenConstants, heater: list[tuple[float, float]], end: float) -> tuple[float, float]:
    """Temperatures of oven and sensor at `end`, for a heater that was set at times in s to %."""
    times = [0.0, *(time + constants.delay for time, _ in heater), end]
    state = [constants.ambient, constants.ambient]
    for begin, stop, output in zip(times, times[1:], [0.0, *(output for _, output in heater)], strict=False):
        power = constants.power * output / 100

        def change(_: float, now: list[float], power: float = power) -> list[float]:
            heat = power - constants.loss * (now[0] - constants.ambient)
            return [heat / constants.capacity, (now[0] - now[1]) / constants.sensor_time]

        if min(stop, end) > begin:
            state = solve_ivp(change, (begin, min(stop, end)), state, rtol=1e-9, atol=1e-9).y[:, -1]
    return float(state[0]), float(state[1])


@settings(deadline=None, max_examples=30)
@given(
    capacity=st.floats(5, 200),
    loss=st.floats(0.05, 2),
    delay=st.floats(0, 5),
    sensor=st.floats(0.1, 10),
    outputs=st.lists(st.floats(0, 100), min_size=1, max_size=3),
)
def test_temperatures_are_those_of_the_differential_equations(
    capacity: float, loss: float, delay: float, sensor: float, outputs: list[float]
) -> None:
    constants = OvenConstants(capacity, loss, 100.0, delay, sensor)
    oven = Oven(constants)
    heater = [(10.0 * index + 1.0, output) for index, output in enumerate(outputs)]
    for time, output in heater:
        oven.set(output, time)
    oven.advance(60.0)
    assert (oven.temperature, oven.sensor) == pytest.approx(integrated(constants, heater, 60.0), abs=1e-4)


def test_the_heater_saturates_and_warms_to_where_losses_balance_it() -> None:
    oven = Oven(OvenConstants())
    oven.set(150.0, 0.0)
    assert oven.output == 100.0
    oven.advance(1e5)
    assert oven.sensor == pytest.approx(295.0 + 100 / 0.25)


def test_nothing_happens_before_the_heat_arrives() -> None:
    oven = Oven(OvenConstants())
    oven.set(100.0, 1.0)
    oven.advance(2.999)
    assert oven.sensor == 295.0
    oven.advance(10.0)
    assert oven.sensor > 296.0


def test_its_own_controller_reaches_a_setpoint_with_a_ramp() -> None:
    controller = OvenController(Oven(OvenConstants()))
    controller.ramp = 60.0
    controller.switch("AUTO", 0.0)
    controller.go(350.0, 0.0)
    controller.advance(30.0)
    assert controller.working == pytest.approx(325.0, abs=0.2)
    controller.advance(600.0)
    assert controller.oven.sensor == pytest.approx(350.0, abs=0.1)


def test_its_watchdog_switches_the_heater_exactly_when_the_time_is_over() -> None:
    controller = OvenController(Oven(OvenConstants()))
    controller.guard(5.0, 10.0, 0.0)
    controller.manual(80.0, 1.0)
    controller.advance(5.9)
    assert controller.oven.output == 80.0
    controller.advance(100.0)
    assert controller.oven.output == 10.0
    expected = Oven(OvenConstants())
    expected.set(80.0, 1.0)
    expected.set(10.0, 6.0)
    expected.advance(100.0)
    assert math.isclose(controller.oven.temperature, expected.temperature, abs_tol=1e-6)
