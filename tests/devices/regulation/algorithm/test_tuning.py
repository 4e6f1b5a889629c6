"""Auto-tuning and the step that follows it, for ovens drawn at random, against an independent simulation by scipy."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ronda.devices.regulation.algorithm.regulator import Regulator, Tunables
from ronda.devices.regulation.algorithm.relay import Relay, tyreus_luyben
from ronda.devices.regulation.contract import Gains, Reading
from ronda.simulators.physics.oven import Oven, OvenConstants

PERIOD = 0.1
NOISE = 0.02


def drawn(seed: int) -> OvenConstants:
    dice = random.Random(seed)
    return OvenConstants(
        capacity=dice.uniform(10, 120),
        loss=dice.uniform(0.05, 1.0),
        delay=dice.uniform(0.5, 4.0),
        sensor_time=dice.uniform(0.5, 3.0),
    )


def middle(constants: OvenConstants) -> float:
    """A temperature that needs half of the heater, or 100 K more than around the oven."""
    return constants.ambient + min(50.0 / constants.loss, 100.0)


def tuned(constants: OvenConstants, seed: int) -> Gains:
    dice, oven, time = random.Random(seed), Oven(constants), 0.0
    relay = Relay(middle(constants), 0.0, 100.0, 5 * NOISE)
    while not relay.done:
        oven.set(relay.step(oven.sensor + dice.gauss(0, NOISE), PERIOD), time)
        time += PERIOD
        oven.advance(time)
    assert relay.proposed is not None, relay.told()
    return relay.proposed


def stepped(constants: OvenConstants, gains: Gains, duration: float, seed: int) -> np.ndarray:
    """What the sensor shows after a step of the setpoint, with our loop."""
    dice, oven, time = random.Random(seed), Oven(constants), 0.0
    tunables = Tunables(gains, 0.0, 100.0, filter_time=gains.kd / gains.kp / 8)
    regulator = Regulator(tunables)
    regulator.cycle(Reading(oven.sensor), 0.0)
    regulator.start(0.0)
    regulator.go(middle(constants))
    shown = []
    while time < duration:
        output = regulator.cycle(Reading(oven.sensor + dice.gauss(0, NOISE)), PERIOD)
        assert output is not None
        oven.set(output, time)
        time += PERIOD
        oven.advance(time)
        shown.append(oven.sensor)
    return np.array(shown)


def independent(constants: OvenConstants, gains: Gains, duration: float) -> np.ndarray:
    """The same plant and an ideal sampled PID with clamped integral, written apart and integrated by scipy."""
    cycles = int(duration / PERIOD)
    lag = round(constants.delay / PERIOD)
    heater = np.zeros(cycles + lag + 1)
    state, integral, before, slope = np.array([constants.ambient] * 2), None, constants.ambient, 0.0
    target, shown = middle(constants), []
    smooth = math.exp(-PERIOD / (gains.kd / gains.kp / 8))
    for cycle in range(cycles):
        seen = state[1]
        error = target - seen
        slope = smooth * slope + (1 - smooth) * (seen - before) / PERIOD
        before = seen
        if integral is None:
            integral = -gains.kp * error
        free = gains.kp * error - gains.kd * slope
        grown = integral + gains.ki * error * PERIOD
        if 0 <= free + grown <= 100 or abs(free + grown - 50) < abs(free + integral - 50):
            integral = grown
        heater[cycle + lag] = min(max(free + integral, 0.0), 100.0)
        power = constants.power / 100 * heater[cycle]

        def change(_: float, now: np.ndarray, power: float = power) -> list[float]:
            lost = constants.loss * (now[0] - constants.ambient)
            return [(power - lost) / constants.capacity, (now[0] - now[1]) / constants.sensor_time]

        state = solve_ivp(change, (0, PERIOD), state, method="RK23", rtol=1e-6, atol=1e-6).y[:, -1]
        shown.append(state[1])
    return np.array(shown)


def settling(shown: np.ndarray, target: float, band: float) -> float:
    outside = np.flatnonzero(np.abs(shown - target) > band)
    return PERIOD * (outside[-1] + 1 if len(outside) else 0)


@pytest.mark.parametrize("seed", range(6))
def test_after_auto_tuning_a_step_overshoots_little_and_settles_as_it_should(seed: int) -> None:
    constants = drawn(seed)
    gains = tuned(constants, seed)
    target = middle(constants)
    height = target - constants.ambient
    duration = max(6 * gains.kp / gains.ki, 300.0)
    ours, theirs = stepped(constants, gains, duration, seed), independent(constants, gains, duration)
    assert ours.max() - target <= 0.1 * height
    assert settling(ours, target, 0.02 * height) <= 1.2 * settling(theirs, target, 0.02 * height) + 2 * PERIOD


@pytest.mark.parametrize("seed", range(6))
def test_long_after_a_step_the_error_is_within_the_noise(seed: int) -> None:
    constants = drawn(seed)
    gains = tuned(constants, seed)
    shown = stepped(constants, gains, 30 * gains.kp / gains.ki, seed)[-500:]
    assert abs(shown.mean() - middle(constants)) <= NOISE
    assert np.abs(shown - middle(constants)).max() <= 2 * NOISE


def test_the_rule_is_that_of_tyreus_and_luyben() -> None:
    gains = tyreus_luyben(22.0, 10.0)
    assert (gains.kp, gains.kp / gains.ki, gains.kd / gains.kp) == pytest.approx((10.0, 22.0, 10.0 / 6.3))


def test_a_plant_that_does_not_react_is_told() -> None:
    relay = Relay(300.0, 0.0, 100.0, 0.1, limit=60.0)
    while not relay.done:
        relay.step(295.0, 1.0)
    assert relay.told() == "gave up: the input did not cross the setpoint within 60 s"
